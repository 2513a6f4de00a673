"""Environments that things happen to.

Fixtures:
    environment: a copy of this checkout that is up without Airflow, shared; whatever a test does to
        it, the test ends with an `up` that ends well. At the end nothing may be left of it.
    up_seconds: how long it took to bring it up from nothing.
    fresh: a copy that is not up; at the end nothing of it may be left.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.environment.checkout import Checkout, copied
from tests.faults.commands import taken_down


@pytest.fixture(scope="session")
def _brought_up() -> Iterator[tuple[Checkout, float]]:
    with copied() as checkout:
        before = checkout.files()
        began = time.monotonic()
        checkout.up()
        yield checkout, time.monotonic() - began
        taken_down(checkout, before, checkout.traces())


@pytest.fixture(scope="session")
def environment(_brought_up: tuple[Checkout, float]) -> Checkout:
    return _brought_up[0]


@pytest.fixture(scope="session")
def up_seconds(_brought_up: tuple[Checkout, float]) -> float:
    return _brought_up[1]


@pytest.fixture
def fresh() -> Iterator[Checkout]:
    with copied() as checkout:
        before = checkout.files()
        yield checkout
        taken_down(checkout, before)
