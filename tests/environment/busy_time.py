"""Two workflows at the same time, watched from outside while they run; it tests nothing.

A third DAG runs beside them that spreads what it was told, `CANARY`, and touches no database.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.airflow_api import AirflowApi
from tests.environment.checkout import Checkout
from tests.environment.running_airflow import RunningAirflow, pods
from tests.environment.searches import Name, Search
from tests.environment.traces import matching
from tests.environment.visits import Visits
from tests.environment.whole_search import WholeSearch
from tests.secret_forms import text_forms

TOGETHER = ("billing", "marketing")
SPREADING = "reference.indiscretion"
CANARY = Name("what a DAG was told", "")
COMMANDS = ("password", "status", "status --json", "psql --as billing")
"""Those that show something of a running Airflow."""
RUN_SECONDS = 180
_ENDED = {"success", "failed"}


@dataclass(frozen=True, kw_only=True)
class BusyTime:
    """What was seen while they ran, and afterwards of what they left."""

    states: dict[str, str]
    """How each DAG's run ended."""
    together: list[frozenset[str]]
    """Which service accounts had running pods at the same moment."""
    logins: list[dict[str, Any]]
    """What the endpoints' logs say of that time."""
    logs: list[Path]
    """Those of the pods that were there before the last look."""
    search: Search


def busy_time(airflow: RunningAirflow) -> BusyTime:
    """Run them all, and look for secrets everywhere meanwhile and afterwards."""
    airflow.wait_for_dags(*TOGETHER, SPREADING)
    api, checkout = airflow.api(), airflow.checkout
    told = secrets.token_hex(16)
    for command in COMMANDS:
        checkout.run(*command.split())
    with checkout.account():
        whole = WholeSearch(checkout, airflow, {CANARY: text_forms(told)})
        visits = Visits(checkout)
        together: list[frozenset[str]] = []
        runs = {dag: api.begin(dag) for dag in TOGETHER}
        runs[SPREADING] = _begin(airflow, told)
        deadline = time.monotonic() + RUN_SECONDS
        while _goes_on(api, runs, together[-1:]):
            assert time.monotonic() < deadline, runs
            together.append(_working(checkout))
            whole.moment()
        states = {dag: api.state(dag, run) for dag, run in runs.items()}
        logins = visits.all()
        logs = matching(airflow.pods_folder, "*/containers/*/log")
        search = whole.finish()
    return BusyTime(states=states, together=together, logins=logins, logs=logs, search=search)


def _begin(airflow: RunningAirflow, told: str) -> str:
    """Run the DAG that spreads, which gets what it spreads as its configuration."""
    api, route = airflow.api(), f"/api/v2/dags/{SPREADING}"
    api._call("PATCH", route, {"is_paused": False})
    given = {"logical_date": None, "conf": {"told": told}}
    return str(api._call("POST", f"{route}/dagRuns", given)["dag_run_id"])


def _goes_on(api: AirflowApi, runs: dict[str, str], last: list[frozenset[str]]) -> bool:
    """Whether a run goes on, or a pod of it, which puts its log on S3 at its end."""
    return any(last) or any(api.state(dag, run) not in _ENDED for dag, run in runs.items())


def _working(checkout: Checkout) -> frozenset[str]:
    """The service accounts of the pods of tasks that run now, as the Kubernetes API tells them."""
    wanted = {"labelSelector": "component=worker", "fieldSelector": "status.phase=Running"}
    return frozenset(pod["spec"]["serviceAccountName"] for pod in pods(checkout, **wanted))
