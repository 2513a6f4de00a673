"""Which mutants the pack kills, and which it may let live; it tests nothing.

A mutant is killed when something is refused, or advised against, that is not in the stack as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import yaml

from policies.judgement import Environment, Outcome, judge
from policies.resources import Stack
from policies.rule import ResourceRule, Rule, StackRule
from policies.rules import RULES
from tests.policies.mutations import Mutant

OF_RESOURCES = [one for one in RULES if isinstance(one, ResourceRule)]
OF_STACKS = [one for one in RULES if isinstance(one, StackRule)]
LIVING = Path(__file__).with_name("living.yaml")


@dataclass(frozen=True, kw_only=True)
class Living:
    """Mutants that are let live.

    Attributes:
        type: of the resource, `*` for any text here and below.
        property: its path.
        operator: what was done to it.
        reason: why nothing is lost by it.
    """

    type: str
    property: str
    reason: str
    operator: str = "*"

    def covers(self, one: Mutant) -> bool:
        """Tell whether a mutant is let live by this."""
        path = one.path.replace("[", "<").replace("]", ">")
        wanted = self.property.replace("[", "<").replace("]", ">")
        return (
            fnmatchcase(one.type, self.type)
            and fnmatchcase(path, wanted)
            and fnmatchcase(one.operator, self.operator)
        )


@cache
def living() -> tuple[Living, ...]:
    """What `living.yaml` lets live."""
    entries = yaml.safe_load(LIVING.read_text(encoding="utf-8")) or []
    return tuple(Living(**one) for one in entries)


def let_live(one: Mutant) -> Living | None:
    """What lets a mutant live, if anything does."""
    return next((entry for entry in living() if entry.covers(one)), None)


@dataclass(frozen=True)
class Fate:
    """What became of a mutant.

    Attributes:
        mutant: the mutant.
        rules: those that kill it.
        elsewhere: where none does, those that would if the environment asked for all they can.
        by_others: whether judges that were not written here kill it.
    """

    mutant: Mutant
    rules: frozenset[str]
    elsewhere: frozenset[str]
    by_others: bool = False


def fates(stack: Stack, environment: Environment, mutants: Iterable[Mutant]) -> Iterator[Fate]:
    """Judge each mutant by all rules."""
    strict = Environment()
    known, known_strict = (_refused(RULES, stack, each) for each in (environment, strict))
    for one in mutants:
        rules = _killing(one, stack, environment, known)
        elsewhere = frozenset() if rules else _killing(one, stack, strict, known_strict)
        yield Fate(one, rules, elsewhere)


def _killing(
    one: Mutant, stack: Stack, environment: Environment, known: set[tuple[str, str]]
) -> frozenset[str]:
    # Of the other resources, rules about single ones say what they have said before.
    found = _refused(OF_RESOURCES, Stack((one.resource,)), environment)
    found |= _refused(OF_STACKS, one.within(stack), environment)
    return frozenset(rule for rule, _ in found - known)


def _refused(rules: Iterable[Rule], stack: Stack, environment: Environment) -> set[tuple[str, str]]:
    verdicts = judge(rules, stack, environment).verdicts
    return {(one.rule, one.urn) for one in verdicts if one.outcome is Outcome.REFUSED}
