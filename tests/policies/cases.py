"""What a rule is tried with: resources of the project's own stacks, broken in one place each."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from policies.resources import Resource, Stack
from policies.values import UNKNOWN, Json

HOLDS, REFUSED, LATER = "holds", "refused", "not yet known"
Change: TypeAlias = Callable[[Resource], Resource | None]
"""Breaks one resource; None takes it away."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A rule, a resource of ours that keeps it, and how it is broken.

    Attributes:
        rule: its name.
        at: type and name of the resource that is changed.
        breaks: changes after each of which the rule refuses; after the first one, no other does.
        path: the property that the rule decides by, if there is a single one.
        zero: the value of that property which is its zero, its "", its [] or its false.
        absent: what the rule says where the property is absent.
        null: what it says where the property is null.
        at_zero: what it says at zero.
        unknown: what it says where the property is not yet known.
        stack: the stack that the resource is of.
        also: other rules that have to refuse the first break too, as they are about the same thing.
    """

    rule: str
    at: tuple[str, str]
    breaks: tuple[Change, ...]
    path: str = ""
    zero: Any = None
    absent: str = REFUSED
    null: str = REFUSED
    at_zero: str = REFUSED
    unknown: str = REFUSED
    stack: str = "prod"
    also: frozenset[str] = field(default_factory=frozenset)

    def variants(self) -> Iterator[tuple[str, Change, str]]:
        """Each state of the property with its name, the change, and what the rule has to say."""
        if self.path:
            yield "absent", drop(self.path), self.absent
            yield "null", put(self.path, to=None), self.null
            yield "zero", put(self.path, to=self.zero), self.at_zero
            yield "unknown", put(self.path, to=UNKNOWN), self.unknown


def put(path: str, *, to: object) -> Change:
    """Set a property; items of lists by their number."""
    return edit(path, lambda _: to)


def drop(path: str) -> Change:
    """Take a property away."""

    def change(resource: Resource) -> Resource:
        properties = copy.deepcopy(dict(resource.properties))
        holder, key = _holder(properties, path)
        if isinstance(holder, list):
            del holder[int(key)]
        else:
            holder.pop(key, None)
        return replace(resource, properties=properties)

    return change


def edit(path: str, function: Callable[[Any], object]) -> Change:
    """Replace a property by what a function makes of it (of None where it is absent)."""

    def change(resource: Resource) -> Resource:
        properties = copy.deepcopy(dict(resource.properties))
        holder, key = _holder(properties, path)
        if isinstance(holder, list):
            holder[int(key)] = function(holder[int(key)])
        else:
            holder[key] = function(holder.get(key))
        return replace(resource, properties=properties)

    return change


def edit_document(path: str, function: Callable[[Any], None]) -> Change:
    """Let a function change the JSON document in a property."""

    def changed(text: str) -> str:
        document = json.loads(text)
        function(document)
        return json.dumps(document)

    return edit(path, changed)


def unprotected(resource: Resource) -> Resource:
    """Let the engine delete it."""
    return replace(resource, protect=False)


def gone(_resource: Resource) -> None:
    """Take the resource away."""


def changed(stack: Stack, at: tuple[str, str], change: Change) -> Stack:
    """Return a stack with one resource changed.

    Raises:
        LookupError: there is none, or more than one.
    """
    found = [one for one in stack.of(at[0]) if one.name == at[1]]
    if len(found) != 1:
        names = [one.name for one in stack.of(at[0])]
        raise LookupError(f"{len(found)} of {at[0]} are called {at[1]}; there are {names}")
    new = change(found[0])
    others = [one for one in stack.resources if one is not found[0]]
    return Stack((*others, *([new] if new else [])))


def _holder(properties: Json, path: str) -> tuple[Json, str]:
    *above, key = path.split(".")
    for one in above:
        inside = isinstance(properties, list)
        properties = properties[int(one)] if inside else properties.setdefault(one, {})
    return properties, key
