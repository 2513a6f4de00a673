"""Loads a day's invoices and turns them into revenue by country, in euros.

The connection `billing` is the workflow's own: no host, user or password is written here, and no
schema, as the names of its own tables and of those it reads (`exchange_rate`, of the workflow
`reference`) are looked up where they are. Every task may run twice: a day replaces itself.
"""

from datetime import UTC, datetime, timedelta

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import dag, task
from sqlalchemy import text

TODAY = "{{ dag_run.run_after | ds }}"


@dag(
    "billing",
    schedule="0 5 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={
        # After 10 s, 20 s, 40 s, 80 s, and up to twice that: longer than a failover.
        "retries": 4,
        "retry_delay": timedelta(seconds=10),
        "retry_exponential_backoff": 2,
    },
    tags=["billing"],
    doc_md=__doc__,
)
def invoices() -> None:
    """Load, transform, report."""
    create_tables = SQLExecuteQueryOperator(
        task_id="create_tables",
        conn_id="billing",
        sql=[
            """
            CREATE TABLE IF NOT EXISTS invoice (
                id text PRIMARY KEY,
                day date NOT NULL,
                country text NOT NULL,
                currency text NOT NULL,
                amount numeric NOT NULL
            )
            """,
            """
            CREATE TABLE IF NOT EXISTS revenue (
                day date NOT NULL,
                country text NOT NULL,
                euros numeric NOT NULL,
                PRIMARY KEY (day, country)
            )
            """,
        ],
    )

    @task
    def load(day: str) -> None:
        """Read the day's invoices, wherever they come from, and store them."""
        sold = [("DE", "EUR", 120), ("FR", "EUR", 80), ("US", "USD", 200), ("GB", "GBP", 50)]
        rows = [
            (f"{day}-{number}", day, country, currency, amount)
            for number, (country, currency, amount) in enumerate(sold)
        ]
        PostgresHook(postgres_conn_id="billing").insert_rows(
            table="invoice",
            rows=rows,
            target_fields=["id", "day", "country", "currency", "amount"],
            replace=True,
            replace_index="id",
        )

    transform = SQLExecuteQueryOperator(
        task_id="transform",
        conn_id="billing",
        sql="""
            INSERT INTO revenue (day, country, euros)
            SELECT invoice.day, country, sum(amount * euros)
            FROM invoice JOIN exchange_rate USING (day, currency)
            WHERE invoice.day = %(day)s
            GROUP BY invoice.day, country
            ON CONFLICT (day, country) DO UPDATE SET euros = excluded.euros
        """,
        parameters={"day": TODAY},
    )

    @task
    def report(day: str) -> None:
        """Print the day's revenue."""
        engine = PostgresHook(postgres_conn_id="billing").get_sqlalchemy_engine()
        query = text("SELECT country, euros FROM revenue WHERE day = :day ORDER BY country")
        with engine.connect() as connection:
            for country, euros in connection.execute(query, {"day": day}):
                print(f"{country} {euros:10.2f} EUR")

    create_tables >> load(TODAY) >> transform >> report(TODAY)


invoices()
