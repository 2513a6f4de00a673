"""Two commands at once in one checkout: one works, the other says who does and what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.faults.commands import UP, begin, complaint, converge, unchanged

if TYPE_CHECKING:
    from tests.environment.checkout import Checkout


def test_a_second_up_and_a_down_are_told_who_works(environment: Checkout) -> None:
    first = begin(environment, *UP)
    first.wait_for("account ")
    told = [complaint(begin(environment, *arguments).end()) for arguments in (UP, ("down",))]
    run = first.end()

    assert run.status == 0, run.text
    assert unchanged(run) > 100
    for sentence in told:
        assert re.fullmatch(
            rf"`up` of process {first.process.pid}, since \S+, is using \S+/\.local: "
            "wait for it to end, or stop it",
            sentence,
        )


@pytest.mark.faults
def test_two_that_begin_in_the_same_moment(fresh: Checkout) -> None:
    """Whoever is first; the other changes nothing, and a third finds all as declared."""
    commands = [begin(fresh, *UP) for _ in range(2)]
    runs = [command.end() for command in commands]

    assert sorted(run.status for run in runs) == [0, 1], [run.text for run in runs]
    (refused,) = (run for run in runs if run.status)
    assert "is using" in complaint(refused)
    converge(fresh)
