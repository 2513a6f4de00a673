"""What each login may do in the databases, by statements that it really tries."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import errors, sql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.login import Access
    from tests.environment.checkout import Checkout
    from tests.environment.conftest import Connect, Session
    from tests.environment.visits import Visits

OBJECTS = """
    CREATE TABLE {schema}.ledger (id int GENERATED ALWAYS AS IDENTITY, amount int);
    INSERT INTO {schema}.ledger (amount) VALUES (1), (2);
    CREATE SEQUENCE {schema}.numbers;
    CREATE VIEW {schema}.totals AS SELECT sum(amount) FROM {schema}.ledger;
    CREATE FUNCTION {schema}.secret_of() RETURNS int LANGUAGE sql AS 'SELECT 42';
    CREATE TYPE {schema}.mood AS ENUM ('good')
"""
WORKFLOWS = ("billing", "reference", "marketing")


@pytest.fixture(scope="module", autouse=True)
def objects(environment: Checkout) -> Iterator[None]:
    """Something of everything in each schema, made by the workflow whose it is."""
    names = ("TABLE {}.ledger CASCADE", "SEQUENCE {}.numbers", "FUNCTION {}.secret_of")
    with environment.account() as access:
        application = access.instance("application")
        for name in WORKFLOWS:
            with access.connect(access.login(name), application) as session:
                run(session, OBJECTS.replace("{schema}", f"local_{name}_v1"))
        yield
        for name in WORKFLOWS:
            with access.connect(access.login(name), application) as session:
                for one in (*names, "TYPE {}.mood"):
                    run(session, f"DROP {one.format(f'local_{name}_v1')}")


def run(session: Session, statement: str) -> list[tuple[object, ...]]:
    """Execute a statement and return its rows."""
    cursor = session.execute(sql.SQL(statement))
    return cursor.fetchall() if cursor.description else []


def refused(session: Session, statement: str) -> str:
    """Try a statement, which PostgreSQL has to refuse for want of a privilege; return its words."""
    with pytest.raises(errors.InsufficientPrivilege) as caught:
        run(session, statement)
    return str(caught.value.diag.message_primary)


def test_billing_writes_and_reads_its_schema(connect: Connect) -> None:
    """By names without a schema, as the search path leads to it."""
    session = connect("billing")

    for statement in (
        "CREATE TABLE invoices (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, amount int)",
        "CREATE INDEX ON invoices (amount)",
        "INSERT INTO invoices (amount) VALUES (1), (2), (3)",
        "UPDATE invoices SET amount = 20 WHERE amount = 2",
        "DELETE FROM invoices WHERE amount = 3",
        "ALTER TABLE invoices ADD COLUMN note text",
    ):
        run(session, statement)
    found = run(session, "SELECT amount, note FROM local_billing_v1.invoices ORDER BY id")
    assert found == [(1, None), (20, None)]
    assert run(session, "SELECT secret_of(), nextval('numbers')") == [(42, 1)]
    run(session, "TRUNCATE invoices")
    run(session, "DROP TABLE invoices")


def test_what_billing_makes_belongs_to_the_writer_who_cannot_log_in(connect: Connect) -> None:
    owners = run(
        connect("billing"),
        "SELECT DISTINCT rolname, rolcanlogin FROM pg_class JOIN pg_roles r ON r.oid = relowner"
        " WHERE relnamespace = 'local_billing_v1'::regnamespace",
    )

    assert owners == [("local_billing_writer", False)]


@pytest.mark.parametrize("login", ["local_billing", "local_analysts", "local_report_writer"])
def test_logins_own_nothing(connect: Connect, login: str) -> None:
    """In no database of the instance."""
    owned = run(
        connect("billing"),
        f"SELECT classid::regclass FROM pg_shdepend WHERE refobjid = '{login}'::regrole"
        " AND deptype = 'o'",
    )

    assert owned == []


def test_billing_reads_reference_and_no_more(connect: Connect) -> None:
    session = connect("billing")

    assert run(session, "SELECT amount FROM local_reference_v1.ledger") == [(1,), (2,)]
    assert run(session, "SELECT * FROM local_reference_v1.totals") == [(3,)]
    for statement in (
        "INSERT INTO local_reference_v1.ledger (amount) VALUES (1)",
        "UPDATE local_reference_v1.ledger SET amount = 1",
        "DELETE FROM local_reference_v1.ledger",
        "TRUNCATE local_reference_v1.ledger",
        "CREATE TABLE local_reference_v1.mine ()",
        "CREATE INDEX ON local_reference_v1.ledger (amount)",
        "ALTER TABLE local_reference_v1.ledger ADD COLUMN mine int",
        "DROP TABLE local_reference_v1.ledger",
        "SELECT nextval('local_reference_v1.numbers')",
        "SELECT local_reference_v1.secret_of()",
    ):
        refused(session, statement)


def test_billing_reaches_nothing_of_marketing(connect: Connect) -> None:
    session = connect("billing")

    for statement in (
        "SELECT * FROM local_marketing_v1.ledger",
        "SELECT * FROM local_marketing_v1.totals",
        "INSERT INTO local_marketing_v1.ledger (amount) VALUES (1)",
        "UPDATE local_marketing_v1.ledger SET amount = 1",
        "DELETE FROM local_marketing_v1.ledger",
        "TRUNCATE local_marketing_v1.ledger",
        "CREATE TABLE local_marketing_v1.mine ()",
        "CREATE TABLE mine (mood local_marketing_v1.mood)",
        "ALTER TABLE local_marketing_v1.ledger ADD COLUMN mine int",
        "DROP TABLE local_marketing_v1.ledger",
        "SELECT nextval('local_marketing_v1.numbers')",
        "SELECT setval('local_marketing_v1.numbers', 9)",
        "SELECT local_marketing_v1.secret_of()",
        "COMMENT ON TABLE local_marketing_v1.ledger IS 'mine'",
        "GRANT SELECT ON local_marketing_v1.ledger TO local_billing",
    ):
        assert refused(session, statement) == "permission denied for schema local_marketing_v1"


def test_billing_takes_no_other_rights(connect: Connect) -> None:
    """Neither another role's nor on what all workflows share."""
    session = connect("billing")

    for statement in (
        "SET ROLE local_marketing_writer",
        "SET ROLE local_billing_owner",
        "SET ROLE provisioner",
        "SET SESSION AUTHORIZATION local_marketing",
        "GRANT local_marketing_reader TO local_billing",
        "CREATE ROLE mine",
        "ALTER ROLE local_billing CONNECTION LIMIT 100",
        "ALTER DEFAULT PRIVILEGES FOR ROLE local_marketing_writer GRANT SELECT ON TABLES TO PUBLIC",
        "DROP SCHEMA local_marketing_v1",
        "DROP SCHEMA local_billing_v1",
        "ALTER SCHEMA local_marketing_v1 OWNER TO local_billing_writer",
        "CREATE SCHEMA mine",
        "CREATE TABLE public.mine ()",
        "CREATE TEMPORARY TABLE mine ()",
        "CREATE DATABASE mine",
        "DROP EXTENSION plpgsql",
        "ALTER DATABASE application SET work_mem = '1GB'",
        "ALTER SYSTEM SET log_statement = 'none'",
        "COPY local_billing_v1.ledger TO '/tmp/ledger'",
        "COPY local_billing_v1.ledger TO PROGRAM 'cat'",
        "SELECT pg_read_file('PG_VERSION')",
        "SELECT rolpassword FROM pg_authid",
    ):
        refused(session, statement)


