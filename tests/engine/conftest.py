"""The real engine, for tests that need it; all of them are skipped where it cannot run.

Fixtures:
    engine: the `local` stack of a copy of this checkout, of which at first nothing is there but the
        account. All tests share it, and the files of tests stand in the order of its life.
    engine_of: the same of any stack, one copy each.
    from_nothing: what the CLI foresees before anything is there.
    upped: how often the first `up` did what; whoever needs a stack that is up asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import cache

import pytest

from tests.engine.preflight import missing
from tests.engine.pulumi_stack import LOCAL, Foreseen, PulumiStack, started

EngineOf = Callable[[str], PulumiStack]


@pytest.fixture(scope="session")
def engine_of() -> Iterator[EngineOf]:
    if reason := missing():
        pytest.skip(reason)
    with ExitStack() as stacks:
        yield cache(lambda stack: stacks.enter_context(started(stack)))


@pytest.fixture(scope="session")
def engine(engine_of: EngineOf) -> PulumiStack:
    return engine_of(LOCAL)


@pytest.fixture(scope="session")
def from_nothing(engine: PulumiStack) -> Foreseen:
    return engine.preview()


@pytest.fixture(scope="session")
def upped(engine: PulumiStack, from_nothing: Foreseen) -> Mapping[str, int]:  # noqa: ARG001 - before
    return engine.up()
