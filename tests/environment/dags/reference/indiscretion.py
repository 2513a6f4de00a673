"""Spreads what it was told, wherever a task can: what searches for secrets has to find it there.

Run it with the configuration `{"told": "..."}`; it is no secret of anybody.
"""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

SECONDS = 8
"""Long enough for somebody to look."""
WAIT = f"import time; time.sleep({SECONDS})"


def spread(told: str) -> None:
    """Write it to a file and into the log, and show it as an argument and as a variable."""
    Path(os.environ["AIRFLOW_HOME"], "spread").write_text(told, encoding="utf-8")
    print(f"I was told {told}")
    waiting = [
        subprocess.Popen([sys.executable, "-c", WAIT, told]),
        subprocess.Popen([sys.executable, "-c", WAIT], env={**os.environ, "TOLD": told}),
    ]
    for process in waiting:
        process.wait()


with DAG(
    "reference.indiscretion",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    default_args={"retries": 1, "retry_delay": timedelta(seconds=1)},
):
    PythonOperator(
        task_id="spread",
        python_callable=spread,
        op_args=["{{ dag_run.conf['told'] }}"],
    )
