"""Several deliveries of a rotation's steps at once, one operation at a time, in a chosen order.

Each delivery is the real function in a greenlet that stops before each of its operations. Logins
are PostgreSQL's own, by SCRAM on its socket, since thousands of schedules have no time for TLS.
After each operation that can change anything the current credential is tried.
"""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import greenlet  # type: ignore[import-untyped] # it has no types
import psycopg
from botocore.exceptions import ClientError
from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.native import Connection

from lambdas.rotate_postgres.credential import Credential
from lambdas.rotate_postgres.handler import rotate
from lambdas.shared.database import Session, _from_server, _said_before
from lambdas.shared.errors import BusyError, FunctionError, UnreachableError
from tests.lambdas.database_instance import Context
from tests.lambdas.operations import Killed, Operations, SecretsClient
from tests.lambdas.rotating_pair import STEPS, RotatingPair

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambdas.shared.database import Server

Answer = TypeVar("Answer")

MOST_AT_ONCE = 4
# What may happen at an operation: it goes well, or the process or the answer is lost.
FATES = ("goes", "dies before", "dies after", "fails before", "fails after")
_CHANGES = ("sql:COMMIT", "aws:put", "aws:move")
_LOCK = "SELECT pg_advisory_lock"


class Clock:
    """Time for `lambdas.shared.retry`: it passes only while somebody waits."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        """Return seconds."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds


@dataclass
class Delivery(Operations):
    """One invocation of the function, which goes on by `advance`."""

    world: World
    step: str
    token: str
    sessions: list[Session] = field(default_factory=list)
    fate: str = "goes"

    def __post_init__(self) -> None:
        self._greenlet = greenlet.greenlet(self._invoke)

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return not self._greenlet.dead

    def advance(self, fate: str) -> None:
        """Carry out its next operation, with this fate, and stop before the one after it."""
        self.fate = fate
        self._greenlet.switch()

    def around(self, name: str, do: Callable[[], Answer]) -> Answer:
        """Carry out one operation when it is its turn."""
        fate = self._stop()
        if fate.endswith("before"):
            self._lose(fate, name)
        answer = do()
        if name.startswith(_CHANGES):
            self.world.assert_current_works(f"{self.step} {name}")
        if fate.endswith("after"):
            self._lose(fate, name)
        return answer

    def _stop(self) -> str:
        main = greenlet.getcurrent().parent
        assert main is not None
        main.switch()
        return self.fate

    def _lose(self, fate: str, name: str) -> None:
        if fate.startswith("dies"):
            raise Killed
        if name.startswith("aws:"):
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, name)
        raise UnreachableError("The connection was lost.")

    def _invoke(self) -> None:
        pair = self.world.pair
        secret = {"SecretId": pair.rotation.secret, "ClientRequestToken": self.token}
        rds = type("Rds", (), {"generate_db_auth_token": lambda *_, **__: "token"})()
        clients = {"secretsmanager": SecretsClient(pair.store, self), "rds": rds}
        with contextlib.suppress(FunctionError, Killed):
            rotate(
                {"Step": self.step, **secret} if self.step in STEPS else {"step": self.step},
                Context(6.0),
                rotation=pair.rotation,
                aws=clients.__getitem__,
                connect=self._connect,
            )
        for session in self.sessions:
            session.close()

    def _connect(self, server: Server, **login: Any) -> Session:  # noqa: ANN401, ARG002 - of `connect`
        session = self.around(f"connect:{login['user']}", lambda: self.world.connect(login))
        made = _ScheduledSession(session._connection)
        made.delivery = self
        self.sessions.append(made)
        return made


class _ScheduledSession(Session):
    """A session whose statements are operations; it waits for a lock by trying."""

    delivery: Delivery

    def run(self, sql: str, **values: str | int) -> list[list[Any]]:
        """Run one statement when it is its turn."""
        name = f"sql:{' '.join(sql.split())}"
        if _LOCK not in sql:
            return self.delivery.around(name, lambda: Session.run(self, sql, **values))
        attempt = sql.replace("pg_advisory_lock", "pg_try_advisory_lock")
        for _ in range(3):
            rows = self.delivery.around(name, lambda: Session.run(self, attempt, **values))
            if rows[0][0]:
                return rows
        raise BusyError("PostgreSQL says 55P03: canceling statement due to lock timeout.")


