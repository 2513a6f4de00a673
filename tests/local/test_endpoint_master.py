"""The master user: no superuser, and an IAM user exactly when it is granted one; on both majors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import errors, sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.local.instance_client import Instance


@pytest.fixture(scope="module", params=[16, 18], ids=["16", "18"])
def instance(
    make_instance: Callable[..., Instance], request: pytest.FixtureRequest
) -> Iterator[Instance]:
    made = make_instance(f"master-{request.param}", request.param)
    yield made
    made.plane.delete(made.spec.identifier)


@pytest.fixture
def connection(instance: Instance) -> Iterator[psycopg.Connection]:
    """The session in which the master changes its own membership; it outlives that."""
    with instance.master() as connection:
        yield connection


def method(instance: Instance) -> str:
    try:
        instance.master().close()
    except psycopg.OperationalError as refused:
        return "iam" if "PAM authentication failed" in str(refused) else str(refused)
    return "scram"


def test_keeps_its_password_after_creating_iam_logins(instance: Instance) -> None:
    instance.login(iam=True)

    assert method(instance) == "scram"


@pytest.mark.parametrize("options", ["", "WITH INHERIT FALSE"])
def test_granted_a_member(instance: Instance, connection: psycopg.Connection, options: str) -> None:
    member = instance.login(iam=True)

    instance.execute(connection, f"GRANT {member} TO dbmaster {options}")
    granted = method(instance)
    instance.execute(connection, f"REVOKE {member} FROM dbmaster")

    assert (granted, method(instance)) == ("iam", "scram")


def test_granted_rds_iam(instance: Instance, connection: psycopg.Connection) -> None:
    key = instance.identities.role("break-glass")
    instance.identities.say("Allow", key, instance.spec.connect_resource("dbmaster"))

    instance.execute(connection, "GRANT rds_iam TO dbmaster")
    granted = method(instance)
    instance.connect("dbmaster", instance.token(key, "dbmaster")).close()
    instance.execute(connection, "REVOKE rds_iam FROM dbmaster")

    assert (granted, method(instance)) == ("iam", "scram")


def test_cannot_drop_rds_iam(connection: psycopg.Connection) -> None:
    with pytest.raises(errors.DependentObjectsStillExist):
        connection.execute("DROP ROLE rds_iam")


def test_renaming_rds_iam_opens_nothing(instance: Instance, connection: psycopg.Connection) -> None:
    member = instance.login(iam=True, password="correct-horse")

    connection.execute("ALTER ROLE rds_iam RENAME TO something")
    try:
        with pytest.raises(psycopg.OperationalError, match="PAM authentication failed"):
            instance.connect(member, "correct-horse")
    finally:
        connection.execute("ALTER ROLE something RENAME TO rds_iam")


@pytest.mark.parametrize(
    "statement",
    [
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('/etc/passwd')",
        "ALTER SYSTEM SET work_mem = '1MB'",
        "ALTER ROLE rdsadmin PASSWORD 'x'",
        "CREATE ROLE another SUPERUSER",
        "SET session_authorization = rdsadmin",
        "GRANT rdsadmin TO dbmaster",
    ],
)
def test_is_no_superuser(connection: psycopg.Connection, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        connection.execute(sql.SQL(statement))
