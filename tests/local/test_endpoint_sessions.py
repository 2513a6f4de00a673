"""Sessions behave as if the endpoint were not there: cancelling, copying, notifying, dying."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import asyncpg
import psutil
import psycopg
import pytest
from psycopg import errors
from psycopg.conninfo import make_conninfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.local.instance_client import Instance

CLIENTS = 200


@pytest.fixture
def connection(instance: Instance) -> Iterator[psycopg.Connection]:
    user, key = instance.iam_login()
    with instance.connect(user, instance.token(key, user)) as connection:
        yield connection


def sessions(instance: Instance, user: str) -> int:
    """How many sessions `user` has in the server."""
    with instance.master() as master:
        row = master.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = %s", [user]
        ).fetchone()
    assert row is not None
    return int(row[0])


def wait_until(condition: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


# Processes of their own: libpq's blocking cancel holds the interpreter's lock, which the endpoint
# needs.
CANCEL_BY_PSYCOPG = """
import sys, threading, psycopg
connection = psycopg.connect(sys.argv[1], autocommit=True)
threading.Timer(0.3, getattr(connection, sys.argv[2])).start()
try:
    connection.execute("SELECT pg_sleep(20)")
except psycopg.errors.QueryCanceled:
    print(connection.info.backend_pid, connection.execute("SELECT 'alive'").fetchone()[0])
"""
CANCEL_BY_PSYCOPG2 = """
import sys, threading, psycopg2
connection = psycopg2.connect(sys.argv[1])
threading.Timer(0.3, connection.cancel).start()
try:
    connection.cursor().execute("SELECT pg_sleep(20)")
except psycopg2.extensions.QueryCanceledError:
    connection.rollback()
    cursor = connection.cursor()
    cursor.execute("SELECT 'alive'")
    print(connection.info.backend_pid, cursor.fetchone()[0])
