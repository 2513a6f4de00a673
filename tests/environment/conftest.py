"""The environment that `make up` brings up, shared by all tests of this folder.

Fixtures:
    environment: a copy of this checkout that is up; a test that edits its settings restores them.
        At the end it is taken down, and nothing may be left of it.
    bare: a copy that is never up.
    access: the logins of `environment`, with this process's AWS SDK pointed at its account.
    visits: what the endpoints' logs say of the time since the test began.
    connect: opens sessions as logins, which are closed at the end of the test.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from local.login import Access
from tests.environment.checkout import Checkout, copied

Session = psycopg.Connection[tuple[Any, ...]]
Connect = Callable[..., Session]
LOG_SECONDS = 5


class Visits:
    """The lines that were added to the endpoints' logs since this was made."""

    def __init__(self, checkout: Checkout) -> None:
        self._folder = checkout.paths.endpoint_logs
        self._before = {path: path.stat().st_size for path in self._folder.glob("*.log")}

    def all(self, **wanted: object) -> list[dict[str, Any]]:
        """The lines in which every wanted field has the wanted value."""
        found = []
        for path in sorted(self._folder.glob("*.log")):
            text = path.read_bytes()[self._before.get(path, 0) :].decode()
            found += [json.loads(line) for line in text.splitlines()]
        return [line for line in found if wanted.items() <= line.items()]

    def only(self, **wanted: object) -> dict[str, Any]:
        """The one such line; it may take a moment to be written."""
        deadline = time.monotonic() + LOG_SECONDS
        while not (found := self.all(**wanted)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(found) == 1, (wanted, found)
        return found[0]


@pytest.fixture(scope="session")
def environment() -> Iterator[Checkout]:
    with copied() as checkout:
        before = checkout.files()
        checkout.up()
        yield checkout
        traces = checkout.traces()
        down = checkout.run("down")
        assert (down.status, traces.left()) == (0, []), down.text
        assert checkout.files() == before
        assert list(checkout.scratch.iterdir()) == []


@pytest.fixture(scope="session")
def bare() -> Iterator[Checkout]:
    with copied() as checkout:
        yield checkout


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
