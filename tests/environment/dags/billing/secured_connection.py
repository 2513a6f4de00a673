"""Shows on which ways a task reaches its database, and that each verifies whom it talks to.

`verified` logs in on every way there is. `foreign_authority` puts another CA in the place of the
one that the pod was given, and tries the same: on no way may it get in.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import psycopg
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SESSION = "SELECT session_user || ' ' || current_setting('application_name')"


def by_hook() -> Any:  # noqa: ANN401 - whatever the server answers
    """As most tutorials do."""
    return PostgresHook(postgres_conn_id="billing").get_first(SESSION)[0]


def by_sqlalchemy() -> Any:  # noqa: ANN401 - whatever the server answers
    """As pandas and the like do."""
    engine = PostgresHook(postgres_conn_id="billing").get_sqlalchemy_engine()
    with engine.connect() as connection:
        return connection.exec_driver_sql(SESSION).scalar()


def by_psycopg() -> Any:  # noqa: ANN401 - whatever the server answers
    """Without a hook, and without a word about TLS."""
    own = PostgresHook.get_connection("billing")
    token = boto3.client("rds").generate_db_auth_token(own.host, own.port, own.login)
    session = psycopg.connect(
        host=own.host, port=own.port, user=own.login, password=token, dbname=own.schema
    )
    with closing(session), session.cursor() as cursor:
        return next(cursor.execute(SESSION))[0]


WAYS: tuple[Callable[[], Any], ...] = (by_hook, by_sqlalchemy, by_psycopg)


def verified() -> None:
    """Print what the server says on each way."""
    for way in WAYS:
        print(json.dumps({way.__name__: way()}))


def foreign_authority() -> None:
    """Print how each way ends for whoever trusts another CA."""
    with another_authority() as file:
        os.environ["PGSSLROOTCERT"] = str(file)
        for way in WAYS:
            try:
                answer = f"got in: {way()}"
            except Exception as error:  # noqa: BLE001 - three libraries, three families of errors
                answer = " ".join(str(error).split())
            print(json.dumps({way.__name__: answer}))


@contextmanager
def another_authority() -> Iterator[Path]:
    """Make a CA that has signed nothing, and give the file of its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "another authority")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    with tempfile.TemporaryDirectory(dir=os.environ["AIRFLOW_HOME"]) as folder:
        file = Path(folder, "ca.pem")
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        yield file


with DAG(
    "billing.secured-connection",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    default_args={"retries": 1, "retry_delay": timedelta(seconds=1)},
):
    for task in (verified, foreign_authority):
        PythonOperator(task_id=task.__name__, python_callable=task)
