"""Airflow's own REST API, as far as the local environment asks it: health, DAGs, runs and logs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests

SECONDS = 30
"""The longest that one call may take: the first run makes the API server load the most."""
_POLL_SECONDS = 0.3
_ENDED = frozenset({"success", "failed"})


class AirflowError(Exception):
    """Airflow does not answer as it should; the text says what it was asked and what it said."""


@dataclass(frozen=True, kw_only=True)
class TaskTry:
    """How a task of a run ended."""

    task_id: str
    state: str
    tries: int
    seconds: float
    """Of its last try."""


class AirflowApi:
    """The API server at `address`, used as one of its users.

    Args:
        address: such as `http://127.0.0.1:8080`.
        user: a user of the simple auth manager.
        password: that user's.

    Raises:
        AirflowError: it lets nobody of that name in.
    """

    def __init__(self, address: str, user: str, password: str) -> None:
        self._address = address
        self._session = requests.Session()
        # Proxies of the shell lead away from this machine.
        self._session.trust_env = False
        token = self._call("POST", "/auth/token", {"username": user, "password": password})
        self._session.headers["Authorization"] = f"Bearer {token['access_token']}"

    def dags(self) -> dict[str, list[str]]:
        """Return the DAGs that Airflow knows by now, and their tags."""
        found = self._call("GET", "/api/v2/dags?limit=500")["dags"]
        return {dag["dag_id"]: [tag["name"] for tag in dag["tags"]] for dag in found}

    def import_errors(self) -> list[str]:
        """Return why files of the DAG bundle were refused."""
        found = self._call("GET", "/api/v2/importErrors")["import_errors"]
        return [f"{error['filename']}: {error['stack_trace']}" for error in found]

    def begin(self, dag_id: str) -> str:
        """Have a run of a DAG now and return the run's id.

        A DAG with a schedule that is unpaused for the first time begins one by itself.
        """
        before = self._last_run(dag_id)
        self._call("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})
        scheduled = self._call("GET", f"/api/v2/dags/{dag_id}")["timetable_summary"]
        if scheduled and before is None:
            deadline = time.monotonic() + SECONDS
            while time.monotonic() < deadline:
                if (run := self._last_run(dag_id)) is not None:
                    return run
                time.sleep(_POLL_SECONDS)
        answer = self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None})
        return str(answer["dag_run_id"])

    def _last_run(self, dag_id: str) -> str | None:
        order = "limit=1&order_by=-run_after"
        runs = self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns?{order}")["dag_runs"]
        return str(runs[0]["dag_run_id"]) if runs else None

    def state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run, such as `running`."""
        return str(self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def wait(self, dag_id: str, run_id: str, seconds: float) -> str:
        """Return the state of a run when it has ended, or the last one after `seconds`."""
        deadline = time.monotonic() + seconds
        while (state := self.state(dag_id, run_id)) not in _ENDED and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return state

    def tasks(self, dag_id: str, run_id: str) -> list[TaskTry]:
        """Return the tasks of a run, in the order they began."""
        answer = self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances")
        found = sorted(answer["task_instances"], key=lambda task: task["start_date"] or "~")
        return [
            TaskTry(
                task_id=task["task_id"],
                state=str(task["state"]),
                tries=task["try_number"],
                seconds=task["duration"] or 0.0,
            )
            for task in found
        ]

    def log(self, dag_id: str, run_id: str, task: TaskTry) -> Iterator[dict[str, Any]]:
        """Yield what a task's last try wrote to its log, an entry at a time."""
        answer = self._call(
            "GET",
            f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task.task_id}"
            f"/logs/{task.tries}?full_content=true",
        )
        for entry in answer["content"]:
            yield entry if isinstance(entry, dict) else {"event": str(entry)}

    def _call(self, method: str, route: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            answer = self._session.request(
                method, self._address + route, json=body, timeout=SECONDS
            )
        except requests.RequestException as error:
            raise AirflowError(f"{method} {route}: no answer: {error}") from None
        if not answer.ok:
            raise AirflowError(f"{method} {route}: {answer.status_code} {answer.text[:300]}")
        content: dict[str, Any] = answer.json()
        return content
