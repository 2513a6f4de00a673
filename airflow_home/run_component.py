"""Starts a component of Airflow whose loop outlives the metadata database.

    command: [python, /opt/airflow/config/run_component.py], args: those of `airflow`

Airflow waits where it connects (`metadata_engine`), but a server that ends cuts off what runs on it
at that moment, and that ends Airflow's process. Here the loop of the scheduler, the DAG processor
or the triggerer begins anew instead: what was cut off is rolled back, as if it had not begun. An
error that does not go away does not go unseen: no heartbeat is written meanwhile, and the probe
(`probe_health`) has the component restarted.
"""

from __future__ import annotations

import functools
import importlib
import logging
import sys
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import InterfaceError, OperationalError, PendingRollbackError

SCHEDULER = "scheduler"
LOOPS = {
    SCHEDULER: ("airflow.jobs.scheduler_job_runner", "SchedulerJobRunner", "_run_scheduler_loop"),
    "dag-processor": (
        "airflow.dag_processing.manager",
        "DagFileProcessorManager",
        "_run_parsing_loop",
    ),
    "triggerer": ("airflow.jobs.triggerer_job_runner", "TriggerRunnerSupervisor", "run_once"),
}
"""Module, class and method of each component's loop; Airflow promises none of these names."""
PAUSE_SECONDS = 1.0
_CUT_OFF = (OperationalError, InterfaceError, PendingRollbackError)
_log = logging.getLogger(__name__)


def outliving(
    loop: Callable[[Any], None], before_again: Callable[[Any], None] = lambda _: None
) -> Callable[[Any], None]:
    """Return a loop that begins anew when the database cut it off.

    Args:
        loop: a method of Airflow's.
        before_again: is called with the method's object before the loop begins anew.
    """

    @functools.wraps(loop)
    def again(runner: Any) -> None:  # noqa: ANN401 - a class of Airflow's
        while True:
            try:
                loop(runner)
            except _CUT_OFF as error:
                _log.warning("The metadata database cut the loop off: %s", _first_line(error))
            else:
                return
            time.sleep(PAUSE_SECONDS)
            before_again(runner)

    return again


def beat(scheduler: Any) -> None:  # noqa: ANN401 - Airflow's SchedulerJobRunner
    """Write the scheduler's heartbeat, however long that takes.

    Its loop begins with taking the tasks of schedulers that have none, and it must not be one.
    """
    while True:
        scheduler.job.heartbeat(heartbeat_callback=scheduler.heartbeat_callback)
        if not scheduler.job.heartbeat_failed:
            return
        time.sleep(PAUSE_SECONDS)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def main(arguments: list[str]) -> None:
    """Run `airflow` with these arguments, of which the first one is a component."""
    component = arguments[0]
    module, owner, name = LOOPS[component]
    runner = getattr(importlib.import_module(module), owner)
    loop = getattr(runner, name)
    own = outliving(loop, beat) if component == SCHEDULER else outliving(loop)
    setattr(runner, name, own)
    # Here, so that tests can import the rest without Airflow.
    from airflow.__main__ import main as airflow  # noqa: PLC0415

    sys.argv = ["airflow", *arguments]
    airflow()


if __name__ == "__main__":
    main(sys.argv[1:])
