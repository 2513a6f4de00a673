"""Compares what is declared now with what was, as an engine does, and says in words what is lost.

Resources are matched by URN and alias, with the rules of this project's own engine. It judges what
is guarded; whether changes in place succeed, and `replace_on_changes`, it does not.
"""

from __future__ import annotations

import dataclasses
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from local.deploy.aliases import Aliases
from local.deploy.record import record
from tests import offline
from tests.upgrade.guarded import LOST, at, forced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from local.deploy.registration import Registration
    from tests.upgrade.history import Known


def losses(
    program: Callable[[], object],
    known: Mapping[str, Known],
    *,
    stack: str,
    root: Path,
    config: Mapping[str, str] | None = None,
) -> list[str]:
    """Run `program` against what is `known`, and return one sentence for each thing lost.

    Raises:
        ProgramError: the program raised.
    """
    judge = _Judge(known)
    record(
        program,
        stack=stack,
        config=config,
        root=root,
        answers=offline.answers,
        outputs=judge.outputs,
    )
    # What is gone first: it may be why the rest is replaced.
    return [*judge.gone(), *judge.found]


class _Judge:
    """Answers what is registered, and keeps what it finds."""

    def __init__(self, known: Mapping[str, Known]) -> None:
        self._known = known
        self._aliases = Aliases()
        self._matched: set[str] = set()
        self._new: list[Registration] = []
        self.found: list[str] = []

    def outputs(self, new: Registration) -> Mapping[str, Any]:
        """What a provider adds; to a resource that is kept, what it always added."""
        urn = self._aliases.previous(new, self._known)
        if urn is None:
            self._new.append(new)
            return offline.outputs(new)
        self._matched.add(urn)
        known = self._known[urn]
        reasons = list(self._reasons(known, new)) if known.type in LOST else []
        if reasons:
            self.found.append(
                f"{known.type} {known.name} would be replaced, as {' and '.join(reasons)}; lost is "
                f"{LOST[known.type]}: take the change back"
            )
        self.found += _unprotected(known, new)
        former = f"{known.name}-replaced" if reasons else known.name
        return offline.outputs(dataclasses.replace(new, name=former, type=known.type))

    def gone(self) -> Iterator[str]:
        """One sentence for each thing that is declared no longer, with the guarded ones below."""
        lost: dict[str, list[Known]] = {}
        for known in self._known.values():
            if known.type in LOST and known.urn not in self._matched:
                lost.setdefault(self._highest_gone(known).urn, []).append(known)
        for urn, guarded in lost.items():
            yield self._farewell(self._known[urn], guarded)

    def _reasons(self, known: Known, new: Registration) -> Iterator[str]:
        if new.type != known.type:
            yield f"it becomes a {new.type}"
            return
        provider = self._aliases.now(known.provider)
        if provider != new.provider_urn:
            yield f"its provider changes from {provider} to {new.provider_urn}"
        for path in sorted(forced(new.type, new.inputs) & known.fixed.keys()):
            before, now = known.fixed[path], at(new.plain, path)
            if before != now and path.partition(".")[0] not in new.options.ignore_changes:
                yield f"{path} changes from {before!r} to {now!r}"

    def _highest_gone(self, known: Known) -> Known:
        """Itself, or the component above it whose going is the reason."""
        parent = self._known.get(known.parent)
        if parent is None or parent.urn in self._matched:
            return known
        return self._highest_gone(parent)

    def _farewell(self, one: Known, guarded: list[Known]) -> str:
        losses = "; ".join(f"{each.type} {each.name} ({LOST[each.type]})" for each in guarded)
        text = f"{one.urn} is declared no longer, and an engine would delete {losses}"
        successor = self._successor(one)
        if successor is None:
            return f"{text}: declare it again"
        return (
            f"{text}, and create {successor.urn} instead: if it is the same thing, add "
            f"aliases=[pulumi.Alias({', '.join(_former(one, successor))})] to the ResourceOptions "
            f"of {successor.name}"
        )

    def _successor(self, one: Known) -> Registration | None:
        """What is new, of its type, and most like it; or else what is new under its name."""
        alike = [each for each in self._new if each.type == one.type] or [
            each for each in self._new if each.name == one.name
        ]
        return max(alike, key=lambda each: _likeness(each.urn, one.urn), default=None)


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


def _former(known: Known, new: Registration) -> Iterator[str]:
    """The arguments of the alias that leads from `new` back to `known`."""
    if known.name != new.name:
        yield f'name="{known.name}"'
    if known.type != new.type:
        yield f'type_="{known.type}"'
    if known.parent != new.parent:
        yield f'parent="{known.parent}"'


def _unprotected(known: Known, new: Registration) -> Iterable[str]:
    """One sentence for each option that protected it and does no longer."""
    what = f"{known.type} {known.name}"
    if known.protect and not new.options.protect:
        yield f"{what} loses protect=True, and could be deleted by a slip: set it again"
    if known.retain_on_delete and not new.options.retain_on_delete:
        yield f"{what} loses retain_on_delete=True, and would go with its entry: set it again"
    if gone := sorted(set(known.ignore_changes) - set(new.options.ignore_changes)):
        yield (
            f"{what} no longer has ignore_changes={gone}, and what others set there would be taken "
            "back: add it again"
        )
