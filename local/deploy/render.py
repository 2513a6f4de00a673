"""Shows a plan: to people as a tree by component, to machines as JSON. It prints nothing itself.

Secrets are `[secret]` and what is not known yet is `[unknown]` in both.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from local.deploy import wire
from local.deploy.changes import Kind
from local.deploy.problems import label
from local.deploy.registration import STACK_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.deploy.report import Event, Plan, Step
    from local.deploy.state import Resource
    from local.deploy.wire import Json, Properties

INDENT = "  "
# A value longer than this is cut off in the tree; the JSON has all of it.
VALUE_CHARACTERS = 100


def tree(plan: Plan, *, values: bool = False) -> Iterator[str]:
    """Yield the lines of what would happen, by component, with what changes and why.

    What stays as it is is left out, and so are components with nothing else in them.

    Args:
        plan: What to show.
        values: Whether to show the inputs of what is created, too.
    """
    children: dict[str, list[Step]] = {}
    for step in plan.steps:
        children.setdefault(step.registration.parent, []).append(step)
    stack = next((urn for urn in children if f"::{STACK_TYPE}::" in urn), "")
    yield f"{plan.project} {plan.stack}"
    yield from _branch(children, stack, 1, values=values)
    for resource, kind in plan.removals:
        if resource.custom:
            yield f"{INDENT}{kind.sign} {_short(resource.type)} {resource.name}"
    for name, value in sorted(plan.exports.items()):
        yield f"{INDENT}output {name}: {_value(value)}"
    for problem in plan.problems:
        yield f"problem: {problem}"


def summary(plan: Plan) -> str:
    """Return how many resources are created, changed and so on, in one line."""
    counts = [f"{number} {kind.future}" for kind, number in sorted_counts(plan.counts)]
    return ", ".join(counts) or "nothing is declared"


def line(event: Event) -> str:
    """Return one line for an operation that has ended."""
    width = len(str(event.total))
    count = f"[{event.number:>{width}}/{event.total}]"
    keys = f" ({', '.join(event.keys)})" if event.keys else ""
    type_, _, name = label(event.urn).partition(" ")
    if event.error:
        return f"{count} ! {_short(type_)} {name}: {event.error}"
    return f"{count} {event.kind.sign} {_short(type_)} {name}{keys}  {event.seconds or 0:.1f} s"


def counted(counts: Mapping[Kind, int], unchanged: int) -> str:
    """Return in one line what a run has done."""
    both = sorted_counts({**counts, Kind.SAME: unchanged})
    return ", ".join(f"{number} {kind.past}" for kind, number in both) or "0 unchanged"


def document(plan: Plan) -> Properties:
    """Return the plan as JSON."""
    return {
        "project": plan.project,
        "stack": plan.stack,
        "counts": {kind.value: number for kind, number in sorted_counts(plan.counts)},
        "resources": [_step(step) for step in plan.steps],
        "removals": [_removal(resource, kind) for resource, kind in plan.removals],
        "dataSources": [{"token": call.token, "arguments": call.args} for call in plan.calls],
        "outputs": wire.shown(plan.exports),
        "problems": [str(problem) for problem in plan.problems],
    }


def sorted_counts(counts: Mapping[Kind, int]) -> list[tuple[Kind, int]]:
    """Return counts in the order in which they are shown: what changes before what does not."""
    order = (Kind.CREATE, Kind.UPDATE, Kind.REPLACE, Kind.DELETE, Kind.FORGET, Kind.SAME)
    return [(kind, counts[kind]) for kind in order if counts.get(kind)]


def _branch(
    children: Mapping[str, list[Step]], parent: str, depth: int, *, values: bool
) -> Iterator[str]:
    for step in children.get(parent, ()):
        registration = step.registration
        inside = list(_branch(children, registration.urn, depth + 1, values=values))
        if registration.custom and step.change.kind is not Kind.SAME:
            yield from _resource(step, depth, values=values)
        elif inside:
            yield f"{INDENT * depth}{_short(registration.type)} {registration.name}"
        yield from inside


def _resource(step: Step, depth: int, *, values: bool) -> Iterator[str]:
    registration, change = step.registration, step.change
    because = f"  ({change.because})" if change.because else ""
    sign, kind = change.kind.sign, _short(registration.type)
    yield f"{INDENT * depth}{sign} {kind} {registration.name}{because}"
    if change.kind in {Kind.UPDATE, Kind.REPLACE}:
        for key in change.keys:
            before, after = _both(step, key)
            yield f"{INDENT * (depth + 2)}{key}: {_value(before)} → {_value(after)}"
    elif values and change.kind is Kind.CREATE:
        for key, value in sorted(registration.inputs.items()):
            yield f"{INDENT * (depth + 2)}{key}: {_value(value)}"


def _both(step: Step, key: str) -> tuple[Json, Json]:
    """Return one input as it was and as it is declared."""
    old, new = step.old, step.registration
    if key == "provider":
        return (old.provider_urn if old else None), new.provider_urn
    return (old.inputs.get(key) if old else None), new.inputs.get(key)


def _value(value: Json) -> str:
    shown = wire.shown(value)
    text = shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= VALUE_CHARACTERS else text[: VALUE_CHARACTERS - 1] + "…"


def _short(type_: str) -> str:
    """Return the part of a type token that people read: `rds Instance`, `PostgresInstance`."""
    package, module, name = type_.split(":")
    if package == "pulumi":
        return f"provider {name}"
    group = module.split("/")[0]
    return f"{package if group == 'index' else group} {name}" if package in _SHOWN else name


# Packages whose module tells people which service a resource belongs to.
_SHOWN = ("aws", "postgresql", "random", "kubernetes")


def _step(step: Step) -> Properties:
    registration, change = step.registration, step.change
    changed = {key: _both(step, key) for key in change.keys}
    return {
        "urn": registration.urn,
        "type": registration.type,
        "name": registration.name,
        "parent": registration.parent,
        "component": not registration.custom,
        "change": change.kind.value,
        "because": change.because,
        "changed": {
            key: {"old": wire.shown(before), "new": wire.shown(after)}
            for key, (before, after) in changed.items()
        },
        "inputs": wire.shown(registration.inputs),
        "outputs": wire.shown(registration.registered_outputs or {}),
        "protect": registration.options.protect,
        "retainOnDelete": registration.options.retain_on_delete,
        "provider": registration.provider_urn,
        "dependencies": list(registration.dependencies),
    }


def _removal(resource: Resource, kind: Kind) -> Properties:
    return {"urn": resource.urn, "type": resource.type, "name": resource.name, "change": kind.value}
