"""What the function is asked to do: its event, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambdas.shared.errors import EventError
from lambdas.shared.sql import quoted

_KEYS = {"host", "port", "masterSecretArn", "masterUsername", "provisioner", "region"}
_OPTIONAL = {"connectionLimit"}
# PostgreSQL's own default: no limit for this login.
_UNLIMITED = -1
_HIGHEST_LIMIT = 262143  # MAX_BACKENDS: max_connections cannot be higher


@dataclass(frozen=True, kw_only=True)
class Request:
    """One instance, its master user and the login to make."""

    host: str
    port: int
    region: str
    master: str
    master_secret_arn: str
    provisioner: str
    connection_limit: int

    @classmethod
    def parse(cls, event: object) -> Request:
        """Return the request that an event is.

        Raises:
            EventError: a key is missing, unknown or of another kind.
        """
        if not isinstance(event, Mapping):
            raise EventError(
                "The event must be a JSON object: correct the input of the invocation."
            )
        for key in sorted(_KEYS - event.keys()):
            raise _wrong(key, "missing", "required")
        for key in sorted(event.keys() - _KEYS - _OPTIONAL):
            raise _wrong(key, "unknown", f"one of {', '.join(sorted(_KEYS | _OPTIONAL))}")
        request = cls(
            host=_text(event, "host"),
            port=_number(event["port"], "port", lowest=1, highest=65535),
            region=_text(event, "region"),
            master=_name(event, "masterUsername"),
            master_secret_arn=_text(event, "masterSecretArn"),
            provisioner=_name(event, "provisioner"),
            connection_limit=_number(
                event.get("connectionLimit", _UNLIMITED),
                "connectionLimit",
                lowest=_UNLIMITED,
                highest=_HIGHEST_LIMIT,
            ),
        )
        if request.provisioner == request.master:
            raise _wrong("provisioner", repr(request.provisioner), "another login than the master")
        return request


def _text(event: Mapping[str, Any], key: str) -> str:
    value = event[key]
    if not isinstance(value, str) or not value:
        raise _wrong(key, repr(value), "a text that is not empty")
    return value


def _name(event: Mapping[str, Any], key: str) -> str:
    value = _text(event, key)
    try:
        quoted(value)
    except ValueError as error:
        raise EventError(
            f"Event key {key}: {error}; correct the input of the invocation."
        ) from None
    return value


def _number(value: object, key: str, *, lowest: int, highest: int) -> int:
    if type(value) is not int or not lowest <= value <= highest:
        raise _wrong(key, repr(value), f"a whole number from {lowest} to {highest}")
    return value


def _wrong(key: str, is_now: str, allowed: str) -> EventError:
    return EventError(
        f"Event key {key} is {is_now}; allowed is {allowed}: correct the input of the invocation."
    )
