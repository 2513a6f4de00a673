"""The version that a change is compared with: its settings, read by the code of the change.

The base's own code is not run here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from stacks.access import Access, declared_access
from stacks.access_changes import NOTHING
from stacks.budget import Budget, InstanceBudget, connection_budget
from stacks.errors import SettingsError
from stacks.sentences import NAMESPACE
from stacks.settings import Settings, load_stack_file, stack_configuration

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Base:
    """What the base declared."""

    access: Access
    budget: Budget | None
    note: str
    """Why there is nothing to compare with; empty if there is."""


def base_of(folder: Path, stack: str, today: date) -> Base:
    """Read what the checkout in `folder` declares of a stack."""
    if not (folder / f"Pulumi.{stack}.yaml").exists():
        return Base(access=NOTHING, budget=None, note=f"{stack} is a new environment")
    try:
        settings = _settings(folder, stack, today)
        return Base(access=declared_access(settings), budget=connection_budget(settings), note="")
    except SettingsError as error:
        return Base(
            access=NOTHING,
            budget=None,
            note=f"the base's Pulumi.{stack}.yaml is not valid now, so all access is shown as new: "
            f"{error.problems[0]}",
        )


def budget_line(before: Budget | None, after: Budget) -> str:
    """How many connections are promised of how many, and were, in one line."""
    pairs = (
        (before.metadata if before else None, after.metadata),
        (before.application if before else None, after.application),
    )
    return "; ".join(f"{now.instance} {_promised(was, now)}" for was, now in pairs)


def _promised(before: InstanceBudget | None, after: InstanceBudget) -> str:
    now = f"{after.total} of {after.max_connections} connections ({after.instance_class})"
    was = before and f"{before.total} of {before.max_connections} ({before.instance_class})"
    same = before and (before.total, before.max_connections, before.instance_class) == (
        after.total,
        after.max_connections,
        after.instance_class,
    )
    return f"{now}, as before" if same else f"{now}, before {was}" if was else now


def _settings(folder: Path, stack: str, today: date) -> Settings:
    """The settings as of today or, where an access has run out since, as of its last day."""
    return load_stack_file(folder, stack, min([today, *_last_days(folder, stack)]))


def _last_days(folder: Path, stack: str) -> Iterator[date]:
    config = stack_configuration(folder, stack)
    for group in ("people", "agents"):
        try:
            for each in json.loads(config.get(f"{NAMESPACE}:{group}", "[]")):
                yield date.fromisoformat(each["expires"])
        except (ValueError, TypeError, KeyError):
            continue  # What is wrong with it is said where the settings are loaded.
