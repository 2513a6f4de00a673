"""Counts how often each campaign was clicked."""

from datetime import UTC, datetime, timedelta

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import dag, task


@dag(
    "marketing",
    schedule="0 5 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={
        # After 10 s, 20 s, 40 s, 80 s, and up to twice that: longer than a failover.
        "retries": 4,
        "retry_delay": timedelta(seconds=10),
        "retry_exponential_backoff": 2,
    },
    tags=["marketing"],
    doc_md=__doc__,
)
def campaigns() -> None:
    """Load the day's clicks."""
    create_table = SQLExecuteQueryOperator(
        task_id="create_table",
        conn_id="marketing",
        sql="""
            CREATE TABLE IF NOT EXISTS click (
                day date NOT NULL,
                campaign text NOT NULL,
                clicks integer NOT NULL,
                PRIMARY KEY (day, campaign)
            )
        """,
    )

    @task
    def load(day: str) -> None:
        """Store how often each campaign was clicked on a day."""
        PostgresHook(postgres_conn_id="marketing").insert_rows(
            table="click",
            rows=[(day, "spring", 310), (day, "newsletter", 95)],
            target_fields=["day", "campaign", "clicks"],
            replace=True,
            replace_index=["day", "campaign"],
        )

    create_table >> load("{{ dag_run.run_after | ds }}")


campaigns()
