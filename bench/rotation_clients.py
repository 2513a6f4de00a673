"""Clients of a rotated secret, in a process of their own: they read it, log in, query, and go."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import psycopg

from bench.rotating_account import RotatingAccount

CLIENTS = 50
HOLDS = 5.0
"""Seconds that a client holds a session, before it reads the secret again."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """What all clients did in a span of time."""

    seconds: float
    queries: int
    logins: int
    failed: int
    """Logins that were refused, and sessions that broke."""


@contextlib.contextmanager
def clients(account: RotatingAccount, pause: float) -> Iterator[Connection]:
    """Have clients; who sends a number of seconds gets a `Round` of so long."""
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_be_clients, args=(account, pause, there), daemon=True)
    process.start()
    try:
        yield here
        here.send(None)
        process.join()
    finally:
        process.terminate()


class _Clients:
    """All of them, and what they have done so far."""

    def __init__(self, account: RotatingAccount, pause: float) -> None:
        self._account = account
        self._pause = pause
        self._secrets = account.client("secretsmanager")
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self.queries = self.logins = self.failed = 0

    def seen(self) -> tuple[int, int, int]:
        """Queries, logins, failures."""
        with self._lock:
            return self.queries, self.logins, self.failed

    def end(self) -> None:
        """Let all of them go."""
        self._ended.set()

    def be_one(self, number: int) -> None:
        """Do as a client does, until the end."""
        # Not all at once.
        self._ended.wait(number * HOLDS / CLIENTS)
        while not self._ended.is_set():
            try:
                with contextlib.closing(self._log_in()) as session:
                    self._work(session)
            except psycopg.Error:
                with self._lock:
                    self.failed += 1

    def _log_in(self) -> psycopg.Connection[Any]:
        answer = self._secrets.get_secret_value(SecretId=self._account.rotation.secret)
        value = json.loads(answer["SecretString"])
        session = self._account.log_in(value["username"], value["password"])
        with self._lock:
            self.logins += 1
        return session

    def _work(self, session: psycopg.Connection[Any]) -> None:
        until = time.monotonic() + HOLDS
        while time.monotonic() < until and not self._ended.is_set():
            session.execute("SELECT current_user").fetchall()
            with self._lock:
                self.queries += 1
            time.sleep(self._pause)


def _be_clients(account: RotatingAccount, pause: float, asked: Connection) -> None:
    """The process: all clients, one thread each."""
    all_of_them = _Clients(account, pause)
    threads = [threading.Thread(target=all_of_them.be_one, args=(n,)) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()
    while (seconds := asked.recv()) is not None:
        begun, before = time.perf_counter(), all_of_them.seen()
        time.sleep(seconds)
        queries, logins, failed = (
            now - then for now, then in zip(all_of_them.seen(), before, strict=True)
        )
        asked.send(
            Round(
                seconds=time.perf_counter() - begun,
                queries=queries,
                logins=logins,
                failed=failed,
            )
        )
    all_of_them.end()
    for thread in threads:
        thread.join()
