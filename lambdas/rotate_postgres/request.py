"""What the function is asked to do: its event, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lambdas.shared.errors import EventError

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
"""Of Secrets Manager, in their order."""
OWN_STEPS = ("first", "check")
"""Of the program: once, and daily."""
FAILURES = {"RotationFailed": "rotation_failed", "RotationAbandoned": "rotation_abandoned"}
"""Secrets Manager's events that a rotation has failed, and what the function logs of them."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One step of a rotation, or one of the program's own.

    Attributes:
        step: of `STEPS`, of `OWN_STEPS`, or the name of Secrets Manager's event that a rotation
            has failed.
        secret: the secret's ARN; empty for the program's own steps.
        token: the version that is to become the current one; empty if it is no rotation's step.
    """

    step: str
    secret: str = ""
    token: str = ""

    @classmethod
    def parse(cls, event: object) -> Request:
        """Return the request that an event is.

        Raises:
            EventError: it is none of those that the function knows.
        """
        if not isinstance(event, Mapping):
            raise EventError(
                "The event must be a JSON object: correct the input of the invocation."
            )
        if "Step" in event:
            return cls(
                step=_one_of("Step", event["Step"], STEPS),
                secret=_text("SecretId", event.get("SecretId")),
                token=_text("ClientRequestToken", event.get("ClientRequestToken")),
            )
        if "detail-type" in event:
            detail = event.get("detail")
            held = detail if isinstance(detail, Mapping) else {}
            about = held.get("additionalEventData")
            return cls(
                step=_one_of("detail.eventName", held.get("eventName"), tuple(FAILURES)),
                secret=_text(
                    "detail.additionalEventData.SecretId",
                    about.get("SecretId") if isinstance(about, Mapping) else None,
                ),
            )
        return cls(step=_one_of("step", event.get("step"), OWN_STEPS))


def _one_of(key: str, value: object, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise _wrong(key, value, f"one of {', '.join(allowed)}")
    return str(value)


def _text(key: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise _wrong(key, value, "a text that is not empty")
    return value


def _wrong(key: str, is_now: object, allowed: str) -> EventError:
    return EventError(
        f"Event key {key} is {is_now!r}; allowed is {allowed}: correct the input of the invocation."
    )
