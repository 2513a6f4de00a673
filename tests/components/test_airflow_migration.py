"""The migration: another job when it does something else, and tried again until it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.components.airflow_example import JOB, airflow, airflow_args

if TYPE_CHECKING:
    from local.deploy.record import Recording
    from tests.conftest import Record


@pytest.fixture(scope="module")
def recording(recorded: Record) -> Recording:
    return recorded(airflow)


def migration_name(recording: Recording) -> str:
    """What the migration's job is called."""
    name: str = recording.one(JOB).plain["metadata"]["name"]
    stem, _, digest = name.rpartition("-")
    assert (stem, len(digest)) == ("airflow-run-airflow-migrations", 8)
    return name


@pytest.mark.parametrize(
    "changed",
    [
        {"image": "apache/airflow:3.3.3"},
        {"auth_manager": "example.Other"},
        {"home": {"migrate_metadata.py": "new\n"}},
        {"workflows": airflow_args().workflows[:1]},
    ],
)
def test_the_migration_is_another_job_when_it_does_something_else(
    recorded: Record, recording: Recording, changed: dict[str, Any]
) -> None:
    other = recorded(lambda: airflow(**changed))
    assert migration_name(other) != migration_name(recording)


@pytest.mark.parametrize(
    "changed", [{}, {"task_logs": "s3://elsewhere"}, {"connection_recycle_seconds": 300}]
)
def test_the_migration_is_the_same_job_when_it_does_the_same(
    recorded: Record, recording: Recording, changed: dict[str, Any]
) -> None:
    other = recorded(lambda: airflow(**changed)).one(JOB).plain
    assert other == recording.one(JOB).plain


def test_the_migration_is_tried_again_in_a_new_pod(recording: Recording) -> None:
    job = recording.one(JOB)
    assert job.plain["spec"]["backoffLimit"] == 5
    assert job.plain["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert "activeDeadlineSeconds" not in job.plain["spec"]
    assert job.options.custom_timeouts == {"create": "60m", "update": "60m"}
