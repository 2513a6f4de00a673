"""Programs under test, recorded: what they register, with what AWS would answer made up.

Nothing is carried out, so nothing here proves that AWS or PostgreSQL accept it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import hypothesis
import pulumi
import pytest

from local.deploy.record import Recording, record
from stacks import platform
from stacks.settings import load_stack_file
from tests import offline
from tests.workers import ByPart

if TYPE_CHECKING:
    from xdist.remote import Producer

ROOT = Path(__file__).resolve().parent.parent

# How long an example takes says nothing: the machine may be busy, with the other worker at least.
hypothesis.settings.register_profile("busy", deadline=None)
hypothesis.settings.load_profile("busy")


class Record(Protocol):
    """Runs a program and returns what it registered."""

    def __call__(
        self,
        program: Callable[[], object],
        *,
        stack: str = "test",
        config: Mapping[str, str] | None = None,
    ) -> Recording:
        """Run `program` as the stack named."""


@pytest.fixture(scope="session")
def recorded() -> Record:
    """Run a program and return what it registered."""

    def run(
        program: Callable[[], object],
        *,
        stack: str = "test",
        config: Mapping[str, str] | None = None,
    ) -> Recording:
        return record(
            program,
            stack=stack,
            config=config,
            root=ROOT,
            answers=offline.answers,
            outputs=offline.outputs,
        )

    return run


@cache
def _stack(name: str) -> Recording:
    def program() -> None:
        settings = load_stack_file(ROOT, name, today=date(2026, 11, 22))
        for key, value in platform.declare(settings, stack=name).items():
            pulumi.export(key, value)

    return record(program, stack=name, root=ROOT, answers=offline.answers, outputs=offline.outputs)


@pytest.fixture(scope="session")
def recorded_stack() -> Callable[[str], Recording]:
    """Declare a whole stack, as its file says, and return what was registered."""
    return _stack


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByPart:
    """Have each worker run whole folders, as `tests.workers` says."""
    return ByPart(config, log)