@dataclass
class World:
    """One pair, its secret, and who is at work on it."""

    pair: RotatingPair
    tokens: list[str] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    checks: int = 0

    def connect(self, login: dict[str, Any]) -> Session:
        """Log in on the server's socket."""
        try:
            connection = Connection(
                login["user"],
                unix_sock=f"{self.pair.server.sockets}/.s.PGSQL.5432",
                database=login["database"],
                password=login["password"],
                startup_params=dict(login.get("parameters") or {}),
            )
        except (DatabaseError, InterfaceError) as error:
            said = error if isinstance(error, DatabaseError) else _said_before(error)
            assert said is not None
            raise _from_server(said) from None
        except OSError as error:  # a machine that was suspended meanwhile
            raise UnreachableError(f"The server did not answer: {error}.") from None
        return Session(connection)

    def begin(self) -> None:
        """Secrets Manager begins a rotation, if the one before was completed."""
        labels = self.pair.labels
        pending = labels.get("AWSPENDING")
        if "AWSCURRENT" in labels and (pending is None or pending == labels["AWSCURRENT"]):
            self.tokens.append(self.pair.begin())

    def unstick(self) -> None:
        """Somebody takes AWSPENDING away."""
        self.pair.store.detach_pending(self.pair.secret)

    def deliver(self, step: int, token: int) -> None:
        """Start one step, of an old or a new rotation; the fifth is the first value's."""
        if sum(one.alive for one in self.deliveries) >= MOST_AT_ONCE or not self.tokens:
            return
        named = STEPS[step] if step < len(STEPS) else "first"
        newest = self.tokens[-1 - token % len(self.tokens)]
        delivery = Delivery(world=self, step=named, token=newest)
        self.deliveries.append(delivery)
        delivery.advance("goes")

    def next(self, steps: int) -> None:
        """Let so many steps come as they should, after the last one that was delivered."""
        for _ in range(steps):
            taken = [
                one.step
                for one in self.deliveries
                if one.token == self.tokens[-1] and not one.alive
            ]
            done = STEPS.index(taken[-1]) + 1 if taken and taken[-1] in STEPS else 0
            if done == len(STEPS):
                self.begin()
            self.deliver(done % len(STEPS), 0)
            self.advance(-1, 60)

    def take(self, step: int) -> None:
        """Take one step of the newest rotation, whether it is its turn or not."""
        self.begin()
        self.deliver(step, 0)
        self.advance(-1, 60)

    def overtake(self, step: int, operations: int, unstick: bool) -> None:  # noqa: FBT001 - drawn
        """Let a step stop in its midst while the rotation, or the one after it, is completed."""
        self.begin()
        self.next(step)
        self.deliver(step, 0)
        self.advance(-1, operations)
        if unstick:
            self.unstick()
            self.begin()
        self.next(len(STEPS))

    def advance(self, which: int, operations: int, fate: str = "goes") -> None:
        """Let one of those at work go on; the last of so many operations has the fate."""
        alive = [one for one in self.deliveries if one.alive]
        if not alive:
            return
        one = alive[which % len(alive)]
        for n in range(operations):
            if one.alive:
                one.advance(fate if n == operations - 1 else "goes")

    def disturb(self, sql: str) -> None:
        """Change the login that is not current, unless somebody is about to promote it."""
        labels = self.pair.labels
        promoting = any(one.alive and one.step == "finishSecret" for one in self.deliveries)
        if "AWSCURRENT" in labels and not promoting:
            other = self.pair.rotation.other(self.pair.credential().username)
            # A step that has stopped in its midst may hold the login's row; then it stays as it is.
            with contextlib.suppress(psycopg.errors.LockNotAvailable):
                self.pair.server.execute(
                    f"SET lock_timeout TO '100ms'; {sql}", role="provisioner", login=other
                )
            self.assert_current_works(sql)

    def finish(self) -> None:
        """Let all come to their end; then a new rotation succeeds."""
        while any(one.alive for one in self.deliveries):
            self.advance(0, 50)
        self.disturb("GRANT dev_billing_writer TO {login}")
        self.unstick()
        self.tokens.append(self.pair.begin())
        for step in STEPS:
            self.deliver(STEPS.index(step), 0)
            self.advance(0, 200)
        assert self.pair.labels["AWSCURRENT"] == self.tokens[-1]
        self.assert_current_works("the last rotation")

    def assert_current_works(self, after: str) -> None:
        """Fail unless the current credential logs in and may do what it must."""
        label = self.pair.labels.get("AWSCURRENT")
        if label is None:
            return
        self.checks += 1
        held = Credential.read(self.pair.secret.versions[label].get("secret_string"))
        assert held is not None, after
        with psycopg.connect(
            host=str(self.pair.server.sockets),
            port=5432,
            dbname=self.pair.rotation.database,
            user=held.username,
            password=held.password,
            autocommit=True,
        ) as connection:
            table = f"tried_{secrets.token_hex(6)}"
            connection.execute(
                f"BEGIN; CREATE TABLE {table} (n integer); INSERT INTO {table} VALUES (1);"
                " SELECT n FROM dev_reference_v1.kept; ROLLBACK"
            )

    def close(self) -> None:
        """End whoever is still at work."""
        for one in self.deliveries:
            if one.alive:
                one.advance("dies before")
