"""What judges that were not written here answer, and what of it is accepted for good.

A judge that is wrong about something that is declared here, or whose rule does not hold for it, is
told so in `policies/judges/exceptions.yaml` and nowhere else. What an environment lets be broken
for a time is none of this: that is a waiver in its settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from policies.resources import Resource

JUDGES = Path(__file__).resolve().parents[3] / "policies" / "judges"


class JudgeMissingError(Exception):
    """A judge is not installed; the text says how to get it."""


@dataclass(frozen=True, order=True)
class Refusal:
    """What a judge has against something.

    Attributes:
        rule: its rule.
        object: `Kind.name`; of a Kubernetes object by its own name, of others by the program's.
        text: why.
        namespace: of a Kubernetes object.
        url: where the rule is explained, if the judge knows.
    """

    rule: str
    object: str
    text: str = ""
    namespace: str = ""
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A refusal with the judge that said it, and the resource that it is about."""

    judge: str
    refusal: Refusal
    resource: Resource


@dataclass(frozen=True, kw_only=True)
class Answer:
    """All that a judge says of a stack, and how many things it looked at."""

    judge: str
    looked: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A rule that does not hold for some objects.

    Attributes:
        rule: of any judge.
        objects: `Kind.name`, `*` for any text.
        stacks: where.
        reason: why.
        text: what the judge says, `*` for any text.
    """

    rule: str
    objects: str
    stacks: tuple[str, ...]
    reason: str
    text: str = "*"

    def covers(self, refusal: Refusal) -> bool:
        """Tell whether this entry accepts the refusal, in a stack that it is for."""
        return (
            refusal.rule == self.rule
            and fnmatchcase(refusal.object, self.objects)
            and fnmatchcase(refusal.text, self.text)
        )


@cache
def _entries() -> tuple[Accepted, ...]:
    entries: list[dict[str, Any]] = yaml.safe_load((JUDGES / "exceptions.yaml").read_text("utf-8"))
    return tuple(Accepted(**{**one, "stacks": tuple(one["stacks"])}) for one in entries)


def accepted(stack: str) -> list[Accepted]:
    """Return the entries of `policies/judges/exceptions.yaml` for a stack."""
    return [one for one in _entries() if stack in one.stacks]
