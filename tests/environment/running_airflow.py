"""A copy of this checkout with its Airflow running, as `make up` leaves it; it tests nothing.

Airflow is used as its users use it: by its REST API. What its pods are on this machine is asked of
the operating system.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components import naming
from components.airflow.names import COMPONENTS, MIGRATION_ACCOUNT
from local import image
from local.airflow import USER, _kubernetes, _pods_address, password, web
from local.airflow_api import AirflowApi, TaskTry
from local.cluster import dags
from local.cluster.place import cluster_folder
from local.login import Login
from tests.environment.checkout import GONE, SOURCES, Checkout, Run, copied
from tests.environment.traces import matching

ENVIRONMENT = "local"
MORE_DAGS = Path(__file__).parent / "dags"
"""DAGs of tests, by workflow, that Airflow is given once the examples have run."""
SHORT_TIMES = {"LOCAL_TOKEN_SECONDS": "75"}
RECYCLED = ("connectionRecycleSeconds: 900", "connectionRecycleSeconds: 10")
"""All that is proven of Airflow is proven with tokens and connections that live much shorter than
elsewhere: what only works because they are young does not work here."""
PUBLISHED_SECONDS = 90
"""How long a published DAG may take to be known: Airflow fetches every 30 s, and then reads."""
RUN_SECONDS = 120
LOG_SECONDS = 60
_POLL_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class RunningAirflow:
    """Airflow in a checkout's environment."""

    checkout: Checkout
    up: Run
    """The command that started it."""
    address: str
    """URL of the web interface, without a path."""
    user: str

    @property
    def password(self) -> str:
        """The user's, which is another one after a restart of the API server."""
        return password(self.checkout.paths, ENVIRONMENT)

    def api(self) -> AirflowApi:
        """Log in to the REST API."""
        return AirflowApi(self.address, self.user, self.password)

    @property
    def dags_folder(self) -> Path:
        """The DAGs of the working tree."""
        return self.checkout.folder / "airflow_home" / "dags"

    @property
    def cluster_folder(self) -> Path:
        """The cluster's own files."""
        return cluster_folder(self.checkout.paths)

    @property
    def pods_folder(self) -> Path:
        """The files of all pods."""
        return Path((self.cluster_folder / "pods-folder").read_text(encoding="utf-8"))

    def publish(self) -> str:
        """Give Airflow the DAGs of the working tree, as `make up` does; return the commit."""
        return dags.publish(self.checkout.paths, self.dags_folder)

    def wait_for_dags(self, *wanted: str, gone: tuple[str, ...] = ()) -> None:
        """Wait until Airflow knows the DAGs, and none of those that are gone."""
        api, deadline = self.api(), time.monotonic() + PUBLISHED_SECONDS
        while not (known := set(api.dags())) >= set(wanted) or known & set(gone):
            assert time.monotonic() < deadline, (wanted, gone, known, api.import_errors())
            time.sleep(_POLL_SECONDS)

    def run(self, dag_id: str) -> str:
        """Run a DAG now, and return the id of the run, which succeeded."""
        api = self.api()
        run = api.begin(dag_id)
        state = api.wait(dag_id, run, RUN_SECONDS)
        assert state == "success", (dag_id, state, api.tasks(dag_id, run))
        return run

    def log(self, dag_id: str, run: str, task_id: str) -> str:
        """All that the last try of a task wrote to its log, errors' texts included."""
        api = self.api()
        (task,) = (one for one in api.tasks(dag_id, run) if one.task_id == task_id)
        return log_text(api, dag_id, run, task)

    def component_processes(self) -> set[int]:
        """The ids of the main processes of Airflow's components, which change with a restart."""
        return {
            int((container / "pid").read_text(encoding="utf-8"))
            for container in matching(self.pods_folder, "pod-*/containers/*")
            if container.name in COMPONENTS
        }

    def metadata_owner(self) -> Login:
        """The login that owns all tables of the metadata database."""
        return Login(
            name="migration",
            environment=ENVIRONMENT,
            user=f"airflow_{ENVIRONMENT}_migration",
            role_arn=f"arn:aws:iam::123456789012:role/airflow-{ENVIRONMENT}-component-migration",
            service_account=f"{naming.namespace(ENVIRONMENT)}/{MIGRATION_ACCOUNT}",
        )


def pods(checkout: Checkout, **wanted: str) -> list[dict[str, Any]]:
    """The pods of Airflow's namespace that the Kubernetes API selects."""
    address = _pods_address(checkout.paths, ENVIRONMENT)
    with _kubernetes(checkout.paths) as session:
        found: list[dict[str, Any]] = session.get(address, params=wanted).json()["items"]
    return found


def log_text(api: AirflowApi, dag_id: str, run: str, task: TaskTry) -> str:
    """A task's log as S3 has it, a moment after the task: events, and each exception's text."""
    deadline = time.monotonic() + LOG_SECONDS
    while "s3://" not in (text := "\n".join(_lines(api.log(dag_id, run, task)))):
        assert time.monotonic() < deadline, text
        time.sleep(_POLL_SECONDS)
    return text


def _lines(log: Iterable[dict[str, Any]]) -> Iterator[str]:
    for entry in log:
        yield str(entry.get("event", ""))
        yield from (str(one.get("exc_value", "")) for one in entry.get("error_detail") or ())


@contextlib.contextmanager
def airflow_of(checkout: Checkout) -> Iterator[RunningAirflow]:
    """Run `make up` in full in a copy; in the end it is down, and nothing is left of it."""
    if not (SOURCES / image.FOLDER / ".ready").exists():
        pytest.skip("Airflow is not installed: run `make image`")
    # Pods of different service accounts are different users, who have to reach the image.
    checkout.base.chmod(0o711)
    (checkout.folder / image.FOLDER).symlink_to(SOURCES / image.FOLDER)
    before = checkout.files()
    soon = checkout.stack_text.replace(*RECYCLED)
    checkout.stack_file.write_text(soon, encoding="utf-8")
    up = checkout.run("up", **SHORT_TIMES)
    assert up.status == 0, up.text[-5000:]
    found = web(checkout.paths, ENVIRONMENT)
    airflow = RunningAirflow(
        checkout=checkout,
        up=up,
        address=found.address,
        user=USER,
    )
    more = [*MORE_DAGS.glob("*/*.py")]
    for file in more:
        shutil.copy(file, airflow.dags_folder / file.parent.name)
    airflow.publish()
    yield airflow
    for file in more:
        (airflow.dags_folder / file.parent.name / file.name).unlink()
    traces = checkout.traces()
    down = checkout.run("down")
    assert (down.status, down.text, traces.left()) == (0, GONE, [])
    assert checkout.files() == before
    assert list(checkout.scratch.iterdir()) == []


@contextlib.contextmanager
def started() -> Iterator[RunningAirflow]:
    """Make a copy of the checkout and start its Airflow."""
    with copied() as checkout, airflow_of(checkout) as airflow:
        yield airflow
