"""Airflow's engines for its metadata database: every connection logs in with an IAM token.

Airflow calls the two functions for its synchronous and its asynchronous engine, in every component
and in `airflow db migrate`. A task has no metadata database: there Airflow asks for an engine of
the SQLite file that its default names, gets it, and never opens it.

A login that fails is tried again, within bounds: a refused one a few times, as a token may have
been too old; any other as long as the component has patience, so that a restart or failover of the
server is a pause and not a crash. The environment may set METADATA_PATIENCE_SECONDS: little where
somebody waits for an answer (the API server), more where nobody does.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from typing import Any

import health_marks
from botocore.exceptions import BotoCoreError, ClientError
from metadata_tokens import REUSE_SECONDS, TokenCache
from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

ASYNC_POOL_SIZE = 2
"""Connections of the asynchronous engine, for each process; the connection budget counts them."""
PATIENCE_SECONDS = 90.0
"""How long a server that is away is tried, unless METADATA_PATIENCE_SECONDS says otherwise."""
REFUSALS = 3
"""How often a login may be refused in a row; all but the first with a token of that moment."""
LONGEST_PAUSE_SECONDS = 5.0
NETWORK = {
    "connect_timeout": 10,
    # A server that went away without a word: its silence ends a statement after half a minute.
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""What libpq is told: seconds, and milliseconds for the last."""

_REFUSED = ("authentication failed", "no pg_hba.conf entry")
_HOPELESS = ("certificate", "does not exist", "permission denied", "invalid connection option")
_HEARTBEAT = "UPDATE job SET latest_heartbeat="
_log = logging.getLogger(__name__)
_tokens = TokenCache(
    reuse_seconds=float(os.environ.get("METADATA_TOKEN_REUSE_SECONDS", REUSE_SECONDS))
)


class MetadataEngineError(Exception):
    """The metadata database is not connected to in this way; the text says why."""


def create_metadata_engine(
    sql_alchemy_conn: str, *, engine_args: dict[str, Any], connect_args: dict[str, Any]
) -> Engine:
    """Return the engine that Airflow asks for; as Airflow's own function of this name.

    Raises:
        MetadataEngineError: the server would not be verified.
    """
    url = make_url(sql_alchemy_conn)
    engine = create_engine(url, connect_args=connect_args, **engine_args)
    if url.get_backend_name() != "sqlite":
        _use_tokens(engine, url, connect_args)
    return engine


def create_async_metadata_engine(
    sql_alchemy_conn_async: str,
    *,
    connect_args: dict[str, Any],
    engine_args: dict[str, Any] | None = None,
) -> AsyncEngine:
    """Return the asynchronous engine that Airflow asks for; as Airflow's own function of this name.

    Raises:
        MetadataEngineError: the server would not be verified.
    """
    url = make_url(sql_alchemy_conn_async)
    arguments = dict(engine_args or {})
    if "pool_size" in arguments:
        arguments |= {"pool_size": ASYNC_POOL_SIZE, "max_overflow": 0}
    engine = create_async_engine(url, connect_args=connect_args, **arguments)
    if url.get_backend_name() != "sqlite":
        _use_tokens(engine.sync_engine, url, connect_args)
    return engine


def _use_tokens(engine: Engine, url: URL, connect_args: dict[str, Any]) -> None:
    sslmode = {**url.query, **connect_args}.get("sslmode")
    if sslmode != "verify-full":
        raise MetadataEngineError(
            f"The connection to the metadata database at {url.host} has sslmode {sslmode!r}, but "
            "only verify-full is allowed, as a token sent to anybody else lets them in: write "
            "?sslmode=verify-full in AIRFLOW__DATABASE__SQL_ALCHEMY_CONN and ..._CONN_ASYNC, with "
            "the driver psycopg (or psycopg2, psycopg_async)."
        )
    event.listen(engine, "do_connect", _log_in)
    event.listen(engine, "after_cursor_execute", _mark_heartbeat)


def _log_in(dialect: Any, _record: Any, arguments: Any, parameters: dict[str, Any]) -> Any:  # noqa: ANN401 - SQLAlchemy's event
    """Connect in the dialect's place, with a token and with patience."""
    patience = float(os.environ.get("METADATA_PATIENCE_SECONDS", PATIENCE_SECONDS))
    deadline = time.monotonic() + patience
    refusals = attempt = 0
    given = {**NETWORK, **parameters}
    while True:
        try:
            connection = _connect(dialect, arguments, given, fresh=attempt > 0)
        except dialect.loaded_dbapi.OperationalError as error:
            health_marks.touch(health_marks.DATABASE_AWAY)
            attempt += 1
            reason = " ".join(str(error).split())
            refusals += any(text in reason for text in _REFUSED)
            pause = min(LONGEST_PAUSE_SECONDS, 0.2 * 2**attempt) * random.uniform(0.5, 1)  # noqa: S311 - jitter
            if (
                refusals >= REFUSALS
                or any(text in reason for text in _HOPELESS)
                or time.monotonic() + pause > deadline
            ):
                raise
            if attempt == 1:
                _log.warning("The metadata database cannot be reached, trying again: %s", reason)
            _sleep(pause, in_event_loop=dialect.is_async)
            continue
        health_marks.clear(health_marks.DATABASE_AWAY)
        if attempt:
            _log.warning("The metadata database is reached again, at attempt %d.", attempt + 1)
        return connection


def _connect(dialect: Any, arguments: Any, given: dict[str, Any], *, fresh: bool) -> Any:  # noqa: ANN401 - SQLAlchemy's
    host, port, user = given["host"], int(given.get("port", 5432)), given["user"]
    try:
        token = _tokens.token(host, port, user, fresh=fresh)
    except (BotoCoreError, ClientError) as error:
        # Airflow's components outlive a database that is away, and nothing else of this kind.
        raise dialect.loaded_dbapi.OperationalError(f"no token for {user}: {error}") from error
    return dialect.connect(*arguments, **{**given, "password": token})


def _sleep(seconds: float, *, in_event_loop: bool) -> None:
    if in_event_loop:
        await_only(asyncio.sleep(seconds))
    else:
        time.sleep(seconds)


def _mark_heartbeat(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:  # noqa: ANN401 - SQLAlchemy's event
    if statement.startswith(_HEARTBEAT):
        health_marks.touch(health_marks.HEARTBEAT)