def test_without_its_writer_the_login_can_do_nothing(connect: Connect) -> None:
    """Rights come by the group role alone: the login has none and inherits none."""
    session = connect("billing")
    identity = "SELECT current_user::text, session_user::text"
    assert run(session, identity) == [("local_billing_writer", "local_billing")]

    run(session, "SET ROLE NONE")

    assert run(session, identity) == [("local_billing", "local_billing")]
    for statement in (
        "SELECT * FROM local_billing_v1.ledger",
        "SELECT * FROM local_reference_v1.ledger",
        "INSERT INTO local_billing_v1.ledger (amount) VALUES (1)",
        "CREATE TABLE local_billing_v1.mine ()",
        "CREATE TABLE public.mine ()",
        "CREATE TEMPORARY TABLE mine ()",
        "CREATE SCHEMA mine",
    ):
        refused(session, statement)


def test_reset_role_leads_back_to_the_writer_and_no_further(connect: Connect) -> None:
    """PostgreSQL resets to what the login begins with, which is its writer."""
    session = connect("billing")

    for statement in ("RESET ROLE", "RESET ALL", "DISCARD ALL"):
        run(session, statement)
        assert run(session, "SELECT current_user::text") == [("local_billing_writer",)]
    refused(session, "SELECT * FROM local_marketing_v1.ledger")


