"""Which mutants the judges kill that were not written here: all of a kind are asked about at once.

Each mutant is a twin in one stack. What a judge has against it kills it, but not what it has
against a twin in which nothing is broken: nothing refers to that one either. A kind that a judge
cannot read with its mutants counts as not killed.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from local.judging.foreign.answers import Answer, JudgeMissingError
from local.judging.foreign.kubernetes import by_pod_security
from local.judging.foreign.python_judges import by_checkov, by_linters
from policies.resources import Resource, Stack
from tests.policies.mutations import Mutant

Judge = Callable[[Stack, Path], list[Answer]]
KUBERNETES = "kubernetes:"
JUDGES: tuple[tuple[str, Judge], ...] = (
    ("aws:", by_checkov),
    ("aws:", by_linters),
    (KUBERNETES, by_checkov),
    (KUBERNETES, by_pod_security),
)
"""Which kinds of resource each is asked about."""


def killed_elsewhere(stack: Stack, mutants: Sequence[Mutant], root: Path) -> set[int]:
    """Return the numbers of the mutants that any of the judges kills."""
    killed: set[int] = set()
    for prefix, judge in JUDGES:
        mine = {
            number: twin
            for number, one in enumerate(mutants)
            if one.type.startswith(prefix) and (twin := _twin(str(number), one.resource))
        }
        killed |= _killed(stack, mine, judge, root)
    return killed


def _killed(stack: Stack, twins: dict[int, Resource], judge: Judge, root: Path) -> set[int]:
    urns = {_original(one) for one in twins.values()}
    mine = [one for one in stack.resources if one.urn in urns]
    whole = [twin for at, one in enumerate(mine) if (twin := _twin(f"whole-{at}", one))]
    try:
        answers = judge(Stack((*stack.resources, *whole, *twins.values())), root)
    except JudgeMissingError as error:
        print(error, file=sys.stderr)
        return set()
    except Exception as error:  # noqa: BLE001 - a mutant may be what no judge can read
        types = sorted({one.type for one in twins.values()})
        if len(types) < 2:
            print(f"{judge.__name__} cannot read {types}: {error}", file=sys.stderr)
            return set()
        half = types[: len(types) // 2]
        parts = [{}, {}]  # type: list[dict[int, Resource]]
        for number, one in twins.items():
            parts[one.type in half][number] = one
        return _killed(stack, parts[0], judge, root) | _killed(stack, parts[1], judge, root)
    said = _said(answers)
    before = {_original(one): said.get(one.urn, set()) for one in whole}
    return {
        number
        for number, one in twins.items()
        if said.get(one.urn, set()) - before.get(_original(one), set())
    }


def _said(answers: Iterable[Answer]) -> dict[str, set[str]]:
    said: dict[str, set[str]] = {}
    for one in (finding for answer in answers for finding in answer.findings):
        said.setdefault(one.resource.urn, set()).add(one.refusal.rule)
    return said


def _original(twin: Resource) -> str:
    return twin.urn.rpartition("#")[0]


def _twin(which: str, one: Resource) -> Resource | None:
    name = f"mutant-{which}"
    properties = copy.deepcopy(dict(one.properties))
    if one.type.startswith(KUBERNETES):
        metadata = properties.get("metadata")
        told_apart = isinstance(metadata, dict) and {"name", "namespace"} <= metadata.keys()
        if (
            not told_apart
            or not {"kind", "apiVersion"} <= properties.keys()
            or "data" in properties
        ):
            return None  # Nobody could say which it is; of ConfigMaps, all have one task's pod.
        properties["metadata"]["name"] = name
    return replace(one, name=name, urn=f"{one.urn}#{which}", properties=properties)
