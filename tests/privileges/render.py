"""Writes docs/privileges.md from the matrix: python -m tests.privileges.render."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.privileges.matrix import (
    IN_DATABASES,
    IN_SCHEMAS,
    ON_SERVER,
    ROLE_VERBS,
    STANDINGS,
)

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "privileges.md"
COMMAND = "python -m tests.privileges.render"

_TITLE = f"""\
# Who may do what in the databases

This is the matrix that `tests/privileges` tries on real servers, on PostgreSQL 16 and 18: every
login, every verb, every schema, database and role, in two environments. Each attempt is a real
statement in a session that an IAM token opened over TLS, and is taken back. What is not allowed is
refused for want of a privilege; any other error is a failed test. This file was written by
`{COMMAND}`; change `tests/privileges/matrix.py`, and run that.

An IAM role opens its own login, and no other: not of another workflow, environment or component,
and none of the other instance. That of somebody whose password is rotated opens none: both logins
of the pair are tried with their passwords. Workflows, people and agents have no login on the
metadata instance, and Airflow's components none on the application instance.
"""
_IN_SCHEMAS = """
## In a schema

To a schema that is not in its row of the settings a login is nothing, and so is the provisioner:
every line is denied. A bare login is nothing to all of them. The master cannot enter the database.
"""
_IN_DATABASES = """
## In a database

The provisioner's own databases are those of all environments. The master has none: to act in one,
it first gives itself the provisioner.
"""
_ON_SERVER = """
## On the server

From within its own database, and for the master from within `postgres`, which it owns.
"""
_ON_ROLES = """
## On roles

Tried on every role of the instance. The provisioner, and through it the master, may do all of it
to the roles that the provisioner made, but cannot become them. A rotator may do all of it to its
pair: who sets a password could log in with it, so it is let become either as well. It may make
roles, as nothing less than CREATEROLE lets it set a password, and can give them nothing.

| verb | on which roles, for all others |
|---|---|
"""
_LIMITS = """
## What PostgreSQL leaves open

Nobody but RDS's own superuser could close these:

- Every login may make large objects in its database, take advisory locks, and send notifications;
  one that only reads can so fill the disk, and then owns something.
- Every login sees the names of all schemas, tables and roles of its instance, and the text of views
  and functions, but no rows and no values sampled from rows.
- Every login may lift its own timeouts, for a session. A login that acts for itself (R, C, A) may
  change its own settings for good, such as timeouts, search path and role; it gains no right by it.
- Who owns a table may grant it to others, but not the use of its schema.

## What only RDS can tell

Here a login may set its own password; RDS refuses that, by `rds.restrict_password_commands`, and
lets no member of `rds_iam` in by a password anyway. Here the master reads `pg_authid`, by
`pg_read_all_data`.
"""


def document() -> str:
    """The whole file."""
    return "".join(
        (
            _TITLE,
            "\n| | who |\n|---|---|\n",
            *(f"| {letter} | {who} |\n" for letter, who in STANDINGS.items()),
            _IN_SCHEMAS,
            *_table(IN_SCHEMAS, "WROC"),
            _IN_DATABASES,
            *_table(IN_DATABASES, "WROCATPM"),
            _ON_SERVER,
            *_table({"server": ON_SERVER}, "WROCATPM"),
            _ON_ROLES,
            *(f"| {verb} | {roles} |\n" for verb, roles in ROLE_VERBS.items()),
            _LIMITS,
        )
    )


def _table(rights: Mapping[str, Mapping[str, str]], columns: str) -> Iterator[str]:
    """A column for each standing, with a cross where it is allowed."""
    yield f"\n| object | verb | {' | '.join(columns)} |\n"
    yield f"|---|---|{':-:|' * len(columns)}\n"
    for kind, verbs in rights.items():
        for index, (verb, allowed) in enumerate(verbs.items()):
            marks = " | ".join("x" if column in allowed else "" for column in columns)
            yield f"| {'' if index else kind} | {verb} | {marks} |\n"


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
