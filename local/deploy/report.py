"""What a preview foresees and what a run has done: plain data for the caller to show."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from local.deploy.changes import Change, Kind
from local.deploy.problems import Problem, Untried, explain
from local.deploy.state import Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.deploy.registration import Call, Registration
    from local.deploy.wire import Properties


@dataclass(frozen=True, kw_only=True)
class Step:
    """One declared resource and what happens to it."""

    registration: Registration
    change: Change
    old: Resource | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run would do, without anything having been done."""

    project: str
    stack: str
    steps: tuple[Step, ...]
    """Everything declared, components included, by component and name."""
    removals: tuple[tuple[Resource, Kind], ...] = ()
    """What is remembered and no longer declared: deleted, or left in place."""
    exports: Properties = field(default_factory=dict)
    """Outputs of the stack, with markers of secrets and unknowns."""
    calls: tuple[Call, ...] = ()
    """Data sources that the program asks."""
    problems: tuple[Problem, ...] = ()
    """What a run would refuse."""

    @property
    def is_settled(self) -> bool:
        """Whether a run would change nothing at all, not even what is remembered."""
        return not self.removals and all(
            step.old == Resource.of(step.registration) for step in self.steps
        )

    @property
    def counts(self) -> Mapping[Kind, int]:
        """How many resources, components left out, by what happens to them."""
        kinds = Counter(step.change.kind for step in self.steps if step.registration.custom)
        kinds.update(kind for resource, kind in self.removals if resource.custom)
        return dict(kinds)

    @property
    def operations(self) -> int:
        """How many resources are created, changed, replaced, deleted or left in place."""
        return sum(number for kind, number in self.counts.items() if kind is not Kind.SAME)


@dataclass(frozen=True, kw_only=True)
class Event:
    """One operation, when it begins or when it has ended."""

    urn: str
    kind: Kind
    total: int
    """How many are foreseen."""
    number: int = 0
    """Which of them, counted when they end."""
    seconds: float | None = None
    """How long it took; `None` when it begins."""
    error: str | None = None
    keys: tuple[str, ...] = ()
    """Inputs that are the reason."""


Progress: TypeAlias = "Callable[[Event], None]"


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run has done."""

    events: tuple[Event, ...] = ()
    """Every operation that ended, in that order."""
    unchanged: int = 0
    problems: tuple[Problem, ...] = ()
    untried: tuple[Untried, ...] = ()
    exports: Properties = field(default_factory=dict)
    program_error: str = ""
    """What the program itself failed with, in one sentence."""
    interrupted: bool = False
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether everything is as declared now."""
        return not (self.problems or self.untried or self.program_error or self.interrupted)

    @property
    def counts(self) -> Mapping[Kind, int]:
        """How many operations ended well, by kind."""
        return dict(Counter(event.kind for event in self.events if event.error is None))

    @property
    def messages(self) -> tuple[str, ...]:
        """What to tell when it is not `ok`: one sentence each, the way on at the end."""
        lines = explain(self.problems, self.untried)
        if self.program_error:
            lines.append(f"the program failed: {self.program_error}")
        if self.interrupted:
            lines.append(
                f"stopped: {len(self.events)} operations had ended and are remembered; "
                "run the same command again to go on"
            )
        elif lines:
            deleted = {Kind.DELETE, Kind.FORGET} & {event.kind for event in self.events}
            lines.append(
                ("" if deleted else "nothing was deleted; ")
                + "what was done is remembered: mend the cause and run the same command again"
            )
        return tuple(lines)
