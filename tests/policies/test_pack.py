"""CrossGuard gives the verdicts that `make policy` gives: the pack, asked as the engine asks it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.judging.environments import environment_of
from local.judging.graph import declared
from policies.judgement import Environment, Outcome, Waiver, judge
from policies.resources import Stack
from policies.rules import RULES
from policies.rules.databases import INSTANCE
from tests.policies.analyzer import running
from tests.policies.cases import changed, put

ROOT = Path(__file__).resolve().parents[2]
TODAY = datetime.now(UTC).date()
UNENCRYPTED = "rds-encrypted"


def _weak(stack: Stack) -> Stack:
    for change in (put("storageEncrypted", to=False), put("multiAz", to=False)):
        stack = changed(stack, (INSTANCE, "application"), change)
    return stack


def _expected(stack: Stack, environment: Environment) -> set[tuple[str, str, str]]:
    judgement = judge(RULES, stack, environment)
    names = {Outcome.NOT_YET_KNOWN: "not-yet-known", Outcome.WAIVED: "waived"}
    return {
        (
            names.get(one.outcome, one.rule),
            "advisory" if one.outcome in names else one.level.value,
            one.urn,
        )
        for one in judgement.verdicts
    }


@pytest.mark.parametrize("name", ["local", "dev", "prod"])
@pytest.mark.parametrize("break_it", [lambda stack: stack, _weak], ids=["ours", "weak"])
def test_the_same_verdicts_in_a_preview(name: str, break_it: Callable[[Stack], Stack]) -> None:
    stack = break_it(declared(ROOT, name, assumed=False))
    environment = environment_of(ROOT, name, today=TODAY)
    with running(environment.waivers) as analyzer:
        analyzer.configure(environment)
        said = analyzer.analyze(stack, waiting=("postgresql:",))
    told = {(one.policy.removesuffix("-in-the-stack"), one.level, one.urn) for one in said}
    assert told == _expected(stack, environment)
    assert any(policy == "not-yet-known" for policy, _, _ in told)


@pytest.mark.parametrize(
    ("days", "policy", "level"), [(1, "waived", "advisory"), (-1, UNENCRYPTED, "mandatory")]
)
def test_a_waiver_of_the_settings_counts_until_its_day(
    stack_of: Callable[[str], Stack], days: int, policy: str, level: str
) -> None:
    waiver = Waiver(
        rule=UNENCRYPTED,
        resource="application",
        reason="It is encrypted next week, when the copy is there.",
        expires=TODAY + timedelta(days=days),
    )
    stack = changed(stack_of("prod"), (INSTANCE, "application"), put("storageEncrypted", to=False))
    with running((waiver,)) as analyzer:
        said = [one for one in analyzer.analyze(stack) if "storageEncrypted" in one.message]
    assert {(one.policy, one.level) for one in said} == {(policy, level)}
    assert str(waiver.expires) in said[0].message


def test_each_policy_tells_what_people_need() -> None:
    with running() as analyzer:
        info = analyzer.info()
    told = {one.name: one for one in info.policies}
    for about in (one.about for one in RULES):
        policy = told.pop(about.name)
        assert policy.description == about.says
        assert policy.remediation_steps == about.mend
        assert policy.severity > 0
        assert [*policy.tags] == [about.protects, *about.controls]
    assert {name.removesuffix("-in-the-stack") for name in told} == {"not-yet-known", "waived"}
