"""The environment that `make up` brings up, shared by all tests of this folder.

Fixtures:
    environment: a copy of this checkout that is up; a test that edits its settings restores them.
        At the end it is taken down, and nothing may be left of it.
    bare: a copy that is never up.
    airflow: another copy that is up with its Airflow; all tests share it, as it takes a minute. The
        DAGs below `dags` are added to the examples, and are paused until a test runs them.
    busy: what was seen while two of its workflows ran at the same time.
    access: the logins of `environment`, with this process's AWS SDK pointed at its account.
    visits: what the endpoints' logs say of the time since the test began.
    connect: opens sessions as logins, which are closed at the end of the test.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from local.login import Access
from tests.environment.busy_time import BusyTime, busy_time
from tests.environment.checkout import GONE, Checkout, copied
from tests.environment.running_airflow import RunningAirflow, started
from tests.environment.visits import Visits

Session = psycopg.Connection[tuple[Any, ...]]
Connect = Callable[..., Session]


@pytest.fixture(scope="session")
def environment() -> Iterator[Checkout]:
    with copied() as checkout:
        before = checkout.files()
        checkout.up()
        yield checkout
        traces = checkout.traces()
        down = checkout.run("down")
        assert (down.status, down.text, traces.left()) == (0, GONE, [])
        assert checkout.files() == before
        assert list(checkout.scratch.iterdir()) == []


@pytest.fixture(scope="session")
def bare() -> Iterator[Checkout]:
    with copied() as checkout:
        yield checkout


@pytest.fixture(scope="session")
def airflow() -> Iterator[RunningAirflow]:
    with started() as airflow:
        yield airflow


@pytest.fixture(scope="session")
def busy(airflow: RunningAirflow) -> BusyTime:
    return busy_time(airflow)


@pytest.fixture
def access(environment: Checkout) -> Iterator[Access]:
    with environment.account() as access:
        yield access


@pytest.fixture
def visits(environment: Checkout) -> Visits:
    return Visits(environment)


@pytest.fixture
def connect(access: Access) -> Iterator[Connect]:
    with contextlib.ExitStack() as sessions:

        def open_session(name: str, instance: str = "application") -> Session:
            session = access.connect(access.login(name), access.instance(instance), autocommit=True)
            return sessions.enter_context(contextlib.closing(session))

        yield open_session
