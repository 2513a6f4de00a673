"""SQL for statements that take no parameters: names are quoted into them, nothing else is."""

from __future__ import annotations

# NAMEDATALEN - 1: PostgreSQL cuts longer names off silently, and would mean another role.
LONGEST_NAME = 63


def quoted(name: str) -> str:
    """Return `name` as a delimited identifier.

    Raises:
        ValueError: PostgreSQL can have no such name.
    """
    if not name or "\0" in name or len(name.encode()) > LONGEST_NAME:
        raise ValueError(
            f"{name!r} is no name for PostgreSQL: 1 to {LONGEST_NAME} bytes without NUL"
        )
    return '"' + name.replace('"', '""') + '"'


def compose(statement: str, **names: str) -> str:
    """Return `statement` with each `{key}` replaced by the quoted name of that key."""
    return statement.format(**{key: quoted(name) for key, name in names.items()})


def literal(text: str) -> str:
    """Return `text` as a string constant, for statements that take no parameters.

    Raises:
        ValueError: what it means would depend on the session's settings.
    """
    if "\0" in text or "\\" in text:
        raise ValueError(f"{text!r} cannot be a constant: it has a NUL or a backslash")
    return "'" + text.replace("'", "''") + "'"
