"""The example workflows, run once by Airflow itself, and what became of each of their tasks.

A DAG with the tag `agent` tries what it may not: all its tasks have to fail, but for those whose
names begin with `own`. All tasks of other DAGs have to succeed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from local.airflow_api import AirflowApi, AirflowError, TaskTry

FIRST = ("reference", "billing")
"""Run before the others, one after the other: `billing` reads what `reference` publishes."""
AGENT, OWN = "agent", "own"
RUN_SECONDS = 240
"""The longest run on a busy machine: each task starts a Python, and failed ones try again."""
PARSE_SECONDS = 120
LOG_SECONDS = 20
"""A pod puts its task's log on S3 when the task has ended already."""
_POLL_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one task of an example ended."""

    dag_id: str
    task: TaskTry
    promised: bool
    """Whether it had to succeed."""
    answer: str
    """What it was told when it failed."""

    @property
    def kept(self) -> bool:
        """Whether what happened is what was promised."""
        return self.promised == (self.task.state == "success")


def run_examples(
    api: AirflowApi, expected: frozenset[str], progress: Callable[[str], None]
) -> list[Outcome]:
    """Run every example once and return all outcomes.

    Args:
        api: the running Airflow.
        expected: the workflows that have an example, whose DAGs have to be known to Airflow.
        progress: is told when a run begins and ends.

    Raises:
        AirflowError: a DAG of `expected` never appears.
    """
    _wait_for(api, expected)
    outcomes: list[Outcome] = []
    for dag in FIRST:
        if dag in api.dags():
            outcomes += _run(api, [dag], progress)
    # By now the other files have been read too.
    others = [dag for dag in api.dags() if dag not in FIRST]
    return outcomes + _run(api, others, progress)


def _run(api: AirflowApi, dags: list[str], progress: Callable[[str], None]) -> list[Outcome]:
    """Run these DAGs at the same time."""
    tags, runs = api.dags(), [(dag, api.begin(dag)) for dag in dags]
    begun = time.monotonic()
    outcomes: list[Outcome] = []
    for dag, run in runs:
        state = api.wait(dag, run, RUN_SECONDS)
        progress(f"{dag} ended as {state} after {time.monotonic() - begun:.0f} s")
        outcomes += _outcomes(api, dag, run, by_agent=AGENT in tags[dag])
    return outcomes


def _wait_for(api: AirflowApi, expected: frozenset[str]) -> None:
    """Wait until Airflow knows a DAG of each expected workflow."""
    deadline = time.monotonic() + PARSE_SECONDS
    known = api.dags()
    while not expected <= {dag.partition(".")[0] for dag in known}:
        if time.monotonic() > deadline:
            raise AirflowError(
                f"Airflow knows no DAG of {', '.join(sorted(expected))} after {PARSE_SECONDS} s "
                f"(it knows: {', '.join(sorted(known)) or 'none'}); "
                f"{' '.join(api.import_errors()) or 'it refused none'}"
            )
        time.sleep(_POLL_SECONDS)
        known = api.dags()


def _outcomes(api: AirflowApi, dag: str, run: str, *, by_agent: bool) -> Iterator[Outcome]:
    for task in api.tasks(dag, run):
        failed = task.state != "success"
        yield Outcome(
            dag_id=dag,
            task=task,
            promised=not by_agent or task.task_id.startswith(OWN),
            answer=_last_error(api, dag, run, task) if failed else "",
        )


def _last_error(api: AirflowApi, dag: str, run: str, task: TaskTry) -> str:
    """The first line of the last error in a task's log, which is complete a moment after it."""
    deadline = time.monotonic() + LOG_SECONDS
    while not (said := _error_in(api.log(dag, run, task))) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return said


def _error_in(log: Iterable[dict[str, Any]]) -> str:
    said = ""
    for entry in log:
        for detail in entry.get("error_detail") or ():
            said = str(detail.get("exc_value") or said)
        if entry.get("level") in {"error", "critical"} and not entry.get("error_detail"):
            said = str(entry.get("event") or said)
    return said.strip().partition("\n")[0]
