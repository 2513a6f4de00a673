"""Each rule refuses what breaks it, lets the hardened twin pass, and decides what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.judging.environments import environment_of
from policies.judgement import Judgement, Outcome, judge
from policies.resources import Stack
from policies.rule import Level, Rule
from policies.rules import RULES
from tests.policies.cases import HOLDS, Case, Change, changed
from tests.policies.every_case import CASES

VARIANTS = [(case, *variant) for case in CASES for variant in case.variants()]
BREAKS = [(case, number) for case in CASES for number, _ in enumerate(case.breaks)]
ROOT = Path(__file__).resolve().parents[2]


BY_NAME = {one.about.name: one for one in RULES}


def _judged(stack: Stack, name: str, rules: Iterable[Rule] = RULES) -> Judgement:
    environment = environment_of(ROOT, name, today=datetime.now(UTC).date())
    return judge(rules, stack, environment)


def _said(judgement: Judgement, rule: str) -> str:
    outcomes = [one.outcome.value for one in judgement.verdicts if one.rule == rule]
    return outcomes[0] if outcomes else HOLDS


def test_names_are_unique() -> None:
    assert Counter(one.about.name for one in RULES).most_common(1)[0][1] == 1


def test_each_rule_has_a_case() -> None:
    assert {one.about.name for one in RULES} == {case.rule for case in CASES}


@pytest.mark.parametrize("name", ["local", "dev", "prod"])
def test_our_own_stacks_break_none(stack_of: Callable[[str], Stack], name: str) -> None:
    judgement = _judged(stack_of(name), name)
    assert [one for one in judgement.verdicts if one.outcome is not Outcome.WAIVED] == []


@pytest.mark.parametrize(("case", "number"), BREAKS, ids=lambda one: getattr(one, "rule", None))
def test_it_refuses_what_breaks_it(
    stack_of: Callable[[str], Stack], case: Case, number: int
) -> None:
    broken = changed(stack_of(case.stack), case.at, case.breaks[number])
    judgement = _judged(broken, case.stack, [BY_NAME[case.rule]] if number else RULES)
    refusing = {one.rule for one in judgement.verdicts if one.outcome is Outcome.REFUSED}
    if number == 0:
        assert refusing == {case.rule, *case.also}
    else:
        assert case.rule in refusing


@pytest.mark.parametrize(
    ("case", "state", "change", "expected"),
    VARIANTS,
    ids=[f"{case.rule}-{state}" for case, state, _, _ in VARIANTS],
)
def test_it_decides_what_is_missing(
    stack_of: Callable[[str], Stack], case: Case, state: str, change: Change, expected: str
) -> None:
    broken = changed(stack_of(case.stack), case.at, change)
    judgement = _judged(broken, case.stack, [BY_NAME[case.rule]])
    assert _said(judgement, case.rule) == expected, state


def test_each_rule_is_in_force_somewhere() -> None:
    today = datetime.now(UTC).date()
    environment = environment_of(ROOT, "prod", today=today)
    assert [one for one in RULES if environment.level(one.about) is Level.DISABLED] == []
