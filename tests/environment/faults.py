"""Breaks parts of a running environment, and watches what becomes of the work; it tests nothing."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import psutil

from components.airflow.names import COMPONENTS
from local.airflow_api import AirflowApi, AirflowError
from local.cluster import service as cluster
from tests.environment.checkout import Checkout
from tests.environment.running_airflow import RunningAirflow
from tests.environment.traces import matching
from tests.processes import lives

STEADY = "marketing.steady"
DAGS = (STEADY, "billing", "reference")
CHANGE_SECONDS = 60
_POLL_SECONDS = 0.2
_ENDED = {"success", "failed"}
_TABLE = """
    CREATE TABLE IF NOT EXISTS attempt (run text, task text, try integer, pod text)
"""


@dataclass
class Work:
    """Runs of DAGs, begun before or during a fault."""

    airflow: RunningAirflow
    api: AirflowApi
    runs: list[tuple[str, str]] = field(default_factory=list)
    """DAG and run."""

    def begin(self, *dags: str) -> None:
        """Begin a run of each of these DAGs."""
        self.runs += [(dag, self.api.begin(dag)) for dag in dags]

    def wait(self, seconds: float) -> dict[tuple[str, str], str]:
        """Wait until all have ended, whatever the API answers meanwhile; return what it said last.

        That is the state of each run, or the error where there was no answer.
        """
        said = dict.fromkeys(self.runs, "never asked")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for dag, run in self.runs:
                try:
                    said[dag, run] = self.api.state(dag, run)
                except AirflowError as error:
                    said[dag, run] = str(error)
            if all(state in _ENDED for state in said.values()):
                break
            time.sleep(_POLL_SECONDS)
        return said

    def running_tasks(self) -> set[tuple[str, str]]:
        """Tasks of all runs that run at this moment, with their runs."""
        return {
            (run, task.task_id)
            for dag, run in self.runs
            for task in self.api.tasks(dag, run)
            if task.state == "running"
        }

    def wait_for_running(self, task_id: str) -> None:
        """Wait until a task of this name runs in the first of the runs."""
        deadline = time.monotonic() + CHANGE_SECONDS
        while (self.runs[0][1], task_id) not in self.running_tasks():
            assert time.monotonic() < deadline, self.tries()
            time.sleep(_POLL_SECONDS)

    def wait_for_last(self, task_id: str) -> None:
        """Wait until a task of this name runs in each of the runs, and all others have ended well.

        So that no task is about to begin: it has no DAG while the node, whose git it is, is down.
        """
        deadline = time.monotonic() + CHANGE_SECONDS
        last = {(run, task_id): "running" for _, run in self.runs}
        while (left := self._not_successful()) != last:
            assert time.monotonic() < deadline, left
            time.sleep(_POLL_SECONDS)

    def _not_successful(self) -> dict[tuple[str, str], str]:
        return {
            (run, task.task_id): task.state
            for dag, run in self.runs
            for task in self.api.tasks(dag, run)
            if task.state != "success"
        }

    def tries(self) -> dict[tuple[str, str], int]:
        """How often each task was tried, as Airflow counts."""
        return {
            (run, task.task_id): task.tries
            for dag, run in self.runs
            for task in self.api.tasks(dag, run)
        }

    def written(self) -> Counter[tuple[str, str, int]]:
        """How often each try of each task of `STEADY` wrote itself down."""
        runs = [run for dag, run in self.runs if dag == STEADY]
        query = "SELECT run, task, try FROM attempt WHERE run = ANY(%s)"
        with self.airflow.checkout.account() as access:
            login, instance = access.login("marketing"), access.instance("application")
            with access.connect(login, instance) as session:
                return Counter(session.execute(query, [runs]).fetchall())


def working(airflow: RunningAirflow) -> Work:
    """Make what the test's DAG writes to, and wait until Airflow knows it."""
    with airflow.checkout.account() as access:
        login, instance = access.login("marketing"), access.instance("application")
        with access.connect(login, instance, autocommit=True) as session:
            session.execute(_TABLE)
    airflow.wait_for_dags(*DAGS)
    return Work(airflow=airflow, api=airflow.api())


def processes(airflow: RunningAirflow) -> dict[str, int]:
    """Component -> id of its main process."""
    return {
        file.parent.name: int(file.read_text("utf-8"))
        for file in matching(airflow.pods_folder, "pod-*/containers/*/pid")
        if file.parent.name in COMPONENTS
    }


def restarts(airflow: RunningAirflow) -> dict[str, int]:
    """Deployment or Job -> how often its containers were started again."""
    return {one.name: one.restarts for one in cluster.status(airflow.checkout.paths).components}


def wait_ready(airflow: RunningAirflow) -> None:
    """Wait until every component is as declared."""
    cluster.wait_ready(airflow.checkout.paths, CHANGE_SECONDS)


def kill(pid: int) -> None:
    """End a process without a word, and wait until it is gone."""
    process = psutil.Process(pid)
    process.kill()
    while lives(process):
        time.sleep(_POLL_SECONDS)


@contextlib.contextmanager
def away(checkout: Checkout, identifier: str, seconds: float) -> Iterator[None]:
    """Stop an instance for so long, as an operator does on RDS; the block runs meanwhile."""
    with checkout.account():
        rds = boto3.client("rds")
        rds.stop_db_instance(DBInstanceIdentifier=identifier)
        _wait(rds, identifier, "stopped")
        stopped = time.monotonic()
        try:
            yield
            time.sleep(max(0, stopped + seconds - time.monotonic()))
        finally:
            rds.start_db_instance(DBInstanceIdentifier=identifier)
            _wait(rds, identifier, "available")


def cut_off(airflow: RunningAirflow, component: str, table: str) -> None:
    """End a session of a component in the metadata database in the middle of a statement."""
    login = f"airflow_local_{component.replace('-', '_')}"
    with airflow.checkout.account() as access:
        instance = access.instance("metadata")
        with access.connect(airflow.metadata_owner(), instance) as session:
            session.execute(f"LOCK TABLE airflow.{table} IN ACCESS EXCLUSIVE MODE".encode())
            deadline = time.monotonic() + CHANGE_SECONDS
            while not (waiting := _waiting(airflow.checkout, login)):
                assert time.monotonic() < deadline, (login, table)
                time.sleep(_POLL_SECONDS)
            for server_process in waiting:
                server_process.terminate()  # as pg_terminate_backend does


def _waiting(checkout: Checkout, login: str) -> list[psutil.Process]:
    """The processes of PostgreSQL in which a login waits for a lock."""
    found = []
    for process in checkout.processes():
        with contextlib.suppress(psutil.Error):
            title = " ".join(process.cmdline()).split()
            if title[:1] == ["postgres:"] and login in title and title[-1] == "waiting":
                found.append(process)
    return found


def _wait(rds: Any, identifier: str, status: str) -> None:  # noqa: ANN401 - boto3 has no types
    deadline = time.monotonic() + CHANGE_SECONDS
    while True:
        (found,) = rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
        if found["DBInstanceStatus"] == status:
            return
        assert time.monotonic() < deadline, found["DBInstanceStatus"]
        time.sleep(_POLL_SECONDS)
