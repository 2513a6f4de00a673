"""What the drivers of PostgreSQL share: composed statements, catalog questions, acting as a role.

The statements and their order are those of the `postgresql` provider's plugin, so that what works
here works there. Nothing is ever put into SQL but by `psycopg.sql`.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.pq import TransactionStatus

from local.deploy.drivers.base import DriverError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from local.deploy.servers import Connection

PUBLIC = "public"

PRIVILEGES = {
    "database": ("ALL", "CREATE", "CONNECT", "TEMPORARY"),
    "function": ("ALL", "EXECUTE"),
    "procedure": ("ALL", "EXECUTE"),
    "routine": ("ALL", "EXECUTE"),
    "schema": ("ALL", "CREATE", "USAGE"),
    "sequence": ("ALL", "USAGE", "SELECT", "UPDATE"),
    "table": (
        "ALL",
        "SELECT",
        "INSERT",
        "UPDATE",
        "DELETE",
        "TRUNCATE",
        "REFERENCES",
        "TRIGGER",
        "MAINTAIN",
    ),
    "type": ("ALL", "USAGE"),
}
"""What can be granted on each type of object; MAINTAIN from PostgreSQL 17 on."""


def name(identifier: str) -> sql.Identifier:
    """Return a quoted name."""
    return sql.Identifier(identifier)


def names(identifiers: Iterable[str]) -> sql.Composed:
    """Return quoted names with commas between them."""
    return sql.SQL(", ").join(sql.Identifier(identifier) for identifier in identifiers)


def privilege_words(object_type: str, privileges: Iterable[str]) -> sql.Composed:
    """Return privileges as SQL words.

    Raises:
        DriverError: one of them cannot be granted on this type of object.
    """
    allowed = PRIVILEGES.get(object_type)
    if allowed is None:
        raise DriverError(
            f"objectType {object_type!r} is not supported; allowed are {', '.join(PRIVILEGES)}"
        )
    given = sorted(privileges)
    wrong = [privilege for privilege in given if privilege not in allowed]
    if wrong:
        raise DriverError(
            f"privileges {', '.join(wrong)} cannot be granted on a {object_type}; "
            f"allowed are {', '.join(allowed)}"
        )
    return sql.SQL(", ").join(sql.SQL(word) for word in allowed if word in given)


def object_word(object_type: str, *, plural: bool = False) -> sql.SQL:
    """Return the SQL word for one of the types of `PRIVILEGES`, such as TABLE or TABLES."""
    words = {known: known.upper() for known in PRIVILEGES}
    return sql.SQL(words[object_type] + ("S" if plural else ""))


def run(connection: Connection, statement: str, *parts: sql.Composable) -> None:
    """Run `statement` with `parts` in the places of its `{}`."""
    connection.execute(sql.SQL(statement).format(*parts))


def value(connection: Connection, query: str, *parameters: object) -> Any:  # noqa: ANN401 - any type of SQL
    """Return the first column of the first row, or `None`."""
    row = connection.execute(query, parameters).fetchone()
    return row[0] if row else None


def role_exists(connection: Connection, role: str) -> bool:
    """Tell whether there is a role of that name; everybody's exists always."""
    query = "SELECT true FROM pg_roles WHERE rolname = %s"
    return role == PUBLIC or bool(value(connection, query, role))


def schema_exists(connection: Connection, schema: str) -> bool:
    """Tell whether the connected database has a schema of that name."""
    return bool(value(connection, "SELECT true FROM pg_namespace WHERE nspname = %s", schema))


def database_exists(connection: Connection, database: str) -> bool:
    """Tell whether the server has a database of that name."""
    return bool(value(connection, "SELECT true FROM pg_database WHERE datname = %s", database))


def database_owner(connection: Connection) -> str:
    """Return the owner of the connected database."""
    query = """
        SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()
    """
    return str(value(connection, query))


def schema_owner(connection: Connection, schema: str) -> str:
    """Return the owner of a schema; PostgreSQL's own word for the database's owner is resolved.

    Raises:
        DriverError: there is no such schema.
    """
    query = "SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = %s"
    owner = value(connection, query, schema)
    if owner is None:
        raise DriverError(f"there is no schema {schema}")
    return database_owner(connection) if owner == "pg_database_owner" else str(owner)


_ONE_APPLIER = 7_305_091_164
"""Key of the advisory lock, which counts within one database; any number that nobody else uses."""


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """Run the block as one transaction without the server's limit on statements.

    Waiting for a lock that a workflow holds is not a reason to leave half of the grants undone.
    """
    with connection.transaction():
        connection.execute("SET LOCAL statement_timeout = 0")
        # Two appliers that grant on one object at once fail with "tuple concurrently updated".
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_ONE_APPLIER])
        yield


@contextmanager
def acting_as(connection: Connection, roles: Iterable[str]) -> Iterator[None]:
    """Be a member of `roles` for the time of the block.

    Only members of an owner may change what it owns, and the provisioner is no superuser. Where a
    role is a member of the connected login, that membership is put aside meanwhile, as PostgreSQL
    has no circles.
    """
    me = str(value(connection, "SELECT current_user"))
    granted: list[str] = []
    put_aside: list[str] = []
    for role in () if _is_superuser(connection, me) else roles:
        if role == me or _is_superuser(connection, role):
            continue
        if _is_member(connection, of=me, member=role):
            run(connection, "REVOKE {} FROM {}", name(me), name(role))
            put_aside.append(role)
        if not _is_member(connection, of=role, member=me):
            run(connection, "GRANT {} TO {}", name(role), name(me))
            granted.append(role)
    try:
        yield
    finally:
        # A failed transaction undoes all of it, and takes no further statement.
        if connection.info.transaction_status != TransactionStatus.INERROR:
            for role in granted:
                if _is_member(connection, of=role, member=me):
                    run(connection, "REVOKE {} FROM {}", name(role), name(me))
            for role in put_aside:
                if role_exists(connection, role):
                    run(connection, "GRANT {} TO {}", name(me), name(role))


def _is_superuser(connection: Connection, role: str) -> bool:
    return bool(value(connection, "SELECT rolsuper FROM pg_roles WHERE rolname = %s", role))


def _is_member(connection: Connection, *, of: str, member: str) -> bool:
    """Tell whether `member` may become the role `of` by a direct grant."""
    query = """
        SELECT true FROM pg_auth_members
        WHERE pg_get_userbyid(roleid) = %s AND pg_get_userbyid(member) = %s AND set_option
    """
    return bool(value(connection, query, of, member))
