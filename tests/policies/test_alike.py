"""Judges see one of each, and everything that differs by more than whose it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from local.judging.alike import names_in, one_of_each
from policies.resources import Stack
from stacks.settings import load_stack_file
from tests.policies.cases import changed, edit_document

ROOT = Path(__file__).resolve().parents[2]
NAMES = names_in(load_stack_file(ROOT, "prod"))
POLICY = "aws:iam/rolePolicy:RolePolicy"


def test_what_workflows_have_alike_is_there_once(stack_of: Callable[[str], Stack]) -> None:
    stack = stack_of("prod")
    fewer = one_of_each(stack, NAMES)
    assert len(fewer.of(POLICY)) < len(stack.of(POLICY))
    assert {one.type for one in fewer.resources} == {one.type for one in stack.resources}


def test_one_letter_makes_it_another(stack_of: Callable[[str], Stack]) -> None:
    stack = stack_of("prod")
    known = {one.urn for one in one_of_each(stack, NAMES).resources}
    twin = next(one for one in stack.of(POLICY) if one.urn not in known)

    def widen(document: dict[str, list[dict[str, object]]]) -> None:
        document["Statement"][0]["Resource"] = "*"

    other = changed(stack, (POLICY, twin.name), edit_document("policy", widen))
    assert twin.urn in {one.urn for one in one_of_each(other, NAMES).resources}


def test_nothing_comes_from_what_is_left_out(stack_of: Callable[[str], Stack]) -> None:
    stack = stack_of("prod")
    left_out = {one.urn for one in stack.resources}
    fewer = one_of_each(stack, NAMES)
    left_out -= {one.urn for one in fewer.resources}
    assert left_out
    for one in fewer.resources:
        assert left_out.isdisjoint(urn for urns in one.depends.values() for urn in urns), one.name


def test_without_names_everything_is_judged(stack_of: Callable[[str], Stack]) -> None:
    stack = stack_of("prod")
    assert len(one_of_each(stack, []).resources) == len(stack.resources)
