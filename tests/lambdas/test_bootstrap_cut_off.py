"""An invocation that is cut off leaves nothing or everything, and the next one completes it."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import pytest

from lambdas.shared.database import Server, Session, connect
from lambdas.shared.errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lambdas.database_instance import Catalogs, Instance

# BEGIN, the lock, the version, five queries, six steps, the same five queries, COMMIT.
STATEMENTS = 20


class Killed(BaseException):
    """The function's process is gone: nothing in it can catch this."""


class Interrupted(Session):
    """A session to which something happens after its n-th statement."""

    def __init__(self, session: Session, n: int, interrupt: Callable[[Session], None]) -> None:
        super().__init__(session._connection)
        self._left = n
        self._interrupt = interrupt

    def run(self, sql: str, **values: str | int) -> list[list[Any]]:
        """Run it as ever, and interrupt if it was the n-th."""
        rows = super().run(sql, **values)
        self._left -= 1
        if self._left == 0:
            self._interrupt(self)
        return rows


class FirstInterrupted:
    """Connects; the first session that logs in is interrupted after its n-th statement."""

    def __init__(self, n: int, interrupt: Callable[[Session], None]) -> None:
        self._n = n
        self._interrupt = interrupt
        self.sessions = 0

    def __call__(self, server: Server, **login: Any) -> Session:  # noqa: ANN401 - handed on
        """Log in."""
        session = connect(server, **login)
        self.sessions += 1
        return Interrupted(session, self._n, self._interrupt) if self.sessions == 1 else session


def hang_up(session: Session) -> None:
    """End the connection as a dying process does: without a goodbye."""
    with contextlib.suppress(OSError):
        session._connection._usock.shutdown(2)


def die(session: Session) -> None:
    """End the function's process."""
    hang_up(session)
    raise Killed


def lose_the_answer(session: Session) -> None:
    """Lose the connection after the server has done what it was told, before it could say so."""
    hang_up(session)
    raise UnreachableError("The connection was lost.")


def terminate(instance: Instance) -> Callable[[Session], None]:
    """Return what ends the master's backends on the server, as a restart of it would."""

    def interrupt(_: Session) -> None:
        backends = "FROM pg_stat_activity WHERE usename = 'dbmaster'"
        instance.superuser(f"SELECT pg_terminate_backend(pid) {backends}")
        deadline = time.monotonic() + 10
        while instance.superuser(f"SELECT pid {backends}"):
            assert time.monotonic() < deadline
            time.sleep(0.02)

    return interrupt


@pytest.fixture
def undisturbed(instance: Instance) -> Catalogs:
    """The catalogs after an undisturbed invocation; the instance is as before it."""
    if not instance.undisturbed:
        last: list[str] = []
        instance.bootstrap(connect=FirstInterrupted(STATEMENTS, lambda _: last.append("COMMIT")))
        assert last == ["COMMIT"]
        instance.undisturbed = instance.catalogs()
        instance.reset()
    return instance.undisturbed


@pytest.mark.parametrize("n", range(1, STATEMENTS + 1))
def test_function_killed_after_a_statement(
    instance: Instance, undisturbed: Catalogs, n: int
) -> None:
    with pytest.raises(Killed):
        instance.bootstrap(connect=FirstInterrupted(n, die))
    left = instance.catalogs()

    answer = instance.bootstrap()

    committed = n == STATEMENTS
    assert left == (undisturbed if committed else instance.untouched)
    assert answer["foundProvisioner"] is committed
    assert answer["loggedInBy"] == ("iam" if committed else "password")
    assert instance.catalogs() == undisturbed


@pytest.mark.parametrize("n", range(1, STATEMENTS + 1, 4))
def test_backend_ended_after_a_statement(instance: Instance, undisturbed: Catalogs, n: int) -> None:
    connecting = FirstInterrupted(n, terminate(instance))

    instance.bootstrap(connect=connecting)

    assert connecting.sessions == (1 if n == STATEMENTS else 2)
    assert instance.catalogs() == undisturbed


def test_answer_to_commit_lost(instance: Instance, undisturbed: Catalogs) -> None:
    answer = instance.bootstrap(connect=FirstInterrupted(STATEMENTS, lose_the_answer))

    assert (answer["loggedInBy"], answer["done"]) == ("iam", [])
    assert instance.catalogs() == undisturbed


def test_function_frozen_in_its_transaction_does_not_keep_the_next_one_out(
    instance: Instance, undisturbed: Catalogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambda may stop a function without closing its sockets; the server then ends the session."""

    def freeze(session: Session) -> None:
        assert Session.run(session, "SHOW idle_in_transaction_session_timeout") == [["15s"]]
        Session.run(session, "SET idle_in_transaction_session_timeout = '1s'")
        monkeypatch.setattr(session, "close", lambda: None)
        frozen.append(session)
        raise Killed

    frozen: list[Session] = []

    # After the first step: it holds the lock, and a role that nobody else sees.
    with pytest.raises(Killed):
        instance.bootstrap(connect=FirstInterrupted(8, freeze))
    started = time.monotonic()
    instance.bootstrap()

    assert 0.5 < time.monotonic() - started < 10
    assert instance.catalogs() == undisturbed
    with pytest.raises(UnreachableError):
        Session.run(frozen[0], "SELECT 1")
