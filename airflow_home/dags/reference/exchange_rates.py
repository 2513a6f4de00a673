"""Publishes exchange rates, which other workflows read.

Nothing is granted in here: a workflow that is declared with `reads: [reference]` may read the
tables that this one creates, and finds them by their names.
"""

from datetime import UTC, datetime, timedelta

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.sdk import dag


@dag(
    "reference",
    schedule="0 4 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={
        # After 10 s, 20 s, 40 s, 80 s, and up to twice that: longer than a failover.
        "retries": 4,
        "retry_delay": timedelta(seconds=10),
        "retry_exponential_backoff": 2,
    },
    tags=["reference"],
    doc_md=__doc__,
)
def exchange_rates() -> None:
    """Publish the day's rates."""
    create_table = SQLExecuteQueryOperator(
        task_id="create_table",
        conn_id="reference",
        sql="""
            CREATE TABLE IF NOT EXISTS exchange_rate (
                day date NOT NULL,
                currency text NOT NULL,
                euros numeric NOT NULL,
                PRIMARY KEY (day, currency)
            )
        """,
    )
    publish = SQLExecuteQueryOperator(
        task_id="publish",
        conn_id="reference",
        # A day that is published again replaces what was there.
        sql="""
            INSERT INTO exchange_rate (day, currency, euros)
            VALUES (%(day)s, 'EUR', 1), (%(day)s, 'USD', 0.92), (%(day)s, 'GBP', 1.17)
            ON CONFLICT (day, currency) DO UPDATE SET euros = excluded.euros
        """,
        parameters={"day": "{{ dag_run.run_after | ds }}"},
    )
    create_table >> publish


exchange_rates()
