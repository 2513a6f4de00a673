"""What becomes of the databases when the settings are edited and `up` is run again.

The tests tell one story and stand in its order: each chapter is a fixture, which edits the
settings, runs `up` and writes something, and needs the chapters before it.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
import psycopg
import pytest
from botocore.exceptions import ClientError
from psycopg import errors, sql

from tests.environment.checkout import SOURCES, declared, new_workflow, provisioner
from tests.environment.visits import Visits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.login import Access, Instance
    from tests.environment.checkout import Checkout, Declarations
    from tests.environment.conftest import Connect, Session

LIVE = "SELECT current_schema()::text"


def run(session: Session, *statements: str) -> list[tuple[object, ...]]:
    """Execute statements and return the rows of the last one."""
    for statement in statements:
        cursor = session.execute(sql.SQL(statement))
    return cursor.fetchall() if cursor.description else []


def as_workflow(environment: Checkout, name: str, *statements: str) -> None:
    """Execute statements as a workflow in a session of their own."""
    with (
        environment.account() as access,
        access.connect(access.login(name), access.instance("application")) as session,
    ):
        run(session, *statements)


def refused(session: Session, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        run(session, statement)


def schemas(session: Session) -> set[object]:
    """The schemas of workflows that there are, whoever may use them."""
    rows = run(session, "SELECT nspname::text FROM pg_namespace WHERE nspname ~ '^local_'")
    return {name for (name,) in rows}


@pytest.fixture(scope="module")
def beginning(environment: Checkout) -> Iterator[None]:
    """Data in the schemas as they are declared at first."""
    fill = ("CREATE TABLE {} (id int)", "INSERT INTO {} VALUES (1)")
    tables = {"billing": "ledger", "reference": "rates"}
    for name, table in tables.items():
        as_workflow(environment, name, *(statement.format(table) for statement in fill))
    yield
    environment.bring_back()
    for name, table in tables.items():
        as_workflow(environment, name, f"DROP TABLE {table}")


@pytest.fixture(scope="module")
def forward(environment: Checkout, beginning: None) -> dict[str, str]:  # noqa: ARG001 - for its data
    """Another limit, new workflows, and new schema versions: one beside the old, one instead of it.

    Returns a token of each new workflow.
    """

    def change(settings: Declarations) -> None:
        billing, reference = declared(settings, "billing"), declared(settings, "reference")
        billing.update(connectionLimit=3, schemaVersion=2, schemaVersions=[1, 2])
        reference.update(schemaVersion=2)
        settings["workflows"] += [new_workflow("sales"), new_workflow("scratch", drop=True)]

    environment.declare(change)
    environment.up()
    write = "INSERT INTO local_billing_v1.ledger VALUES (2)"
    make = ("CREATE TABLE {} (id int)", "INSERT INTO {} VALUES (20)")
    as_workflow(environment, "billing", write, *(one.format("ledger") for one in make))
    as_workflow(environment, "reference", *(one.format("rates") for one in make))
    for name in ("sales", "scratch"):
        as_workflow(environment, name, *(one.format("leads") for one in make))
    with environment.account() as access:
        instance = access.instance("application")
        return {name: access.token(access.login(name), instance) for name in ("sales", "scratch")}


@pytest.mark.usefixtures("forward")
def test_another_connection_limit_holds_at_once(connect: Connect) -> None:
    session = connect("billing")
    limit = "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'local_billing'"
    assert run(session, limit) == [(3,)]

    for _ in range(2):
        connect("billing")
    with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
        connect("billing")


@pytest.mark.usefixtures("forward")
@pytest.mark.parametrize("name", ["sales", "scratch"])
def test_a_new_workflow_gets_in_and_has_its_schema(
    connect: Connect, visits: Visits, name: str
) -> None:
    session = connect(name)

    assert visits.only(event="in")["method"] == "iam"
    assert run(session, LIVE) == [(f"local_{name}_v1",)]
    assert run(session, "SELECT id FROM leads") == [(20,)]
    refused(session, "SELECT * FROM local_billing_v1.ledger")


@pytest.mark.usefixtures("forward")
def test_a_new_version_is_live_and_the_listed_old_one_is_in_use(connect: Connect) -> None:
    session = connect("billing")

    assert run(session, LIVE) == [("local_billing_v2",)]
    assert run(session, "SELECT id FROM ledger") == [(20,)]
    both = "SELECT id FROM local_billing_v1.ledger UNION SELECT id FROM ledger ORDER BY 1"
    assert run(session, both) == [(1,), (2,), (20,)]
    assert run(connect("analysts"), both) == [(1,), (2,), (20,)]


@pytest.mark.usefixtures("forward")
def test_a_new_version_leaves_the_unlisted_old_one_out_of_reach(connect: Connect) -> None:
    session = connect("reference")

    assert run(session, LIVE) == [("local_reference_v2",)]
    assert run(connect("billing"), "SELECT id FROM local_reference_v2.rates") == [(20,)]
    assert "local_reference_v1" in schemas(session)
    for name in ("reference", "billing", "report-writer"):
        refused(connect(name), "SELECT * FROM local_reference_v1.rates")


@pytest.fixture(scope="module")
def back(environment: Checkout, forward: dict[str, str]) -> dict[str, str]:
    """The new workflows are gone again; the versions are what they were.

    Returns the tokens that they still had.
    """

    def change(settings: Declarations) -> None:
        declared(settings, "billing").update(schemaVersion=1, schemaVersions=[1, 2])

    environment.declare(change)
    environment.up()
    write = "INSERT INTO ledger VALUES (3)"
    as_workflow(environment, "billing", write, "ALTER TABLE ledger ADD COLUMN note text")
    as_workflow(environment, "reference", "INSERT INTO rates VALUES (2)")
    return forward


@pytest.mark.parametrize("name", ["sales", "scratch"])
def test_a_removed_workflow_is_refused_with_the_token_that_it_has(
    back: dict[str, str], environment: Checkout, access: Access, visits: Visits, name: str
) -> None:
    given = environment.libpq(access.instance("application"), f"local_{name}", back[name])

    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(**given)

    assert visits.only(event="refused")["reason"] == "wrong password, or no such login"
    with pytest.raises(ClientError, match="NoSuchEntity"):
        boto3.client("iam").get_role(RoleName=f"airflow-local-workflow-{name}")


@pytest.mark.usefixtures("back")
def test_of_a_removed_workflow_only_the_schema_is_left_unless_it_is_dropped(
    connect: Connect,
) -> None:
    session = connect("billing")

    assert run(session, "SELECT rolname FROM pg_roles WHERE rolname ~ 'sales|scratch'") == []
    assert "local_sales_v1" in schemas(session)
    assert "local_scratch_v1" not in schemas(session)


@pytest.mark.usefixtures("back")
def test_the_old_version_is_live_with_its_data_and_the_listed_new_one_keeps_its_own(
    connect: Connect,
) -> None:
    session = connect("billing")

    assert run(session, LIVE) == [("local_billing_v1",)]
    assert run(session, "SELECT id FROM ledger ORDER BY 1") == [(1,), (2,), (3,)]
    assert run(session, "SELECT id FROM local_billing_v2.ledger") == [(20,)]


@pytest.mark.usefixtures("back")
def test_the_old_version_that_was_not_listed_is_taken_up_again(connect: Connect) -> None:
    session = connect("reference")

    assert run(session, LIVE) == [("local_reference_v1",)]
    assert run(session, "SELECT id FROM rates ORDER BY 1") == [(1,), (2,)]
    assert run(connect("billing"), "SELECT id FROM local_reference_v1.rates") == [(1,), (2,)]
    refused(session, "SELECT * FROM local_reference_v2.rates")


@dataclass(frozen=True)
class Proxied:
    """A run with a SOCKS5 proxy: where it was asked to connect to, and who came in meanwhile."""

    connected: list[str]
    provisioners: int
    instance: Instance


@pytest.fixture(scope="module")
def again(environment: Checkout, back: dict[str, str]) -> Proxied:  # noqa: ARG001 - comes before
    """One of the removed workflows is back, and unlisted versions are live; all by a proxy."""

    def change(settings: Declarations) -> None:
        declared(settings, "billing").update(schemaVersion=2, schemaVersions=[2])
        declared(settings, "reference").update(schemaVersion=2)
        settings["workflows"].append(new_workflow("sales"))

    environment.declare(change)
    visits = Visits(environment)
    program = [sys.executable, str(SOURCES / "local" / "socks5.py"), "--port", "0"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as proxy:
        assert proxy.stdout
        listening = proxy.stdout.readline().split()[-1]
        try:
            environment.up(ALL_PROXY=f"socks5://{listening}")
        finally:
            proxy.terminate()
        connected = proxy.stdout.read().splitlines()
    with environment.account() as access:
        instance = access.instance("application")
    return Proxied(connected, len(visits.all(event="in", user="provisioner")), instance)


def test_all_proxy_is_the_way_of_every_connection_of_the_provider(again: Proxied) -> None:
    """The proxy is asked for the server under its real name, as often as the provider came in."""
    place = f"{again.instance.host}:{again.instance.port}"

    assert again.provisioners > 0
    assert again.connected == [f"connect {place}"] * again.provisioners


@pytest.mark.usefixtures("again")
def test_a_workflow_that_is_back_reads_its_data_and_writes_what_is_handed_back(
    connect: Connect, access: Access
) -> None:
    """Its tables are the provisioner's meanwhile, so somebody has to look at them first."""
    session = connect("sales")

    assert run(session, "SELECT id FROM leads") == [(20,)]
    refused(session, "INSERT INTO leads VALUES (21)")
    run(session, "CREATE TABLE deals (id int)", "DROP TABLE deals")

    instance = access.instance("application")
    with access.connect(provisioner(), instance, autocommit=True) as administrator:
        run(
            administrator,
            "GRANT local_sales_writer TO provisioner",
            "ALTER TABLE local_sales_v1.leads OWNER TO local_sales_writer",
            "REVOKE local_sales_writer FROM provisioner",
        )
    run(session, "INSERT INTO leads VALUES (21)")
    assert run(session, "SELECT id FROM leads ORDER BY 1") == [(20,), (21,)]


@pytest.mark.usefixtures("again")
def test_the_new_version_is_live_again_with_its_data(connect: Connect) -> None:
    session = connect("billing")

    assert run(session, LIVE) == [("local_billing_v2",)]
    assert run(session, "SELECT id FROM ledger") == [(20,)]
    assert run(session, "SELECT id FROM local_reference_v2.rates") == [(20,)]
    refused(session, "SELECT * FROM local_billing_v1.ledger")


@pytest.fixture(scope="module")
def end(environment: Checkout, again: Proxied) -> None:  # noqa: ARG001 - comes before
    """The settings are what they were in the beginning."""
    environment.bring_back()


@pytest.mark.usefixtures("end")
def test_in_the_end_nothing_is_lost(connect: Connect) -> None:
    session = connect("billing")

    assert run(session, "SELECT id FROM ledger ORDER BY 1") == [(1,), (2,), (3,)]
    assert run(session, "SELECT id FROM local_reference_v1.rates ORDER BY 1") == [(1,), (2,)]
    survivors = {"local_billing_v2", "local_reference_v2", "local_sales_v1"}
    assert survivors <= schemas(session)
    for schema in survivors:
        refused(session, f"CREATE TABLE {schema}.mine ()")
