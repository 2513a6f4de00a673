"""What the function is asked to do: its event, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lambdas.airflow_keys.values import KINDS
from lambdas.shared.errors import EventError

_KEYS = {"region", "secrets"}
_ROTATION_KEYS = {"step", "proof", "force"}
_OVERLAP_STEPS = ("add", "phase", "promote", "retire")
STEPS: Mapping[str, tuple[str, ...]] = {
    "fernet": _OVERLAP_STEPS,
    "jwt": _OVERLAP_STEPS,
    # Airflow takes only one.
    "api": ("phase", "replace"),
}
"""Kind of key to the steps that there are for it."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """The secrets of one environment's keys, and what to do with them.

    Attributes:
        region: where they are.
        secrets: kind of key to the ARN of its secret; only one when there is a step.
        step: of a rotation; "" to give first values.
        proof: for `retire` of a fernet key: what `reencrypt.py` printed.
        force: for `retire` of a jwt key: do not wait until nobody has a token of it.
    """

    region: str
    secrets: Mapping[str, str]
    step: str = ""
    proof: str = field(default="", repr=False)
    force: bool = False

    @classmethod
    def parse(cls, event: object) -> Request:
        """Return the request that an event is.

        Raises:
            EventError: a key is missing, unknown or of another kind.
        """
        given = _object(event, "The event", _KEYS | _ROTATION_KEYS)
        for key in sorted(_KEYS - given.keys()):
            raise _wrong(key, "missing", "required")
        secrets = _object(given["secrets"], "Event key secrets", KINDS)
        if not secrets:
            raise _wrong("secrets", "empty", f"an object with {' or '.join(sorted(KINDS))}")
        return cls(
            region=_text(given["region"], "region"),
            secrets={kind: _text(arn, f"secrets.{kind}") for kind, arn in sorted(secrets.items())},
            **_rotation(given, [*secrets]),
        )


def _rotation(given: Mapping[str, object], kinds: list[str]) -> dict[str, Any]:
    """What the event says of a rotation; nothing if it is about first values."""
    if "step" not in given:
        for key in sorted(_ROTATION_KEYS & given.keys()):
            raise _wrong(key, "there without a step", "with step retire only")
        return {}
    if len(kinds) != 1:
        raise _wrong("secrets", f"{' and '.join(sorted(kinds))}", "one secret when there is a step")
    allowed = STEPS[kinds[0]]
    if given["step"] not in allowed:
        what = f"one of {', '.join(allowed)} for {kinds[0]}"
        raise _wrong("step", repr(given["step"]), what)
    only = {"fernet": "proof", "jwt": "force"}.get(kinds[0]) if given["step"] == "retire" else None
    for key in sorted((_ROTATION_KEYS - {"step", only}) & given.keys()):
        raise _wrong(key, f"there with step {given['step']} of {kinds[0]}", "none")
    force = given.get("force", False)
    if not isinstance(force, bool):
        raise _wrong("force", repr(force), "true or false")
    found: dict[str, Any] = {"step": given["step"], "force": force}
    return found | ({"proof": _text(given["proof"], "proof")} if "proof" in given else {})


def _object(
    value: object, what: str, known: Mapping[str, object] | set[str]
) -> Mapping[str, object]:
    allowed = f"allowed is a JSON object with {', '.join(sorted(known))}"
    if not isinstance(value, Mapping):
        raise EventError(f"{what} is no object; {allowed}: correct the input of the invocation.")
    for key in sorted(value.keys() - known):
        raise EventError(f"{what} has {key}; {allowed}: correct the input of the invocation.")
    return value


def _text(value: object, key: str) -> str:
    if not isinstance(value, str) or not value:
        raise _wrong(key, repr(value), "a text that is not empty")
    return value


def _wrong(key: str, is_now: str, allowed: str) -> EventError:
    return EventError(
        f"Event key {key} is {is_now}; allowed is {allowed}: correct the input of the invocation."
    )
