"""PostgreSQL or the account killed with -9, while all is up and in the middle of an `up`."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest

from tests.environment.checkout import APPLICATION, METADATA
from tests.faults.commands import (
    UP,
    account_process,
    begin,
    converge,
    kill,
    postmaster,
    settled,
    taken_down,
)
from tests.processes import lives

if TYPE_CHECKING:
    from local.login import Access
    from tests.environment.checkout import Checkout

AGAIN_SECONDS = 20
# Printed when the instance is there and its roles, schemas and grants are being made.
_AFTER = {
    APPLICATION: "postgresql Database application",
    METADATA: "postgresql Database metadata",
}


def answers_again(access: Access) -> None:
    """Billing gets in and reads, within a while in which nobody has run a command."""
    deadline = time.monotonic() + AGAIN_SECONDS
    login, instance = access.login("billing"), access.instance("application")
    while True:
        with (
            contextlib.suppress(psycopg.OperationalError),
            access.connect(login, instance) as session,
        ):
            assert session.execute("SELECT 1").fetchone() == (1,)
            return
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_killed_server_is_started_again_with_its_data(environment: Checkout) -> None:
    with environment.account() as access:
        login, instance = access.login("billing"), access.instance("application")
        with access.connect(login, instance, autocommit=True) as session:
            session.execute("CREATE TABLE outlives AS SELECT 42 AS answer")
        killed = postmaster(environment, APPLICATION)

        kill(killed)

        answers_again(access)
        with access.connect(login, instance, autocommit=True) as session:
            assert session.execute("SELECT answer FROM outlives").fetchone() == (42,)
            session.execute("DROP TABLE outlives")
    assert postmaster(environment, APPLICATION) != killed


def test_a_killed_backend_takes_its_session_only_for_a_moment(environment: Checkout) -> None:
    with environment.account() as access:
        login, instance = access.login("billing"), access.instance("application")
        with contextlib.closing(access.connect(login, instance, autocommit=True)) as session:
            row = session.execute("SELECT pg_backend_pid()").fetchone()
            assert row is not None
            server = postmaster(environment, APPLICATION)

            kill(psutil.Process(row[0]))

            with pytest.raises(psycopg.OperationalError):
                session.execute("SELECT 1")
        answers_again(access)
    assert postmaster(environment, APPLICATION) == server


@pytest.mark.faults
@pytest.mark.parametrize("identifier", [APPLICATION, METADATA])
def test_a_server_killed_in_the_middle_of_an_up(fresh: Checkout, identifier: str) -> None:
    command = begin(fresh, *UP)
    command.wait_for(_AFTER[identifier])
    kill(postmaster(fresh, identifier))
    run = command.end()

    assert "Traceback" not in run.text
    if run.status:
        assert "run the same command again" in run.text
    converge(fresh)


def test_a_killed_account_is_started_again_by_the_next_up(environment: Checkout) -> None:
    server = postmaster(environment, APPLICATION)

    kill(account_process(environment))

    status = environment.run("status")
    assert (status.status, status.text) == (1, "error: nothing is up: run `make up` first\n")
    settled(environment)
    assert postmaster(environment, APPLICATION) != server
    assert not lives(server)


@pytest.mark.faults
def test_an_account_killed_in_the_middle_of_an_up(fresh: Checkout) -> None:
    command = begin(fresh, *UP)
    command.wait_for(_AFTER[APPLICATION])
    kill(account_process(fresh))
    run = command.end()

    assert run.status == 1
    assert "Traceback" not in run.text
    assert "run the same command again" in run.text
    converge(fresh)


@pytest.mark.faults
def test_down_after_the_account_was_killed_leaves_no_server(fresh: Checkout) -> None:
    before = fresh.files()
    fresh.up()
    traces = fresh.traces()

    kill(account_process(fresh))

    assert any(map(lives, traces.processes))
    taken_down(fresh, before, traces)
