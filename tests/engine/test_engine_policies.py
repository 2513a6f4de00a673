"""`pulumi preview --policy-pack policies` gives the verdicts of `make policy`.

Both say what they refuse, and what is not yet known in a preview; `make policy` goes on from there.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from local.judging.environments import environment_of
from local.judging.graph import declared
from policies.judgement import Outcome, judge
from policies.rules import RULES

if TYPE_CHECKING:
    from tests.engine.conftest import EngineOf
    from tests.engine.pulumi_stack import PulumiStack

WEAKER = (
    ("    multiAz: true", "    multiAz: false"),
    ("    backupRetentionDays: 35", "    backupRetentionDays: 3"),
    ("    protected: true", "    protected: false"),
)
"""Lines of the settings of `prod`, and what somebody might make of them."""
ADVICE = {Outcome.NOT_YET_KNOWN: "not-yet-known", Outcome.WAIVED: "waived"}


def _by_itself(engine: PulumiStack) -> set[tuple[str, str, str]]:
    root = engine.checkout.folder
    environment = environment_of(root, engine.stack, today=datetime.now(UTC).date())
    verdicts = judge(RULES, declared(root, engine.stack, assumed=False), environment).verdicts
    return {
        (ADVICE[one.outcome], "advisory", one.urn)
        if one.outcome in ADVICE
        else (one.rule, one.level.value, one.urn)
        for one in verdicts
    }


def _by_the_engine(engine: PulumiStack) -> set[tuple[str, str, str]]:
    # The whole stack is its own resource for the engine.
    return {
        (policy.removesuffix("-in-the-stack"), level, "" if "pulumi:Stack::" in urn else urn)
        for policy, level, urn in engine.judged()
    }


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_the_engine_says_the_same(engine_of: EngineOf, stack: str) -> None:
    engine = engine_of(stack)
    said = _by_the_engine(engine)
    assert said == _by_itself(engine)
    assert {policy for policy, _, _ in said} == {"not-yet-known"}


def test_the_engine_refuses_the_same(engine_of: EngineOf) -> None:
    engine = engine_of("prod")
    file = engine.checkout.folder / "Pulumi.prod.yaml"
    before = weaker = file.read_text(encoding="utf-8")
    for strong, weak in WEAKER:
        assert strong in weaker
        weaker = weaker.replace(strong, weak)
    file.write_text(weaker, encoding="utf-8")
    try:
        said = _by_the_engine(engine)
        assert said == _by_itself(engine)
    finally:
        file.write_text(before, encoding="utf-8")
    assert {policy for policy, level, _ in said if level == "mandatory"} >= {"rds-multi-az"}
