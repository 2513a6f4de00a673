"""What the function rotates: its environment variable ROTATION, checked. It holds no secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lambdas.shared.errors import ConfigurationError
from lambdas.shared.sql import quoted

VARIABLE = "ROTATION"
_HIGHEST_LIMIT = 262143  # MAX_BACKENDS: max_connections cannot be higher
_LONGEST_INTERVAL = 1000  # days; of Secrets Manager


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """One secret, and the pair of logins that it alternates between.

    Attributes:
        region: where the secret is.
        secret: its ARN.
        host: the server's name, as clients use it.
        port: the server's port.
        database: the database that the logins use.
        rotator: the login that may change the pair, by IAM.
        logins: the pair.
        connection_limit: of each of the pair.
        settings: session settings of each of the pair; a list is one of names.
        roles: the roles that each of the pair is a member of, and no others.
        writes: schemas in which the logins create tables.
        reads: schemas whose tables they read.
        valid_until: the instant (RFC 3339) from which on neither logs in; None: no such instant.
        interval_days: how often the secret is rotated.
    """

    region: str
    secret: str
    host: str
    port: int
    database: str
    rotator: str
    logins: tuple[str, str]
    connection_limit: int
    settings: Mapping[str, str | tuple[str, ...]]
    roles: tuple[str, ...]
    writes: tuple[str, ...]
    reads: tuple[str, ...]
    valid_until: str | None
    interval_days: int

    @classmethod
    def parse(cls, text: str | None) -> Rotation:
        """Return what the variable says.

        Raises:
            ConfigurationError: it is not set, or a key is missing, unknown or of another kind.
        """
        given = _object(text)
        first, second = _pair(_names(given, "logins"))
        return cls(
            region=_text(given, "region"),
            secret=_text(given, "secret"),
            host=_text(given, "host"),
            port=_number(given, "port", lowest=1, highest=65535),
            database=_text(given, "database"),
            rotator=_name("rotator", given["rotator"]),
            logins=(first, second),
            connection_limit=_number(given, "connectionLimit", lowest=1, highest=_HIGHEST_LIMIT),
            settings=_settings(given),
            roles=_names(given, "roles"),
            writes=_names(given, "writes"),
            reads=_names(given, "reads"),
            valid_until=_instant(given, "validUntil"),
            interval_days=_number(given, "intervalDays", lowest=1, highest=_LONGEST_INTERVAL),
        )

    @property
    def role(self) -> str | None:
        """The role that the logins act as from their first statement on, if there is one."""
        role = self.settings.get("role")
        return role if isinstance(role, str) else None

    def other(self, login: str | None) -> str:
        """Return the login of the pair that `login` is not; the first if it is neither."""
        first, second = self.logins
        return second if login == first else first


_KEYS = {
    "region", "secret", "host", "port", "database", "rotator", "logins", "connectionLimit",
    "settings", "roles", "writes", "reads", "validUntil", "intervalDays",
}  # fmt: skip


def _object(text: str | None) -> Mapping[str, Any]:
    try:
        given = json.loads(text or "")
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise ConfigurationError(
            f"Environment variable {VARIABLE} is not a JSON object: run `pulumi up`, which sets it."
        )
    for key in sorted(_KEYS - given.keys()):
        raise _wrong(key, "missing", "required")
    for key in sorted(given.keys() - _KEYS):
        raise _wrong(key, "unknown", f"one of {', '.join(sorted(_KEYS))}")
    return given


def _text(given: Mapping[str, Any], key: str) -> str:
    value = given[key]
    if not isinstance(value, str) or not value:
        raise _wrong(key, repr(value), "a text that is not empty")
    return value


def _number(given: Mapping[str, Any], key: str, *, lowest: int, highest: int) -> int:
    value = given[key]
    if type(value) is not int or not lowest <= value <= highest:
        raise _wrong(key, repr(value), f"a whole number from {lowest} to {highest}")
    return value


def _name(key: str, value: object) -> str:
    try:
        quoted(value if isinstance(value, str) else "")
    except ValueError:
        raise _wrong(key, repr(value), "a name that PostgreSQL can have") from None
    return str(value)


def _names(given: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = given[key]
    if not isinstance(value, list):
        raise _wrong(key, repr(value), "a list of names")
    return tuple(_name(key, name) for name in value)


def _pair(names: tuple[str, ...]) -> tuple[str, str]:
    if len(names) != 2 or names[0] == names[1]:
        raise _wrong("logins", repr(list(names)), "a list of two different names")
    return names[0], names[1]


def _instant(given: Mapping[str, Any], key: str) -> str | None:
    value = given[key]
    if value is None:
        return None
    try:
        zone = datetime.fromisoformat(_text(given, key)).tzinfo
    except ValueError:
        zone = None
    if zone is None:
        raise _wrong(key, repr(value), "an instant as RFC 3339 has it, or null")
    return str(value)


def _settings(given: Mapping[str, Any]) -> Mapping[str, str | tuple[str, ...]]:
    value = given["settings"]
    if not isinstance(value, dict):
        raise _wrong("settings", repr(value), "an object of texts and lists of names")
    return {
        _name("settings", name): tuple(_name(f"settings.{name}", one) for one in held)
        if isinstance(held, list)
        else _name(f"settings.{name}", held)
        for name, held in sorted(value.items())
    }


def _wrong(key: str, is_now: str, allowed: str) -> ConfigurationError:
    return ConfigurationError(
        f"Key {key} of environment variable {VARIABLE} is {is_now}; allowed is {allowed}: "
        "run `pulumi up`, which sets it."
    )
