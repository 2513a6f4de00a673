"""What the function is asked to do: its event, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lambdas.airflow_keys.values import KINDS
from lambdas.shared.errors import EventError

_KEYS = {"region", "secrets"}


@dataclass(frozen=True, kw_only=True)
class Request:
    """The secrets of one environment's keys.

    Attributes:
        region: where they are.
        secrets: kind of key to the ARN of its secret.
    """

    region: str
    secrets: Mapping[str, str]

    @classmethod
    def parse(cls, event: object) -> Request:
        """Return the request that an event is.

        Raises:
            EventError: a key is missing, unknown or of another kind.
        """
        given = _object(event, "The event", _KEYS)
        for key in sorted(_KEYS - given.keys()):
            raise _wrong(key, "missing", "required")
        secrets = _object(given["secrets"], "Event key secrets", KINDS)
        if not secrets:
            raise _wrong("secrets", "empty", f"an object with {' or '.join(sorted(KINDS))}")
        return cls(
            region=_text(given["region"], "region"),
            secrets={kind: _text(arn, f"secrets.{kind}") for kind, arn in sorted(secrets.items())},
        )


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
