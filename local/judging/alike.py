"""One of each: resources that differ by nothing but whose they are, said once.

Judges that were not written here take seconds for each hundred resources, and say the same of each
workflow that is declared alike. Whatever else differs, by a single letter, is judged by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from policies.resources import Resource, Stack

if TYPE_CHECKING:
    from stacks.settings import Settings

# What AWS appends to a secret's name.
_SUFFIX = re.compile(r"(:secret:[^\"]*-)[0-9a-f]{6}\b")


def one_of_each(stack: Stack, names: Iterable[str]) -> Stack:
    """Return the first of all resources that are alike; what came from another comes from it.

    Args:
        stack: what is declared.
        names: of workflows, people and agents.
    """
    words = {form for name in names for form in (name, name.replace("-", "_"))}
    # The longest first: one name may be the beginning of another.
    pattern = re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True))) or r"(?!)")
    first: dict[str, str] = {}
    stands_for = {
        one.urn: first.setdefault(_form(one, pattern), one.urn) for one in stack.resources
    }
    return Stack(
        tuple(
            replace(
                one,
                depends={
                    key: tuple(dict.fromkeys(stands_for.get(urn, urn) for urn in urns))
                    for key, urns in one.depends.items()
                },
            )
            for one in stack.resources
            if stands_for[one.urn] == one.urn
        )
    )


def names_in(settings: Settings) -> list[str]:
    """The names of all that are declared."""
    groups = (settings.workflows, settings.people, settings.agents)
    return [one.name for group in groups for one in group]


def _form(one: Resource, names: re.Pattern[str]) -> str:
    text = json.dumps([one.type, one.name, one.parent, one.protect, dict(one.properties)])
    return _SUFFIX.sub(r"\1", names.sub("<name>", text))
