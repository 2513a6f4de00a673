"""Opens connections all the time, on every way there is, and notes as whom; its password changes.

A task asks for its connection when it is about to connect: it makes a new hook each time, and keeps
none for hours. A hook keeps the login that it found first, and so does an engine or a pool made of
it. A session that is open stays open, whatever becomes of the password.
"""

import json
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import psycopg
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.postgres.hooks import postgres
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, get_current_context
from sqlalchemy.pool import NullPool

CHAINS, LINKS = 2, 4
"""Short tasks: so many at once, so many one after the other."""
LONGEST_SECONDS = 240
TABLE = """
    CREATE TABLE IF NOT EXISTS visit (run text, task text, way text, begun float8, login text)
"""
NOTE = """
    INSERT INTO visit (run, task, way, begun, login) VALUES (%s, %s, %s, %s, session_user)
"""


def by_hook() -> Any:  # noqa: ANN401 - a DB-API connection, as all of these
    """As most tutorials do; the hook's driver is psycopg 3."""
    return PostgresHook(postgres_conn_id="billing").get_conn()


def by_hook_of_old() -> Any:  # noqa: ANN401
    """The same where the hook finds psycopg 2 alone."""
    with patch.object(postgres, "USE_PSYCOPG3", new=False):
        return by_hook()


def by_sqlalchemy(scheme: str | None = None) -> Any:  # noqa: ANN401
    """As pandas and the like do."""
    hook = PostgresHook(postgres_conn_id="billing", sqlalchemy_scheme=scheme)
    return hook.get_sqlalchemy_engine({"poolclass": NullPool}).raw_connection()


def by_sqlalchemy_of_old() -> Any:  # noqa: ANN401
    """The same with psycopg 2."""
    return by_sqlalchemy("postgresql+psycopg2")


def by_psycopg() -> Any:  # noqa: ANN401
    """Without a hook, and without a word about TLS."""
    own = PostgresHook.get_connection("billing")
    return psycopg.connect(
        host=own.host, port=own.port, user=own.login, password=own.password, dbname=own.schema
    )


WAYS: tuple[Callable[[], Any], ...] = (
    by_hook,
    by_hook_of_old,
    by_sqlalchemy,
    by_sqlalchemy_of_old,
    by_psycopg,
)


def visit(way: Callable[[], Any]) -> None:
    """Log in, and note as whom, and since when the task has been about it."""
    begun = time.time()
    with closing(way()) as session:
        note(session, way.__name__, begun)


def note(session: Any, way: str, begun: float) -> None:  # noqa: ANN401
    """Write down who a session is."""
    task = get_current_context()["ti"]
    with closing(session.cursor()) as cursor:
        cursor.execute(NOTE, (task.run_id, task.task_id, way, begun))
    session.commit()


def go_on() -> None:
    """Visit on all ways, once and for as long as there is a table `rotating`.

    One session stays open meanwhile; in the end its hook, which was kept too, logs in once more.
    """
    kept = PostgresHook(postgres_conn_id="billing")
    deadline = time.monotonic() + LONGEST_SECONDS
    with closing(kept.get_conn()) as session:
        goes_on = True
        while goes_on and time.monotonic() < deadline:
            for way in WAYS:
                visit(way)
            goes_on = is_rotating(session)
            note(session, "kept_session", time.time())
    try:
        kept.get_conn().close()
        answer = "got in"
    except psycopg.OperationalError as error:
        answer = " ".join(str(error).split())
    print(json.dumps({"kept_hook": answer}))


def is_rotating(session: Any) -> bool:  # noqa: ANN401
    """Whether somebody rotates the password, and wants this to go on."""
    with closing(session.cursor()) as cursor:
        cursor.execute("SELECT to_regclass('rotating') IS NOT NULL")
        return bool(cursor.fetchone()[0])


def short(task_id: str, *, by_operator: bool) -> Any:  # noqa: ANN401 - an operator
    """A task that logs in once."""
    if not by_operator:
        return PythonOperator(task_id=task_id, python_callable=visit, op_args=[by_hook])
    begun = "{{ macros.time.time() }}"
    return SQLExecuteQueryOperator(
        task_id=task_id,
        conn_id="billing",
        sql=NOTE,
        parameters=["{{ run_id }}", "{{ ti.task_id }}", "by_operator", begun],
    )


with DAG(
    "billing.rotated-login",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    default_args={"retries": 1, "retry_delay": timedelta(seconds=1)},
):
    create_table = SQLExecuteQueryOperator(task_id="create_table", conn_id="billing", sql=TABLE)
    create_table >> PythonOperator(task_id="long", python_callable=go_on)
    for chain in range(CHAINS):
        before: Any = create_table
        for link in range(LINKS):
            before >> (before := short(f"short_{chain}_{link}", by_operator=link % 2 == 0))
