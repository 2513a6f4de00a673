"""The settings of the `local` stack with any number of workflows, and the room for them.

A workflow writes its own schema and reads that of the workflow before it. Each holds one connection
at most, and the application instance is of the smallest class with room for all of them.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from local.commands.common import LOCAL
from stacks.budget import max_connections
from stacks.instance_classes import family
from stacks.sentences import NAMESPACE
from stacks.settings import stack_configuration

FAMILY = "db.m8g.large"
"""Any class of the family that the instance is chosen from."""
OTHERS = 40
"""Connections that are not the workflows': the provisioner's, break glass, reserved, headroom."""


def with_workflows(configuration: Mapping[str, str], count: int) -> dict[str, str]:
    """Return the configuration of a stack, full key to text, with `count` workflows, no readers."""
    application = json.loads(configuration[f"{NAMESPACE}:application"])
    changed: dict[str, Any] = {
        "application": {**application, "instanceClass": _instance_class(count)},
        "workflows": [_workflow(number) for number in range(count)],
        "people": [],
        "agents": [],
    }
    return {
        **configuration,
        **{f"{NAMESPACE}:{key}": json.dumps(value) for key, value in changed.items()},
    }


@contextlib.contextmanager
def declared(root: Path, count: int) -> Iterator[None]:
    """Let the stack's file declare so many workflows, for a while."""
    file = root / f"Pulumi.{LOCAL}.yaml"
    text = file.read_text(encoding="utf-8")
    config = with_workflows(stack_configuration(root, LOCAL), count)
    file.write_text(yaml.safe_dump({"config": {k: _value(v) for k, v in config.items()}}))
    try:
        yield
    finally:
        file.write_text(text, encoding="utf-8")


def _value(text: str) -> object:
    """What the stack's file has for a text of the configuration: lists and groups, or the text."""
    return json.loads(text) if text[:1] in {"[", "{"} or text in {"true", "false"} else text


def _instance_class(count: int) -> str:
    return next(one for one in family(FAMILY) if max_connections(one) >= count + OTHERS)


def _name(number: int) -> str:
    return f"workflow-{number:04}"


def _workflow(number: int) -> Mapping[str, Any]:
    return {
        "name": _name(number),
        "writes": True,
        "reads": [_name(number - 1)] if number else [],
        "connectionLimit": 1,
        "schemaVersion": 1,
    }