@pytest.mark.parametrize(
    ("login", "readable", "closed"),
    [
        ("analysts", ["billing"], ["reference", "marketing"]),
        ("report-writer", ["billing", "reference"], ["marketing"]),
    ],
)
def test_people_and_agents_only_read(
    connect: Connect, login: str, readable: list[str], closed: list[str]
) -> None:
    session = connect(login)

    for name in readable:
        schema = f"local_{name}_v1"
        assert run(session, f"SELECT amount FROM {schema}.ledger") == [(1,), (2,)]
        for statement in (
            f"INSERT INTO {schema}.ledger (amount) VALUES (1)",
            f"UPDATE {schema}.ledger SET amount = 1",
            f"DELETE FROM {schema}.ledger",
            f"TRUNCATE {schema}.ledger",
            f"CREATE TABLE {schema}.mine ()",
            f"DROP TABLE {schema}.ledger",
            f"SELECT nextval('{schema}.numbers')",
            f"SELECT {schema}.secret_of()",
            f"SET ROLE local_{name}_writer",
        ):
            refused(session, statement)
    for name in closed:
        schema = f"local_{name}_v1"
        message = refused(session, f"SELECT * FROM {schema}.ledger")
        assert message == f"permission denied for schema {schema}"
    for statement in (
        "CREATE TABLE mine ()",
        "CREATE TEMPORARY TABLE mine ()",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
    ):
        with pytest.raises((errors.InsufficientPrivilege, errors.InvalidSchemaName)):
            run(session, statement)


@pytest.mark.parametrize("name", ["billing", "reference", "marketing", "analysts", "report-writer"])
def test_nobody_gets_in_at_the_metadata_instance(
    connect: Connect, visits: Visits, name: str
) -> None:
    """Not even with a token that is signed for it: there is no such login."""
    with pytest.raises(psycopg.OperationalError):
        connect(name, "metadata")

    line = visits.only(event="refused", instance="airflow-local-metadata")
    assert line["reason"] == "wrong password, or no such login"
    assert visits.all(event="in") == []


@pytest.mark.parametrize("database", ["postgres", "rdsadmin"])
def test_other_databases_of_the_instance_are_closed(access: Access, database: str) -> None:
    elsewhere = dataclasses.replace(access.instance("application"), default_database=database)

    with pytest.raises(psycopg.OperationalError):
        access.connect(access.login("billing"), elsewhere)


def test_nothing_can_be_made_in_the_template_of_new_databases(access: Access) -> None:
    """RDS lets everybody connect to it."""
    template = dataclasses.replace(access.instance("application"), default_database="template1")

    with access.connect(access.login("billing"), template, autocommit=True) as session:
        for statement in (
            "CREATE TABLE public.mine ()",
            "CREATE TEMPORARY TABLE mine ()",
            "CREATE SCHEMA mine",
        ):
            refused(session, statement)
