"""Whatever comes when, and is cut off wherever: what is current works, at every instant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from scramp.core import IterationCount

from lambdas.rotate_postgres import credential
from lambdas.shared import retry
from tests.lambdas.rotation_schedules import FATES, Clock, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lambdas.rotating_server import RotatingServer

pytest_plugins = ["tests.lambdas.rotation_fixtures"]

# Of each major version. One takes about a second.
SCHEDULES, MANY_SCHEDULES = 40, 5000
COMMANDS = st.one_of(
    st.tuples(st.just("begin")),
    st.tuples(st.just("unstick")),
    st.tuples(st.just("deliver"), st.integers(0, 4), st.integers(0, 2)),
    st.tuples(st.just("deliver"), st.integers(0, 3), st.just(0)),
    st.tuples(st.just("advance"), st.integers(0, 2), st.integers(1, 40), st.sampled_from(FATES)),
    st.tuples(st.just("advance"), st.integers(0, 2), st.just(60)),
    st.tuples(st.just("next"), st.integers(1, 4)),
    st.tuples(st.just("take"), st.integers(0, 3)),
    # Where it matters: before and after a step has the lock of the pair.
    st.tuples(st.just("overtake"), st.sampled_from([1, 3]), st.integers(1, 7), st.just(True)),  # noqa: FBT003 - drawn
    st.tuples(st.just("overtake"), st.integers(0, 3), st.integers(1, 25), st.booleans()),
    st.tuples(
        st.just("disturb"),
        st.sampled_from(
            [
                "REVOKE dev_billing_writer FROM {login}",
                "GRANT dev_billing_writer TO {login}",
                "ALTER ROLE {login} PASSWORD 'by-hand'",
                "ALTER ROLE {login} NOLOGIN",
            ]
        ),
    ),
)


def _hold(server: RotatingServer, schedules: int, number: int) -> int:
    """Try so many schedules; how often the current credential was tried."""
    pair = server.pair()
    checks = 0

    @seed(number)
    @settings(
        max_examples=schedules,
        deadline=None,
        database=None,
        # Without shrinking: a schedule that fails is short, and a thousand more would take minutes.
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from([True, True, True, False]), st.lists(COMMANDS, min_size=2, max_size=6))
    def holds(has_value: bool, commands: list[tuple[Any, ...]]) -> None:  # noqa: FBT001 - drawn
        nonlocal checks
        world = World(pair=server.again(pair))
        try:
            world.tokens.append("a-version-that-never-was-of-any-secret")
            # On a machine that is too busy a session may end as an idle one.
            while has_value and "AWSCURRENT" not in world.pair.labels:
                world.deliver(4, 0)
                world.advance(0, 99)
            for name, *arguments in commands:
                getattr(world, name)(*arguments)
            if has_value:
                world.finish()
        finally:
            world.close()
            checks += world.checks

    holds()
    return checks


@pytest.fixture
def quick(server: RotatingServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[RotatingServer]:
    """The server without TLS, with verifiers that cost nothing, and without waiting."""
    monkeypatch.setattr(credential, "ITERATIONS", 1)
    monkeypatch.setattr(IterationCount, "MIN_ITERATION_COUNT", 1)
    monkeypatch.setattr(retry, "time", Clock())
    with server.let_in_on_socket():
        yield server


def test_what_is_current_works_at_every_instant(quick: RotatingServer) -> None:
    assert _hold(quick, SCHEDULES, 6) > SCHEDULES * 2


@pytest.mark.faults
def test_what_is_current_works_at_every_instant_of_many_schedules(quick: RotatingServer) -> None:
    assert _hold(quick, MANY_SCHEDULES, 2026) > MANY_SCHEDULES * 2
