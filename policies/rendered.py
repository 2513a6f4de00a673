"""Renders the rules for people: `python -m policies.rendered > docs/policies.md`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from policies.rule import ResourceRule, Rule
from policies.rules import RULES

HEAD = """\
# Rules

What `make policy ENV=...` and `pulumi preview --policy-pack policies` ask of resources. Rendered
by

    .venv/bin/python -m policies.rendered > docs/policies.md

A rule that is critical or high stops a deployment, one that is medium is advice, unless
`policies/environments/<environment>.json` says otherwise. A rule that needs a value which AWS tells
only later says "not yet known" in a preview; `make policy` then judges it with AWS's answers made
up, and the engine when the resource is made. The last column names public controls that a rule
answers: FSBP is AWS Foundational Security Best Practices, CIS the benchmarks of that name, CKV the
rules of Checkov; a rule without any is a promise of this project.
"""


def document() -> str:
    """The whole text."""
    return "".join([HEAD, *_groups()])


def _groups() -> Iterator[str]:
    for group, rules in groupby(RULES, lambda one: one.about.protects):
        yield f"\n## {group.replace('_', ' ').capitalize()}\n\n"
        yield "| rule | severity | what has to hold | asked of | parameters | controls |\n"
        yield "|---|---|---|---|---|---|\n"
        yield from map(_row, rules)


def _row(one: Rule) -> str:
    about = one.about
    cells = [
        f"`{about.name}`",
        about.severity.value,
        about.says,
        _asked_of(one),
        ", ".join(f"{name} ({schema['default']})" for name, schema in about.parameters.items()),
        ", ".join(about.controls),
    ]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _asked_of(one: Rule) -> str:
    types = ", ".join(type_.rpartition(":")[2] for type_ in one.about.of)
    if isinstance(one, ResourceRule):
        return types or "everything"
    return f"the stack: {types}".rstrip(": ")


if __name__ == "__main__":
    print(document(), end="")
