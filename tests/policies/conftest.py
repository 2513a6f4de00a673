"""The project's stacks as rules see them, with AWS's answers made up."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from local.judging.graph import declared
from policies.resources import Stack

ROOT = Path(__file__).resolve().parents[2]


@cache
def _declared(stack: str) -> Stack:
    return declared(ROOT, stack, assumed=True)


@pytest.fixture(scope="session")
def stack_of() -> Callable[[str], Stack]:
    """Record a stack once; nobody changes what is returned."""
    return _declared
