"""Breaks one property at a time in a stack's own graph, without knowing what the rules look for.

Of resources that are built alike, one is broken. A flag is turned round, a number becomes 0, a text
another one, a list empty; each of them also goes away. A policy document gets wider by one word.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from policies.resources import Resource, Stack

NUMBER = re.compile(r"\d+")
WIDER = ("any action", "any resource", "any principal", "no condition")
"""What is done to each statement of a document."""
_FIELDS = {"any action": "Action", "any resource": "Resource", "any principal": "Principal"}


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A stack with one property broken.

    Attributes:
        type: of the resource.
        name: of the resource.
        path: of the property; an item of a list by its name, or `[*]`.
        operator: what was done to it.
        resource: how the resource is then.
    """

    type: str
    name: str
    path: str
    operator: str
    resource: Resource

    def within(self, stack: Stack) -> Stack:
        """The stack that has it."""
        others = (one for one in stack.resources if one.urn != self.resource.urn)
        return Stack((*others, self.resource))


def mutants(stack: Stack) -> Iterator[Mutant]:
    """Every mutant of a stack."""
    for resource in _unlike(stack):
        seen: set[tuple[str, str]] = set()
        for path, operator, properties in _broken(dict(resource.properties)):
            if (path, operator) not in seen:
                seen.add((path, operator))
                yield _mutant(resource, path, operator, replace(resource, properties=properties))
        if resource.protect:
            yield _mutant(resource, "protect", "off", replace(resource, protect=False))


def _mutant(resource: Resource, path: str, operator: str, changed: Resource) -> Mutant:
    return Mutant(
        type=resource.type, name=resource.name, path=path, operator=operator, resource=changed
    )


def _unlike(stack: Stack) -> Iterator[Resource]:
    """One resource of each build: its type, its component's type and the properties that it has."""
    seen = set()
    for one in stack.resources:
        if ":components:" in one.type or one.type.startswith("pulumi:pulumi"):
            continue
        above = stack.by_urn(one.parent)
        shape = frozenset(NUMBER.sub("*", ".".join(path)) for path, _ in _leaves(one.properties))
        key = (one.type, above.type if above else "", shape)
        if key not in seen:
            seen.add(key)
            yield one


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:  # noqa: ANN401 - JSON
    """Each value, those that hold others before them; with its path."""
    if path:
        yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*path, str(key)))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _leaves(item, (*path, str(number)))


def _broken(properties: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, value in _leaves(properties):
        told = _told(properties, path)
        for operator, new in _values(value):
            yield told, operator, _set(properties, path, new)
        if isinstance(value, str) and '"apiVersion"' in value:
            for below, operator, new in _broken(json.loads(value)):
                yield f"{told}:{below}", operator, _set(properties, path, json.dumps(new))
        if not path[-1].isdigit():
            yield told, "absent", _without(properties, path)


def _told(properties: Any, path: tuple[str, ...]) -> str:  # noqa: ANN401 - JSON
    """A path for people: an item of a list by its name where it has one."""
    told, value = [], properties
    for part in path:
        inside = isinstance(value, list)
        value = value[int(part)] if inside else value[part]
        name = value.get("name") if isinstance(value, dict) else None
        told.append(f"[{name or '*'}]" if inside else part)
    return ".".join(told)


def _values(value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - JSON
    match value:
        case bool():
            yield "turned round", not value
        case int() | float():
            yield "zero", 0
        case str():
            yield from _texts(value)
        case list():
            yield "empty", []


def _texts(value: str) -> Iterator[tuple[str, str]]:
    if "Statement" in value and value.startswith("{"):
        document = json.loads(value)
        for number, statement in enumerate(document["Statement"]):
            for operator in WIDER:
                if _widened(statement, operator) is not None:
                    wider = copy.deepcopy(document)
                    wider["Statement"][number] = _widened(statement, operator)
                    yield operator, json.dumps(wider)
    elif '"apiVersion"' not in value:
        yield "another", f"another-{value}"


def _widened(statement: dict[str, Any], operator: str) -> dict[str, Any] | None:
    key = _FIELDS.get(operator, "Condition")
    if key not in statement or statement["Effect"] != "Allow":
        return None
    if key == "Condition":
        return {name: value for name, value in statement.items() if name != key}
    return {**statement, key: "*"}


def _set(properties: Any, path: tuple[str, ...], new: Any) -> Any:  # noqa: ANN401 - JSON
    changed = copy.deepcopy(properties)
    holder = _at(changed, path[:-1])
    holder[int(path[-1]) if isinstance(holder, list) else path[-1]] = new
    return changed


def _without(properties: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - JSON
    changed = copy.deepcopy(properties)
    del _at(changed, path[:-1])[path[-1]]
    return changed


def _at(value: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - JSON
    for part in path:
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value
