"""`make access-diff ENV=... BASE=...`: what identities gain or lose, and the budget."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

from local.commands.common import CommandError, settings_of
from local.paths import Paths
from local.pull_request.base import base_of, budget_line
from stacks.access import declared_access
from stacks.access_changes import access_changes
from stacks.budget import connection_budget

_SIGNS = {"gain": "+", "loss": "-", "change": "!"}


def run(paths: Paths, arguments: argparse.Namespace) -> int:
    """Compare the settings here with those of another checkout; gains come first.

    Raises:
        CommandError: there is no such checkout.
        SettingsError: the settings here are wrong.
    """
    folder = Path(arguments.base)
    if not arguments.base or not (folder / "Pulumi.yaml").is_file():
        raise CommandError(
            f"BASE is {str(arguments.base)!r}; it must be the folder of a checkout of this project "
            "as it was: make one with `git worktree add FOLDER COMMIT`"
        )
    settings = settings_of(paths, arguments.env)
    base = base_of(folder, arguments.env, datetime.now(UTC).date())
    found = access_changes(base.access, declared_access(settings))
    line = budget_line(base.budget, connection_budget(settings))
    if arguments.json:
        document = {
            "environment": arguments.env,
            "note": base.note,
            **found.as_dict(),
            "budget": line,
        }
        print(json.dumps(document, indent=2, ensure_ascii=False))
        return 0
    if base.note:
        print(f"note: {base.note}")
    for one in found.changes:
        print(f"{_SIGNS[one.effect]} {one.sentence}")
    if not found.changes:
        print("nobody gains or loses anything")
    print(f"budget: {line}")
    return 0
