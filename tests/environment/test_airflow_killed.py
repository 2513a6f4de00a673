"""Processes that are killed while tasks run: what they did goes on, and nothing runs twice."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import psutil
import pytest

from local.cluster import service as cluster
from tests.environment.faults import (
    STEADY,
    Work,
    kill,
    processes,
    restarts,
    wait_ready,
    working,
)
from tests.environment.running_airflow import SHORT_TIMES

if TYPE_CHECKING:
    from tests.environment.running_airflow import RunningAirflow

pytestmark = pytest.mark.faults
RECOVERY_SECONDS = 240


@pytest.fixture
def work(airflow: RunningAirflow) -> Work:
    """Two runs, of which one has a long task that runs; its other tasks are queued or run."""
    work = working(airflow)
    work.begin(STEADY, STEADY)
    work.wait_for_running("long")
    return work


def ran_once(work: Work) -> None:
    """Wait for the end of all runs, and see that every task ran exactly once."""
    assert set(work.wait(RECOVERY_SECONDS).values()) == {"success"}
    assert set(work.tries().values()) == {1}
    assert work.written() == {(run, task, 1): 1 for run, task in work.tries()}


@pytest.mark.parametrize("killed", [("scheduler", "dag-processor"), ("api-server", "triggerer")])
def test_a_killed_component_is_started_again_and_no_task_runs_twice(
    airflow: RunningAirflow, work: Work, killed: tuple[str, ...]
) -> None:
    before, count = processes(airflow), restarts(airflow)

    for component in killed:
        kill(before[component])

    ran_once(work)
    wait_ready(airflow)
    after = processes(airflow)
    assert {one for one in before if after[one] != before[one]} == set(killed)
    assert restarts(airflow) == {
        name: times + (name.removeprefix("airflow-") in killed) for name, times in count.items()
    }


def test_pods_outlive_the_node_and_the_account(airflow: RunningAirflow, work: Work) -> None:
    paths = airflow.checkout.paths
    before, count = processes(airflow), restarts(airflow)
    work.wait_for_last("long")
    node = cluster.status(paths).pid
    account = json.loads((paths.account / "pid").read_text("utf-8"))["pid"]

    kill(node or 0)
    kill(account)
    assert all(psutil.pid_exists(pid) for pid in before.values())
    up = airflow.checkout.run("up", **SHORT_TIMES)

    # It runs all DAGs that are there, also those that end well only after what their tests do.
    assert "\nproven by tasks, " in up.text, up.text[-5000:]
    assert re.search(r"\n +billing\.load +success +1 try\n", up.text), up.text[-5000:]
    ran_once(work)
    assert (processes(airflow), restarts(airflow)) == (before, count)
