"""No rule ends with an exception, whatever is written into the property that it decides by."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from policies.judgement import Environment, judge
from policies.resources import Stack
from policies.rules import RULES
from policies.values import UNKNOWN, Json
from tests.policies.cases import Case, changed, put
from tests.policies.every_case import CASES

ODD: tuple[Json, ...] = (
    0,
    -1,
    1.5,
    float("nan"),
    True,
    "x",
    "*",
    [None],
    [{}],
    [[]],
    {},
    {"a": None},
    [UNKNOWN],
)
BY_NAME = {one.about.name: one for one in RULES}


@pytest.mark.parametrize("case", [one for one in CASES if one.path], ids=lambda one: one.rule)
def test_it_has_its_verdicts(stack_of: Callable[[str], Stack], case: Case) -> None:
    for odd in ODD:
        stack = changed(stack_of(case.stack), case.at, put(case.path, to=odd))
        verdicts = judge([BY_NAME[case.rule]], stack, Environment()).verdicts
        assert all(one.sentence for one in verdicts), odd