"""


@pytest.mark.parametrize(
    ("script", "way", "protocol"),
    [
        (CANCEL_BY_PSYCOPG, "cancel", "3.0"),
        (CANCEL_BY_PSYCOPG, "cancel", "3.2"),
        (CANCEL_BY_PSYCOPG, "cancel_safe", "3.0"),
        (CANCEL_BY_PSYCOPG, "cancel_safe", "3.2"),
        (CANCEL_BY_PSYCOPG2, "cancel", None),
    ],
    ids=["psycopg-3.0", "psycopg-3.2", "psycopg-tls-3.0", "psycopg-tls-3.2", "psycopg2"],
)
def test_cancel(instance: Instance, script: str, way: str, protocol: str | None) -> None:
    """`cancel` goes in plaintext although TLS is forced, `cancel_safe` through TLS."""
    user = instance.login(password="correct-horse")
    more = {"max_protocol_version": protocol} if protocol else {}
    conninfo = make_conninfo("", **instance.parameters(user, "correct-horse", **more))
    began = time.monotonic()

    said = subprocess.check_output([sys.executable, "-c", script, conninfo, way], text=True)

    assert time.monotonic() - began < 10
    process, state = said.split()
    assert state == "alive"
    line = instance.line(event="cancel", reason=f"for server process {process}")
    assert (line["tls"] is None) == (way == "cancel")


def test_timeout_of_asyncpg(instance: Instance) -> None:
    user = instance.login(password="correct-horse")

    async def query() -> None:
        connection = await asyncpg.connect(
            host=instance.address,
            port=instance.spec.port,
            user=user,
            password="correct-horse",
            database="postgres",
            ssl="require",
        )
        try:
            with pytest.raises(TimeoutError):
                await connection.fetchval("SELECT pg_sleep(20)", timeout=0.3)
            assert await connection.fetchval("SELECT 1") == 1
        finally:
            await connection.close()

    asyncio.run(query())


def test_copy_in_and_out(connection: psycopg.Connection) -> None:
    rows = 200_000
    connection.execute("CREATE TEMPORARY TABLE numbers (n int, text text)")

    with connection.cursor() as cursor:
        with cursor.copy("COPY numbers FROM STDIN") as copy:
            for n in range(rows):
                copy.write_row((n, "x" * 20))
        with cursor.copy("COPY numbers TO STDOUT") as copy:
            size = sum(len(block) for block in copy)

    row = connection.execute("SELECT count(*), sum(n) FROM numbers").fetchone()
    assert row == (rows, rows * (rows - 1) // 2)
    assert size == sum(len(f"{n}\t{'x' * 20}\n") for n in range(rows))


def test_large_values(connection: psycopg.Connection) -> None:
    value = os.urandom(8 << 20)

    row = connection.execute("SELECT %s::bytea", [value]).fetchone()

    assert row is not None
    assert row[0] == value


def test_listen_and_notify(instance: Instance, connection: psycopg.Connection) -> None:
    connection.execute("LISTEN news")
    with instance.master() as master:
        master.execute("NOTIFY news, 'hello'")

    notes = list(connection.notifies(timeout=5, stop_after=1))

    assert [note.payload for note in notes] == ["hello"]


def test_many_clients_at_once(instance: Instance) -> None:
    """Half with tokens, half with passwords; all in, all gone afterwards."""
    iam_user, key = instance.iam_login()
    token = instance.token(key, iam_user)
    user = instance.login(password="correct-horse")
    before = psutil.Process().num_fds()

    async def open_all() -> int:
        async def open_one(number: int) -> psycopg.AsyncConnection:
            who = (iam_user, token) if number % 2 else (user, "correct-horse")
            return await psycopg.AsyncConnection.connect(**instance.parameters(*who))

        connections = await asyncio.gather(*(open_one(number) for number in range(CLIENTS)))
        cursors = [await connection.execute("SELECT 1") for connection in connections]
        answers = [await cursor.fetchone() for cursor in cursors]
        for connection in connections:
            await connection.close()
        return sum(answer == (1,) for answer in answers)

    assert asyncio.run(open_all()) == CLIENTS

    wait_until(lambda: sessions(instance, user) + sessions(instance, iam_user) == 0)
    wait_until(lambda: psutil.Process().num_fds() <= before + 2)


def test_more_clients_than_the_server_has_room_for(instance: Instance) -> None:
    user = instance.login("LOGIN CONNECTION LIMIT 2", password="correct-horse")

    with (
        instance.connect(user, "correct-horse"),
        instance.connect(user, "correct-horse"),
        pytest.raises(psycopg.OperationalError, match="too many connections for role"),
    ):
        instance.connect(user, "correct-horse")

    assert instance.line(event="refused", user=user)["sqlstate"] == "53300"


def test_killed_client(instance: Instance) -> None:
    user = instance.login(password="correct-horse")
    script = (
        "import psycopg, sys\n"
        "connection = psycopg.connect(sys.argv[1])\n"
        "print('in', flush=True)\n"
        "sys.stdin.read()\n"
    )
    conninfo = make_conninfo("", **instance.parameters(user, "correct-horse"))
    client = subprocess.Popen(
        [sys.executable, "-c", script, conninfo], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"in\n"
        assert sessions(instance, user) == 1

        client.send_signal(signal.SIGKILL)

        wait_until(lambda: sessions(instance, user) == 0)
    assert instance.line(event="closed", user=user)


def test_terminated_session(instance: Instance, connection: psycopg.Connection) -> None:
    with instance.master() as master:
        master.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])

    with pytest.raises(errors.AdminShutdown):
        connection.execute("SELECT 1")


def test_clients_side_by_side_do_not_mix(instance: Instance) -> None:
    user = instance.login(password="correct-horse")

    def ask(number: int) -> bool:
        with instance.connect(user, "correct-horse") as connection:
            rows = [connection.execute("SELECT %s::int", [number]).fetchone() for _ in range(20)]
        return rows == [(number,)] * 20

    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(ask, range(60)))
