"""Clients of a secret while it is rotated: they read it, log in with it, and hold what they have.

All of it is in one process, the instance's endpoint too, so nothing here says how fast it is.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg

from lambdas.rotate_postgres.credential import Credential
from tests.lambdas.operations import Operations, SecretsClient
from tests.lambdas.rotating_pair import STEPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lambdas.rotating_pair import RotatingPair

Answer = TypeVar("Answer")

# Seconds. A client logs in some time after it has read the secret, in turn, and holds on then.
WAITS = (0.0, 0.05, 0.1, 0.2, 0.4)
HOLDS = (0.3, 1.0, 3.0)
QUERIES = 4
BETWEEN = 0.1
"""From the end of a rotation to the next, so that there are clients that are one behind."""
_STEP = 60.0


class Turns(Operations):
    """Calls of Secrets Manager one after the other, as in the account."""

    def __init__(self) -> None:
        self.lock = threading.RLock()

    def around(self, name: str, do: Callable[[], Answer]) -> Answer:
        """Carry out one operation."""
        with self.lock if name.startswith("aws:") else contextlib.nullcontext():
            return do()


@dataclass
class Load:
    """Clients of one secret, its rotations, and what became of them.

    Attributes:
        pair: whose secret it is.
        versions: in the order in which they became, or are to become, the current one.
        logins: how many let in, by how many rotations had begun since the client's version.
        stale: those of them whose version was not the current one any more.
        failed: refused, though no more than one rotation had begun.
        late: refused, as two or more had begun.
        broken: errors of sessions that had been let in.
    """

    pair: RotatingPair
    versions: list[str] = field(default_factory=list)
    logins: Counter[int] = field(default_factory=Counter)
    stale: int = 0
    failed: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.versions.append(self.pair.labels["AWSCURRENT"])
        self._turns = Turns()
        self._client = SecretsClient(self.pair.store, self._turns)
        self._seen = threading.Lock()
        self._ended = threading.Event()

    def line(self, seconds: float) -> str:
        """What was seen, in a line."""
        return (
            f"{len(self.versions) - 1} rotations, {self.logins.total()} logins, {self.stale} of "
            f"them by a former version, {len(self.failed)} failed, {len(self.late)} late, "
            f"{len(self.broken)} sessions broken, {seconds:.0f} s"
        )

    def rotate(self) -> None:
        """Take all four steps of a new rotation."""
        with self._turns.lock:
            token = self.pair.begin()
            self.versions.append(token)
        for step in STEPS:
            self.pair.take(step, token, operations=self._turns, seconds=_STEP)

    @contextlib.contextmanager
    def clients(self, count: int) -> Iterator[None]:
        """Have so many clients, until the end of the block; they hold nothing then.

        Raises:
            Exception: what a client did not expect.
        """
        with ThreadPoolExecutor(count) as pool:
            running = [pool.submit(self._be_client, number) for number in range(count)]
            try:
                yield
            finally:
                self._ended.set()
            for client in running:
                client.result()

    def _be_client(self, number: int) -> None:
        waits = itertools.islice(itertools.cycle(WAITS), number, None)
        holds = itertools.islice(itertools.cycle(HOLDS), number, None)
        for wait, hold in zip(waits, holds, strict=True):
            if self._ended.is_set():
                return
            version, credential = self._read()
            time.sleep(wait)
            connection = self._log_in(version, credential)
            if connection:
                with contextlib.closing(connection):
                    self._work(connection, hold)

    def _read(self) -> tuple[str, Credential]:
        """Read the secret; its version, and what it holds."""
        with self._turns.lock:
            version = self.pair.labels["AWSCURRENT"]
            answer = self._client.get_secret_value(
                SecretId=self.pair.rotation.secret, VersionId=version
            )
        credential = Credential.read(answer["SecretString"])
        if credential is None:
            raise ValueError("What is current is no credential.")
        return version, credential

    def _log_in(self, version: str, credential: Credential) -> psycopg.Connection[Any] | None:
        connection, refused = None, ""
        try:
            connection = self.pair.open(credential)
        except psycopg.OperationalError as error:
            refused = str(error)
        with self._turns.lock, self._seen:
            # Once the second one has begun, the password may be another one at any moment.
            begun = len(self.versions) - 1 - self.versions.index(version)
            if not refused:
                self.logins[begun] += 1
                self.stale += self.pair.labels["AWSCURRENT"] != version
            else:
                (self.failed if begun <= 1 else self.late).append(refused)
        return connection

    def _work(self, connection: psycopg.Connection[Any], seconds: float) -> None:
        """Hold a session for so long, with a query now and then."""
        try:
            for _ in range(QUERIES):
                with connection.transaction():
                    connection.execute("SELECT n FROM dev_reference_v1.kept").fetchall()
                self._ended.wait(seconds / QUERIES)
        except psycopg.Error as error:
            self.broken.append(str(error))


def rotate_under(load: Load, rotations: int, clients: int) -> str:
    """Rotate so often, under so many clients; what was seen, in a line."""
    begun = time.monotonic()
    with load.clients(clients):
        for _ in range(rotations):
            load.rotate()
            time.sleep(BETWEEN)
    return load.line(time.monotonic() - begun)
