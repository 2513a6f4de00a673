"""Everything that the stacks declare, counted: nothing appears, moves or goes unsaid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from local.deploy.record import Recording

STACKS = ("local", "dev", "prod")
INVENTORY = Path(__file__).with_name("inventory.txt")


def inventory(stack: str) -> dict[str, int]:
    """What the file says of a stack: types from the outermost inwards, to how many."""
    lines = [line for line in INVENTORY.read_text("utf-8").splitlines() if line[0] != "#"]
    rows = [line.split() for line in lines]
    assert len({types for types, *_ in rows}) == len(rows)
    counts = {types: int(numbers[STACKS.index(stack)]) for types, *numbers in rows}
    return {types: number for types, number in counts.items() if number}


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_has_what_is_listed(stack: str, recorded_stack: Callable[[str], Recording]) -> None:
    declared = Counter(
        one.urn.split("::")[2].replace("airflow-postgres:components:", "")
        for one in recorded_stack(stack)
    )
    assert declared == inventory(stack)
