"""Judges a stack by rules: what is refused, what is not yet known, what is waived.

It knows neither where the resources come from nor who reads the verdicts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum

from policies.resources import Resource, Stack
from policies.rule import About, Config, Level, ResourceRule, Rule, StackRule, Target
from policies.values import NotYetKnownError

STACK = "stack"
"""What a waiver calls the whole stack."""


class Outcome(Enum):
    """What came of a rule and a resource, where the rule does not simply hold."""

    REFUSED = "refused"
    NOT_YET_KNOWN = "not yet known"
    WAIVED = "waived"


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """A rule that somebody lets be broken for a time.

    Attributes:
        rule: the rule's name, or its id at a judge that was not written here.
        resource: name of the resource in the program; `stack` for the whole of it.
        reason: why.
        expires: the last day, UTC.
    """

    rule: str
    resource: str
    reason: str
    expires: date


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a rule has to say of a resource.

    Attributes:
        rule: its name.
        level: what it does.
        urn: of the resource; empty for the whole stack.
        where: what people call the resource.
        outcome: what came of it.
        sentence: why.
        mend: what to do.
        waiver: what lets it be.
    """

    rule: str
    level: Level
    severity: str
    urn: str
    where: str
    outcome: Outcome
    sentence: str
    mend: str
    controls: tuple[str, ...] = ()
    waiver: Waiver | None = None

    @property
    def fails(self) -> bool:
        """Whether a run has to fail for it."""
        return self.outcome is Outcome.REFUSED and self.level is Level.MANDATORY


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What an environment says of the rules.

    Attributes:
        levels: what breaking a rule does, where it is not the rule's own level.
        parameters: of rules, where they are not the defaults.
        waivers: what it lets be broken.
        today: the day that decides whether a waiver has expired, UTC.
    """

    levels: Mapping[str, Level] = field(default_factory=dict)
    parameters: Mapping[str, Config] = field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()
    today: date = date.min

    def level(self, about: About) -> Level:
        """What breaking a rule does here."""
        return self.levels.get(about.name, about.default_level)

    def config(self, about: About) -> Config:
        """A rule's parameters here."""
        return {**about.defaults, **self.parameters.get(about.name, {})}

    def waiver(self, rule: str, resource: str) -> Waiver | None:
        """What lets a rule be broken by a resource, expired or not."""
        fitting = [one for one in self.waivers if (one.rule, one.resource) == (rule, resource)]
        return max(fitting, key=lambda one: one.expires, default=None)


@dataclass(frozen=True)
class Judgement:
    """All verdicts on a stack, and how often each rule was asked."""

    verdicts: tuple[Verdict, ...]
    asked: Counter[str]

    @property
    def fails(self) -> bool:
        """Whether a run has to fail."""
        return any(one.fails for one in self.verdicts)


def judge(rules: Iterable[Rule], stack: Stack, environment: Environment) -> Judgement:
    """Ask each rule that is not disabled about each resource that it is about."""
    verdicts: list[Verdict] = []
    asked: Counter[str] = Counter()
    for one in rules:
        if environment.level(one.about) is Level.DISABLED:
            continue
        for target, sentences in _asked(one, stack, environment.config(one.about)):
            asked[one.about.name] += 1
            verdicts += verdicts_of(one.about, target, sentences, environment)
    return Judgement(tuple(verdicts), asked)


def verdicts_of(
    about: About, target: Target, sentences: Iterator[str], environment: Environment
) -> list[Verdict]:
    """Hear a rule out about one resource: it may end at a value that is not yet known."""
    found: list[Verdict] = []
    try:
        # One by one: those before a value that is not yet known count.
        for sentence in sentences:
            found += [_verdict(about, target, Outcome.REFUSED, sentence, environment)]
    except NotYetKnownError as error:
        if about.is_later(error.path):
            outcome, sentence = Outcome.NOT_YET_KNOWN, f"{error}: it is judged when it is made"
        else:
            outcome, sentence = Outcome.REFUSED, f"{error}, but has to be known before it is made"
        found.append(_verdict(about, target, outcome, sentence, environment))
    return found


def _asked(
    one: Rule, stack: Stack, config: Config
) -> Iterator[tuple[Resource | None, Iterator[str]]]:
    match one:
        case ResourceRule():
            for resource in stack.of(*one.about.of) if one.about.of else stack.resources:
                yield resource, one.checks(resource, config)
        case StackRule():
            yield from one.checks(stack, config)


def _verdict(
    about: About, target: Target, outcome: Outcome, sentence: str, environment: Environment
) -> Verdict:
    waiver = environment.waiver(about.name, target.name if target else STACK)
    if waiver and outcome is Outcome.REFUSED:
        if waiver.expires >= environment.today:
            outcome = Outcome.WAIVED
        else:
            sentence = f"{sentence} (its waiver expired on {waiver.expires})"
    return Verdict(
        rule=about.name,
        level=environment.level(about),
        severity=about.severity.value,
        urn=target.urn if target else "",
        where=target.label if target else STACK,
        outcome=outcome,
        sentence=sentence,
        mend=about.mend,
        controls=about.controls,
        waiver=waiver if outcome is Outcome.WAIVED else None,
    )
