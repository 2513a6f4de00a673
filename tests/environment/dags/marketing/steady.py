"""Writes down each try of each of its tasks: a short chain, and beside it a long one."""

import os
import time
from datetime import UTC, datetime, timedelta

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, get_current_context


def note(seconds: int) -> None:
    """Write down this try; then take a while."""
    one = get_current_context()["ti"]
    PostgresHook(postgres_conn_id="marketing").run(
        "INSERT INTO attempt (run, task, try, pod) VALUES (%s, %s, %s, %s)",
        parameters=(one.run_id, one.task_id, one.try_number, os.environ["HOSTNAME"]),
    )
    time.sleep(seconds)


with DAG(
    "marketing.steady",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    default_args={
        "retries": 4,
        "retry_delay": timedelta(seconds=10),
        "retry_exponential_backoff": 2,
    },
):
    first, second, third, _ = (
        PythonOperator(task_id=name, python_callable=note, op_args=[seconds])
        for name, seconds in {"first": 1, "second": 1, "third": 1, "long": 45}.items()
    )
    first >> second >> third
