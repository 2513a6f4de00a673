"""The whole judgement of a stack: our rules in a preview, and with AWS's answers made up.

In a preview, values that AWS tells later are not yet known: CrossGuard sees the same. Judged again
with answers made up, nothing is unknown, so that a document with an ARN in it is judged before it
is made. What not even that decides fails.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from local.judging import beside
from local.judging.alike import names_in, one_of_each
from local.judging.environments import environment_of
from local.judging.foreign import panel
from local.judging.graph import declared
from policies.judgement import Outcome, Verdict, judge
from policies.rule import Level
from policies.rules import RULES
from stacks.settings import load_stack_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date
    from pathlib import Path
    from typing import Any

    from local.judging.foreign.answers import Finding
    from policies.judgement import Environment

OURS = "airflow-postgres"
"""What the pack is called among the judges."""
CRITICAL, REFUSED = 3, 2
"""Exit statuses; 1 is that it could not be judged."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """A verdict, and who gave it."""

    judge: str
    verdict: Verdict

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        one = self.verdict
        waiver = one.waiver
        return {
            "judge": self.judge,
            "rule": one.rule,
            "level": one.level.value,
            "severity": one.severity,
            "urn": one.urn,
            "where": one.where,
            "outcome": one.outcome.value,
            "sentence": one.sentence,
            "mend": one.mend,
            "controls": list(one.controls),
            "waiver": waiver and {"reason": waiver.reason, "expires": waiver.expires.isoformat()},
        }


@dataclass(frozen=True, kw_only=True)
class Whole:
    """All verdicts on a stack.

    Attributes:
        environment: name of the stack.
        given: refused first, then waived, then not yet known.
        rules: how many of ours were asked.
        resources: how many there are.
        judges: the other judges, and how many things each looked at.
        accepted: how much of what they refuse is accepted, with a reason, in
            `policies/judges/exceptions.yaml`.
        not_run: judges that were not asked, with the reason.
        stale: waivers that nothing needs any more, a sentence each.
    """

    environment: str
    given: tuple[Given, ...]
    rules: int
    resources: int
    judges: Mapping[str, int]
    accepted: int = 0
    not_run: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()

    @property
    def status(self) -> int:
        """The exit status: the worst of what is refused and mandatory."""
        failing = [one.verdict for one in self.given if one.verdict.fails]
        if not failing:
            return 0
        return CRITICAL if any(one.severity == "critical" for one in failing) else REFUSED

    @property
    def counts(self) -> dict[str, int]:
        """How many verdicts there are of each outcome; advice is counted by itself."""
        found: Counter[str] = Counter()
        for one in (each.verdict for each in self.given):
            advice = one.outcome is Outcome.REFUSED and one.level is Level.ADVISORY
            found["advice" if advice else one.outcome.value] += 1
        return {name: found[name] for name in (*(one.value for one in Outcome), "advice")}

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        return {
            "environment": self.environment,
            "fails": bool(self.status),
            "status": self.status,
            "rules": self.rules,
            "resources": self.resources,
            "counts": self.counts,
            "judges": dict(self.judges),
            "accepted": self.accepted,
            "verdicts": [one.as_dict() for one in self.given],
            "notRun": list(self.not_run),
            "staleWaivers": list(self.stale),
        }


def judged(root: Path, name: str, *, today: date) -> Whole:
    """Judge a stack.

    Raises:
        DeployError: the program does not run.
        PolicyConfigError: what is configured of the rules is wrong.
        SettingsError: the stack's settings are wrong.
    """
    environment = environment_of(root, name, today=today)
    # Beside this process: with many workflows, evaluating the program is what takes long.
    with beside.running(_in_a_preview, root, name, environment) as early:
        stack = declared(root, name, assumed=True)
        late = judge(RULES, stack, environment).verdicts
        others = panel.judged(one_of_each(stack, names_in(load_stack_file(root, name))), name, root)
        verdicts = both(early(), late)
    given = [Given(judge=OURS, verdict=one) for one in verdicts]
    given += [_given(one, environment) for one in others.findings]
    return Whole(
        environment=name,
        given=tuple(sorted(given, key=_order)),
        rules=sum(environment.level(one.about) is not Level.DISABLED for one in RULES),
        resources=len(stack.resources),
        judges=others.looked,
        accepted=len(others.accepted),
        not_run=others.not_run,
        stale=tuple(_stale(environment, [one.verdict for one in given])),
    )


def both(early: Iterable[Verdict], late: Iterable[Verdict]) -> list[Verdict]:
    """Say each thing once: what a preview says, and what the same stack says with all answers."""
    decided = [_decided(one) for one in late]
    said = {(one.rule, one.urn) for one in decided}
    return [*decided, *(one for one in early if (one.rule, one.urn) not in said)]


def _given(one: Finding, environment: Environment) -> Given:
    """What another judge refuses: as bad as what is high among ours, as most of them do not say."""
    waiver = environment.waiver(one.refusal.rule, one.resource.name)
    counts = waiver is not None and waiver.expires >= environment.today
    verdict = Verdict(
        rule=one.refusal.rule,
        level=Level.MANDATORY,
        severity="high",
        urn=one.resource.urn,
        where=one.resource.label,
        outcome=Outcome.WAIVED if counts else Outcome.REFUSED,
        sentence=one.refusal.text,
        mend=one.refusal.url or "See the judge's own documentation.",
        waiver=waiver if counts else None,
    )
    return Given(judge=one.judge, verdict=verdict)


def _in_a_preview(root: Path, name: str, environment: Environment) -> tuple[Verdict, ...]:
    return judge(RULES, declared(root, name, assumed=False), environment).verdicts


def _decided(one: Verdict) -> Verdict:
    """With all answers there, nothing may be left open."""
    if one.outcome is Outcome.NOT_YET_KNOWN:
        return replace(one, outcome=Outcome.REFUSED, sentence=f"{one.sentence}: it stays undecided")
    return one


def _order(one: Given) -> tuple[object, ...]:
    verdict = one.verdict
    return (
        [*Outcome].index(verdict.outcome),
        verdict.level is not Level.MANDATORY,
        ["critical", "high", "medium"].index(verdict.severity),
        one.judge,
        verdict.rule,
        verdict.where,
        verdict.sentence,
    )


def _stale(environment: Environment, verdicts: Iterable[Verdict]) -> Iterable[str]:
    used = {one.waiver for one in verdicts}
    for waiver in environment.waivers:
        if waiver not in used and waiver.expires >= environment.today:
            yield (
                f"the waiver of {waiver.rule} for {waiver.resource} lets nothing be: take it off"
            )
