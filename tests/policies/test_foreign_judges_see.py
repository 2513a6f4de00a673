"""Judges that were not written here see through the translations: each broken twin is refused.

A judge that reads nothing, or the wrong thing, would look like one that agrees. What is broken and
what has to see it is in `broken_resources.py`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from local.judging.foreign.answers import JudgeMissingError
from local.judging.foreign.python_judges import by_checkov, by_linters
from local.judging.graph import declared
from tests.policies.broken import said_of_twins, with_twins
from tests.policies.broken_resources import FOR_CHECKOV, FOR_CHECKOV_LOCAL, FOR_LINTERS

ROOT = Path(__file__).resolve().parents[2]
ASKED = {
    "checkov": ("prod", by_checkov, FOR_CHECKOV),
    "checkov, local": ("local", by_checkov, FOR_CHECKOV_LOCAL),
    "linters": ("prod", by_linters, FOR_LINTERS),
}


@cache
def said(who: str) -> dict[str, list[str]]:
    """What a judge has against every twin, in one go."""
    stack, judge, breaks = ASKED[who]
    try:
        answers = judge(with_twins(declared(ROOT, stack, assumed=True), breaks), ROOT)
    except JudgeMissingError as error:
        pytest.skip(str(error))
    return said_of_twins(breaks, answers)


@pytest.mark.parametrize(
    ("who", "what"), [(who, what) for who, (_, _, breaks) in ASKED.items() for what in breaks]
)
def test_exactly_these_rules_refuse(who: str, what: str) -> None:
    assert said(who)[what] == sorted(ASKED[who][2][what].rules)


def test_most_of_what_is_broken_is_seen() -> None:
    unseen = [what for what, one in FOR_CHECKOV.items() if not one.rules]
    assert unseen == ["all protocols from the world"]
