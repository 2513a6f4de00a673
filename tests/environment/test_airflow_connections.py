"""A task's connection is what Secrets Manager has at that moment, and leads to the right server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3

if TYPE_CHECKING:
    from tests.environment.running_airflow import RunningAirflow

DAG = "billing.secured-connection"
SECRET = "airflow/local/connections/billing"
WAYS = {"by_hook", "by_sqlalchemy", "by_psycopg"}


def answers(airflow: RunningAirflow, run: str, task_id: str) -> dict[str, str]:
    """What a task printed of each way into the database."""
    found: dict[str, str] = {}
    for line in airflow.log(DAG, run, task_id).splitlines():
        if line.startswith('{"by_'):
            found |= json.loads(line)
    assert found.keys() == WAYS
    return found


@contextmanager
def application_name(airflow: RunningAirflow, name: str) -> Iterator[None]:
    """Have another one in billing's connection, as an administrator of the account."""
    with airflow.checkout.account():
        client = boto3.client("secretsmanager")
        before = client.get_secret_value(SecretId=SECRET)["SecretString"]
        connection = json.loads(before)
        # The hook's SQLAlchemy engine takes its parameters from a place of its own.
        for parameters in (connection["extra"], connection["extra"]["sqlalchemy_query"]):
            parameters["application_name"] = name
        client.put_secret_value(SecretId=SECRET, SecretString=json.dumps(connection))
        try:
            yield
        finally:
            client.put_secret_value(SecretId=SECRET, SecretString=before)


def test_a_changed_connection_is_used_by_the_next_task(airflow: RunningAirflow) -> None:
    """Nothing is started again for it, and on no way does anybody get in who is not verified."""
    airflow.wait_for_dags(DAG)
    components = airflow.component_processes()
    with application_name(airflow, "changed"):
        run = airflow.run(DAG)

    assert answers(airflow, run, "verified") == {
        "by_hook": "local_billing changed",
        "by_sqlalchemy": "local_billing changed",
        # It takes host and login from the connection, and nothing else.
        "by_psycopg": "local_billing ",
    }
    assert airflow.component_processes() == components

    refused = answers(airflow, run, "foreign_authority")
    assert {way for way, said in refused.items() if "certificate verify failed" in said} == WAYS
