"""Makes the provisioner and retires the master's password, in one transaction.

What is there is read, what is missing is done, and what is there then is read again: the
transaction commits only if nothing is missing any more. So an invocation that is cut off leaves
nothing behind, a repeated one finds nothing to do, and one that finds a difference repairs it.

It does not set, look at or take away passwords: the provisioner is made without one, and a password
of a member of rds_iam opens nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambdas.bootstrap_postgres.catalog import DATABASE, Attributes, Catalog, read_catalog
from lambdas.shared.errors import NotProvenError, StatementError
from lambdas.shared.sql import compose

if TYPE_CHECKING:
    from lambdas.bootstrap_postgres.request import Request
    from lambdas.shared.database import Session

# Of pg_advisory_xact_lock, in database `postgres`; any number that nothing else uses there. Grants
# on one role from two sessions at once fail with "tuple concurrently updated".
_LOCK = 4_715_920_163
# In 15 a role that may create roles can reset the password of any other.
_OLDEST_SERVER = 160_000
_REMEDY = (
    "Nothing was changed: put that right as the owner of the database or as the master, and invoke "
    "the function again."
)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One statement and what it achieves."""

    name: str
    sql: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an invocation found and did."""

    server_version: str
    found_provisioner: bool
    done: tuple[str, ...]


def provision(session: Session, request: Request) -> Outcome:
    """Bring the server into the state that `request` asks for, and commit it.

    Args:
        session: the master's, in database `postgres`, without a transaction.
        request: the names.

    Raises:
        NotProvenError: the state was not reached; nothing was changed.
        FunctionError: a statement failed; nothing was changed, unless it was the COMMIT.
    """
    session.run("BEGIN")
    session.run("SELECT pg_advisory_xact_lock(:key)", key=_LOCK)
    version = _server_version(session)
    found = read_catalog(session, request)
    steps = missing(found, request)
    for step in steps:
        _take(session, step)
    _prove(read_catalog(session, request), request)
    session.run("COMMIT")
    return Outcome(
        server_version=version,
        found_provisioner=found.attributes is not None,
        done=tuple(step.name for step in steps),
    )


def _take(session: Session, step: Step) -> None:
    try:
        session.run(step.sql)
    except StatementError as error:
        raise StatementError(f"It could not {step.name}: {error} {_REMEDY}") from None


def missing(catalog: Catalog, request: Request) -> list[Step]:
    """Return the statements that lead from what there is to what is asked for, none if it is so."""
    steps: list[tuple[bool, str, str]] = [
        (
            catalog.attributes is None,
            "create provisioner",
            f"CREATE ROLE {{provisioner}} {_attributes(request)}",
        ),
        (
            catalog.attributes is not None and not _as_asked(catalog.attributes, request),
            "repair attributes of provisioner",
            f"ALTER ROLE {{provisioner}} {_attributes(request)}",
        ),
        (
            # It gives rds_iam to the logins that it makes, which from PostgreSQL 16 on takes ADMIN.
            request.provisioner not in catalog.iam_members & catalog.iam_administrators,
            "grant rds_iam to provisioner",
            "GRANT rds_iam TO {provisioner} WITH ADMIN TRUE, INHERIT TRUE, SET TRUE",
        ),
        (
            # VALID UNTIL, which the postgresql plugin gives every role that it creates, is a
            # password command: with rds.restrict_password_commands only members may spell it. And
            # it gives rds_password to the logins that rotate others.
            not catalog.password_member,
            "grant rds_password to provisioner",
            "GRANT rds_password TO {provisioner} WITH ADMIN TRUE, INHERIT TRUE",
        ),
        (
            bool(catalog.public_rights),
            f"revoke rights of PUBLIC on database {DATABASE}",
            "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        ),
        (
            "CONNECT" not in catalog.provisioner_rights,
            f"grant CONNECT on database {DATABASE} to provisioner",
            "GRANT CONNECT ON DATABASE {database} TO {provisioner}",
        ),
        (
            # On some servers the creation of a member already retires the password of its creator.
            # With this it is retired on all of them, and from the COMMIT on.
            request.master not in catalog.iam_members,
            "grant rds_iam to master",
            "GRANT rds_iam TO {master} WITH INHERIT TRUE, SET TRUE",
        ),
    ]
    names = {
        "provisioner": request.provisioner,
        "master": request.master,
        "database": DATABASE,
    }
    return [Step(name=name, sql=compose(sql, **names)) for needed, name, sql in steps if needed]


def _attributes(request: Request) -> str:
    # No NOSUPERUSER, NOREPLICATION, NOBYPASSRLS: they are the default, and only who has one of
    # these attributes may spell it.
    return f"LOGIN INHERIT CREATEROLE CREATEDB CONNECTION LIMIT {request.connection_limit}"


def _as_asked(has: Attributes, request: Request) -> bool:
    return (
        has.can_login
        and has.inherits
        and has.creates_roles
        and has.creates_databases
        and has.connection_limit == request.connection_limit
    )


def _server_version(session: Session) -> str:
    query = "SELECT current_setting('server_version_num')::int, current_setting('server_version')"
    number, version = session.run(query)[0]
    if number < _OLDEST_SERVER:
        raise NotProvenError(
            f"The server is PostgreSQL {version}; 16 or later is needed: upgrade the instance."
        )
    return str(version)


def _prove(catalog: Catalog, request: Request) -> None:
    """Raise unless everything asked for is there, and nothing that must not be."""
    wrong = [f"it could not {step.name}" for step in missing(catalog, request)]
    has = catalog.attributes
    for is_so, what in (
        (has is not None and has.superuser, "is a superuser"),
        (has is not None and has.replicates, "has REPLICATION"),
        (has is not None and has.bypasses_row_security, "has BYPASSRLS"),
        (catalog.rds_superuser, "is a member of rds_superuser"),
    ):
        if is_so:
            wrong.append(f"{request.provisioner} {what}, which it must not")
    if wrong:
        raise NotProvenError(f"The state asked for was not reached: {'; '.join(wrong)}. {_REMEDY}")
