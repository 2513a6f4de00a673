"""Broken twins of resources, all in one stack: what a judge has against each, and only against it.

A twin has all that its resource has, what it comes from too, so that a judge that follows edges
finds them; nothing else in the stack comes from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from local.judging.foreign.answers import Answer
from policies.resources import Resource, Stack
from tests.policies.cases import Change

TWIN = "broken-"


@dataclass(frozen=True, kw_only=True)
class Broken:
    """How a resource is broken, and the rules of a judge that have to see it; no others may.

    Attributes:
        at: type and name of the resource.
        change: what breaks it.
        rules: the rules that the twin breaks and the resource itself does not.
    """

    at: tuple[str, str]
    change: Change
    rules: tuple[str, ...]


def with_twins(stack: Stack, breaks: Mapping[str, Broken]) -> Stack:
    """Return a stack that has a broken twin for each entry."""
    twins = [_twin(stack, what, one) for what, one in breaks.items()]
    return Stack((*stack.resources, *twins))


def _twin(stack: Stack, what: str, one: Broken) -> Resource:
    (resource,) = (each for each in stack.of(one.at[0]) if each.name == one.at[1])
    changed = one.change(resource)
    assert changed is not None
    name = _name(what)
    return replace(changed, name=name, urn=f"{changed.urn}-{name}")


def said_of_twins(breaks: Mapping[str, Broken], answers: Iterable[Answer]) -> dict[str, list[str]]:
    """Return the rules that each twin breaks and its resource does not, in order."""
    said: dict[tuple[str, str], set[str]] = {}
    for one in (each for answer in answers for each in answer.findings):
        said.setdefault((one.resource.type, one.resource.name), set()).add(one.refusal.rule)
    return {
        what: sorted(said.get((broken.at[0], _name(what)), set()) - said.get(broken.at, set()))
        for what, broken in breaks.items()
    }


def _name(what: str) -> str:
    return f"{TWIN}{what.replace(' ', '-')}"
