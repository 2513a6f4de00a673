"""What an environment says of the rules: `policies/environments/<stack>.json` and its waivers.

The file is what `pulumi preview --policy-pack-config` takes, so both read the same one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import jsonschema

from policies.judgement import Environment, Waiver
from policies.rule import Level
from policies.rules import RULES
from stacks.settings import load_stack_file

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

LEVEL = "enforcementLevel"
_LEVELS = {one.value: one for one in Level}
_ABOUT = {one.about.name: one.about for one in RULES}


class PolicyConfigError(ValueError):
    """A file of `policies/environments` is wrong; one sentence for each problem."""


def environment_of(root: Path, stack: str, *, today: date) -> Environment:
    """Return what a stack's environment says.

    Raises:
        PolicyConfigError: the file names what is not there, or a value that is not allowed.
        SettingsError: the stack's own file is wrong.
    """
    path = root / "policies" / "environments" / f"{stack}.json"
    configured = _read(path)
    if problems := [f"{path.name}: {one}" for one in _problems(configured)]:
        raise PolicyConfigError("\n".join(problems))
    return Environment(
        levels={name: _LEVELS[one[LEVEL]] for name, one in configured.items() if LEVEL in one},
        parameters={
            name: {key: value for key, value in one.items() if key != LEVEL}
            for name, one in configured.items()
        },
        waivers=tuple(
            Waiver(rule=one.rule, resource=one.resource, reason=one.reason, expires=one.expires)
            for one in load_stack_file(root, stack).waivers
        ),
        today=today,
    )


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PolicyConfigError(
            f"{path} does not exist: write {{}} into it to have every rule as it is by default"
        ) from None
    try:
        document = json.loads(text)
    except ValueError as error:
        raise PolicyConfigError(f"{path.name} is no JSON ({error}): mend it") from None
    if not isinstance(document, dict):
        raise PolicyConfigError(f"{path.name} holds no object: write rules and what is set of them")
    # A level alone is written as a text, as CrossGuard allows.
    return {key: {LEVEL: one} if isinstance(one, str) else one for key, one in document.items()}


def _problems(configured: Mapping[str, Any]) -> Iterator[str]:
    for name, one in configured.items():
        about = _ABOUT.get(name)
        if about is None:
            yield f"{name} is no rule; `make policy RULES=1` lists them"
            continue
        allowed = {LEVEL: {"enum": [*_LEVELS]}, **about.parameters}
        schema = {"type": "object", "additionalProperties": False, "properties": allowed}
        for error in jsonschema.Draft202012Validator(schema).iter_errors(one):
            where = ".".join([name, *map(str, error.absolute_path)])
            yield f"{where}: {error.message}; it may have {', '.join(allowed)}"
