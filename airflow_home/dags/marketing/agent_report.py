"""What an agent wrote that wants more than it was given. Red is right here.

It works for `marketing`, so `own_report` succeeds. Every other task tries to reach something that
is not marketing's, and fails with a message that says what it lacks. `agent_as_billing.py`, in the
same folder, asks for another workflow's identity outright: Airflow refuses it as it reads it.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import psycopg
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import dag, task

METADATA_PORT = 5433
"""The port of the metadata instance, as all environments have it."""


@dag(
    "marketing.agent-report",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    default_args={"retries": 1, "retry_delay": timedelta(seconds=1)},
    tags=["marketing", "agent"],
    doc_md=__doc__,
)
def agent_report() -> None:
    """Work for marketing, and try what is not marketing's."""

    @task
    def own_report() -> None:
        """Read the workflow's own table: allowed."""
        hook = PostgresHook(postgres_conn_id="marketing")
        hook.run("CREATE TABLE IF NOT EXISTS report (day date PRIMARY KEY, clicks integer)")
        print(hook.get_records("SELECT * FROM report"))

    SQLExecuteQueryOperator(
        task_id="another_connection",
        doc_md="Uses billing's connection. Its role lacks the right to read that secret.",
        conn_id="billing",
        sql="SELECT * FROM invoice",
    )

    @task
    def another_schema() -> None:
        """Read billing's table through its own connection. Its login lacks USAGE on the schema."""
        hook = PostgresHook(postgres_conn_id="marketing")
        login = hook.get_connection("marketing").login
        schema = login.replace("marketing", "billing") + "_v1"
        print(hook.get_records(f"SELECT * FROM {schema}.invoice"))  # noqa: S608  made of its own login

    @task
    def another_identity() -> None:
        """Show its service account's token to billing's role, which trusts another's."""
        role = os.environ["AWS_ROLE_ARN"].replace("marketing", "billing")
        boto3.client("sts").assume_role_with_web_identity(
            RoleArn=role,
            RoleSessionName="agent",
            WebIdentityToken=Path(os.environ["AWS_WEB_IDENTITY_TOKEN_FILE"]).read_text(),
        )

    @task
    def metadata_database() -> None:
        """Log in to Airflow's own database as the scheduler. Its role lacks rds-db:connect."""
        own = PostgresHook.get_connection("marketing")
        environment = own.login.removesuffix("_marketing")
        host, user = own.host.replace("application", "metadata"), f"airflow_{environment}_scheduler"
        token = boto3.client("rds").generate_db_auth_token(host, METADATA_PORT, user)
        psycopg.connect(
            host=host,
            port=METADATA_PORT,
            user=user,
            password=token,
            dbname=f"airflow_{environment}",
            connect_timeout=10,
        )

    @task
    def master_secret() -> None:
        """Read the password of the application instance's master. Its role lacks that right."""
        boto3.client("secretsmanager").get_secret_value(SecretId="rds!db-application")

    own_report()
    another_schema()
    another_identity()
    metadata_database()
    master_secret()


agent_report()
