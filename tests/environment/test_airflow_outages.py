"""A database server that goes away for a minute: Airflow waits, tasks wait or try again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.environment.checkout import APPLICATION, METADATA
from tests.environment.faults import (
    STEADY,
    away,
    cut_off,
    processes,
    restarts,
    wait_ready,
    working,
)

if TYPE_CHECKING:
    from tests.environment.running_airflow import RunningAirflow

pytestmark = pytest.mark.faults
OUTAGE_SECONDS = 60
GOES_ON_SECONDS = 120
"""From the start of the server to the end of work that began after it."""
RECOVERY_SECONDS = 240
"""To the end of all that was in flight, on a busy machine."""


@pytest.mark.parametrize(
    ("component", "table"),
    [
        ("scheduler", "deadline"),
        ("dag-processor", "dag_priority_parsing_request"),
        ("triggerer", "trigger"),
    ],
)
def test_a_session_that_ends_amid_a_statement_ends_no_component(
    airflow: RunningAirflow, component: str, table: str
) -> None:
    before, count = processes(airflow), restarts(airflow)

    cut_off(airflow, component, table)
    cut_off(airflow, component, table)  # it came back for more

    assert (processes(airflow), restarts(airflow)) == (before, count)


def test_the_metadata_server_is_away_for_a_minute(airflow: RunningAirflow) -> None:
    before, count = processes(airflow), restarts(airflow)
    work = working(airflow)
    work.begin(STEADY, "billing", STEADY)
    work.wait_for_running("long")

    with away(airflow.checkout, METADATA, OUTAGE_SECONDS):
        pass
    started = time.monotonic()
    later = working(airflow)
    later.begin("reference")
    assert set(later.wait(RECOVERY_SECONDS).values()) == {"success"}
    seconds = time.monotonic() - started

    assert set(work.wait(RECOVERY_SECONDS).values()) == {"success"}
    assert seconds < GOES_ON_SECONDS
    assert (processes(airflow), restarts(airflow)) == (before, count)
    # Not even a second try: what was done is told when somebody listens.
    assert set(work.tries().values()) == {1}
    assert set(work.written().values()) == {1}
    wait_ready(airflow)


def test_the_application_server_is_away_for_a_minute(airflow: RunningAirflow) -> None:
    before, count = processes(airflow), restarts(airflow)
    work = working(airflow)
    work.begin(STEADY, "billing")
    work.wait_for_running("long")

    with away(airflow.checkout, APPLICATION, OUTAGE_SECONDS):
        pass

    assert set(work.wait(RECOVERY_SECONDS).values()) == {"success"}
    assert max(work.tries().values()) > 1
    written = work.written()
    assert set(written.values()) == {1}
    assert {(run, task) for run, task, _ in written} == {
        (run, task) for run, task in work.tries() if (STEADY, run) in work.runs
    }
    assert (processes(airflow), restarts(airflow)) == (before, count)
