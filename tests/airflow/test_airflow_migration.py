"""Airflow's own migration and sessions, in a schema that is not `public`, with IAM tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.airflow.home import WORKFLOWS, make_home, needs_image, run
from tests.airflow.metadata_fixtures import OWNER, SCHEMA, Metadata

pytest_plugins = ["tests.local.account_fixtures", "tests.airflow.metadata_fixtures"]
pytestmark = needs_image

_COMPONENT = """
import asyncio
from airflow import settings
from airflow.jobs.job import Job
from airflow.models.pool import Pool
from airflow.models.variable import Variable
from airflow.utils.session import create_session
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

Variable.set("written", "by the component")
print("read", Variable.get("written"))
print("pools", sorted((pool.pool, pool.slots) for pool in Pool.get_pools()))
job = Job(job_type="SchedulerJob", heartrate=0)
job.prepare_for_execution()
job.heartbeat(lambda session: None)
job.heartbeat(lambda session: None)  # the first one finds nothing to change
async def count():
    async with settings.AsyncSession() as session:
        pools = (await session.execute(text("SELECT count(*) FROM slot_pool"))).scalar()
    await settings.async_engine.dispose()
    return pools
print("async", asyncio.run(count()), settings.async_engine.pool.size())
for statement in (
    "CREATE TABLE mine (id int)", "DROP TABLE slot_pool",
    "CREATE TABLE public.mine (id int)", "CREATE TEMP TABLE mine (id int)",
):
    try:
        with create_session() as session:
            session.execute(text(statement))
        print("allowed:", statement)
    except ProgrammingError as error:
        print("refused:", str(error.orig).splitlines()[0])
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("migration") / "home")


@pytest.fixture(scope="module")
def migrated(metadata: Metadata, home: Path) -> Metadata:
    environment = {**metadata.environment("migration"), "AIRFLOW_HOME": str(home)}
    done = run(home, str(home / "config" / "migrate_metadata.py"), environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return metadata


def test_all_tables_are_the_owners_in_their_schema(migrated: Metadata) -> None:
    with migrated.master() as connection:
        rows = connection.execute(
            "SELECT schemaname, tableowner, count(*) FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema') GROUP BY 1, 2"
        ).fetchall()
    assert [row[:2] for row in rows] == [(SCHEMA, OWNER)]
    assert rows[0][2] > 40


def test_a_component_reads_and_writes_and_changes_nothing_else(
    migrated: Metadata, home: Path
) -> None:
    environment = {**migrated.environment("scheduler"), "AIRFLOW_HOME": str(home)}
    done = run(home, "-c", _COMPONENT, environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "read by the component" in done.stdout
    assert (
        "('billing', 10), ('default_pool', 128), ('marketing', 5), ('reference', 5)" in done.stdout
    )
    assert "async 4 2" in done.stdout
    assert "allowed" not in done.stdout
    assert (home / "heartbeat").exists()
    assert migrated.refusals() == []


def test_again_with_other_workflows(migrated: Metadata, tmp_path: Path) -> None:
    """A pool that somebody made by hand stays; those of workflows follow the declaration."""
    with migrated.master() as connection:
        connection.execute(
            "INSERT INTO airflow.slot_pool (pool, slots, description, include_deferred) "
            "VALUES ('by-hand', 3, '', false)"
        )
    workflows = {**WORKFLOWS, "billing": {**WORKFLOWS["billing"], "slots": 7}}
    del workflows["reference"]
    home = make_home(tmp_path / "home", workflows)
    environment = {**migrated.environment("migration"), "AIRFLOW_HOME": str(home)}
    done = run(home, str(home / "config" / "migrate_metadata.py"), environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    with migrated.master() as connection:
        pools = connection.execute(
            "SELECT pool, slots FROM airflow.slot_pool ORDER BY 1"
        ).fetchall()
    assert pools == [("billing", 7), ("by-hand", 3), ("default_pool", 128), ("marketing", 5)]


def test_a_broken_list_of_workflows_stops_it_before_the_migration(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", {"billing": {"pool": "billing", "slots": "ten"}})
    done = run(home, str(home / "config" / "migrate_metadata.py"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "workflows.json: workflow 'billing' has service_account None, but a text is needed: "
        "deploy it again."
    )
