"""The one comment on a pull request: what it changes in every environment, for whoever reviews it.

It is composed of what the preview of each environment left, and says so where something is missing.
Replacements, deletions and what anybody gains come first, and are shortened last.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from local.pull_request.documents import (
    AccessDiff,
    AccessEntry,
    Changes,
    Document,
    DocumentError,
    Policy,
    ResourceChange,
    VerdictEntry,
    What,
    read,
)
from local.pull_request.markdown import at_most, block, escaped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

MARKER = "<!-- airflow-postgres: what this pull request changes -->"
"""The first line, by which the comment is found again."""
LONGEST_COMMENT = 65_536
"""Characters that GitHub takes."""
PREFIX = "preview-"
"""What the folder of an environment's preview is called, before the environment's name."""
HEAD = "## What this pull request changes"
FOOT = (
    "<sub>Computed by this pull request's own program and settings; values and secrets are left "
    "out.</sub>"
)
SHORTENED = (
    "**Lists are shortened**, as a comment has its limit: `make preview`, `make access-diff` and "
    "`make policy` show all."
)
_SIGNS = {"replace": "-", "delete": "-", "forget": "-", "change": "!", "create": "+"}
_EFFECTS = {"gain": "+", "loss": "-", "change": "!"}
_PAST: Mapping[What, str] = {
    "replace": "replaced",
    "delete": "deleted",
    "forget": "left in place, no longer managed",
    "change": "changed",
    "create": "created",
}
_Part = TypeVar("_Part", bound=Document)


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What there is of one environment.

    Attributes:
        environment: its name.
        missing: a sentence for each part that there is not.
    """

    environment: str
    changes: Changes | None
    access: AccessDiff | None
    policy: Policy | None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Room:
    """How many lines a list may have; None: all."""

    important: int | None
    other: int | None


_ROOMS = (
    Room(None, None),
    Room(400, 100),
    Room(200, 30),
    Room(100, 10),
    Room(30, 3),
    Room(10, 0),
    Room(2, 0),
    Room(0, 0),
)


def previews(folder: Path) -> list[Preview]:
    """Read what the previews left: a folder for each environment."""
    found = sorted(one for one in folder.glob(f"{PREFIX}*") if one.is_dir())
    return [_preview(one) for one in found]


def comment(all_previews: Sequence[Preview]) -> str:
    """Compose the comment, of at most LONGEST_COMMENT characters."""
    for room in _ROOMS:
        if text := _text(all_previews, room):
            return text
    return _as_many_as_fit(all_previews)


def _as_many_as_fit(all_previews: Sequence[Preview]) -> str:
    """The shortest form of the first environments, and how many more there are."""
    frame = [MARKER, HEAD, "", _more(len(all_previews)), "", SHORTENED, "", FOOT, ""]
    room = LONGEST_COMMENT - len("\n".join(frame))
    sections: list[str] = []
    for one in all_previews:
        section = "\n".join(_environment(one, _ROOMS[-1]))
        room -= len(section) + 1
        if room < 0:
            break
        sections.append(section)
    left = _more(len(all_previews) - len(sections))
    return "\n".join([MARKER, HEAD, "", *sections, left, "", SHORTENED, "", FOOT, ""])


def _more(number: int) -> str:
    return f"**{number} more environments** do not fit into a comment."


def _preview(folder: Path) -> Preview:
    missing: list[str] = []

    def part(kind: type[_Part], name: str) -> _Part | None:
        try:
            return read(kind, folder / name)
        except DocumentError as error:
            missing.append(str(error))
            return None

    return Preview(
        environment=folder.name.removeprefix(PREFIX),
        changes=part(Changes, "changes.json"),
        access=part(AccessDiff, "access.json"),
        policy=part(Policy, "policy.json"),
        missing=tuple(missing),
    )


def _text(all_previews: Sequence[Preview], room: Room) -> str:
    """All environments with this room; empty if that does not fit."""
    lines, length = [MARKER, HEAD, ""], 0
    if not all_previews:
        lines += ["The previews left nothing to show: their run says why.", ""]
    for line in (each for one in all_previews for each in _environment(one, room)):
        lines.append(line)
        length += len(line) + 1
        if length > LONGEST_COMMENT:
            return ""
    if room != _ROOMS[0]:
        lines += [SHORTENED, ""]
    text = "\n".join([*lines, FOOT, ""])
    return text if len(text) <= LONGEST_COMMENT else ""


def _environment(one: Preview, room: Room) -> Iterator[str]:
    yield f"### {escaped(one.environment)}"
    yield ""
    for sentence in one.missing:
        yield f"**Not known:** {escaped(sentence)}; the run of the preview says why."
        yield ""
    if one.changes:
        yield from _resources(one.changes, room)
    if one.access:
        yield from _access(one.access, room)
    if one.policy:
        yield from _policy(one.policy, room)


def _resources(changes: Changes, room: Room) -> Iterator[str]:
    counts = Counter(each.what for each in changes.changes)
    told = [f"{counts[what]} {words}" for what, words in _PAST.items() if counts[what]]
    against = "what is deployed" if changes.deployed else "the base's program, not what is deployed"
    yield (
        f"**Resources**, compared with {against}: "
        f"{', '.join([*told, f'{changes.unchanged} unchanged'])}"
    )
    yield ""
    yield from at_most(
        room.important, changes.problems, lambda one: f"- **refused:** {escaped(one)}"
    )
    losing = [each for each in changes.changes if _SIGNS[each.what] == "-"]
    others = [each for each in changes.changes if _SIGNS[each.what] != "-"]
    yield from block(at_most(room.important, losing, change_line), "diff")
    shown = block(at_most(room.other, others, change_line), "diff")
    yield from _folded("changed and created", shown)


def change_line(one: ResourceChange) -> str:
    """One change as a line of a `diff` block."""
    because = f" ({', '.join(one.properties)})" if one.properties else ""
    return f"{_SIGNS[one.what]} {one.what} {one.type} {one.name}{because}"


def _access(access: AccessDiff, room: Room) -> Iterator[str]:
    gains = [each for each in access.changes if each.effect == "gain"]
    others = [each for each in access.changes if each.effect != "gain"]
    yield f"**Access**: {len(gains)} gained, {len(others)} lost or moved"
    yield ""
    if access.note:
        yield f"{escaped(access.note)}"
        yield ""
    for some, number in ((gains, room.important), (others, room.other)):
        yield from block(at_most(number, some, _gain_or_loss), "diff")
    yield f"**Connections**: {escaped(access.budget)}"
    yield ""


def _gain_or_loss(one: AccessEntry) -> str:
    return f"{_EFFECTS[one.effect]} {one.sentence}"


def _policy(policy: Policy, room: Room) -> Iterator[str]:
    told = ", ".join(f"{number} {escaped(name)}" for name, number in policy.counts.items())
    yield f"**Policy**: {'refused' if policy.fails else 'passed'} ({told})"
    yield ""
    refused = [each for each in policy.verdicts if each.outcome == "refused"]
    waived = [each for each in policy.verdicts if each.waiver]
    for some in (refused, waived):
        yield from at_most(room.important, some, _verdict)
    notes = (*policy.not_run, *policy.stale_waivers)
    yield from at_most(room.other, notes, lambda one: f"- {escaped(one)}")
    yield ""


def _verdict(one: VerdictEntry) -> str:
    head = f"- **{escaped(one.rule)}** ({escaped(f'{one.level}, {one.severity}, {one.judge}')})"
    where = f"{head} {escaped(one.where)}: {escaped(one.sentence)}"
    controls = f" [{escaped(', '.join(one.controls))}]" if one.controls else ""
    if one.waiver:
        until = f"waived until {escaped(one.waiver.expires)}: {escaped(one.waiver.reason)}"
        return f"{where}{controls}. _{until}_"
    return f"{where}{controls}. Mend: {escaped(one.mend)}"


def _folded(summary: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    return [f"<details><summary>{summary}</summary>", "", *lines, "</details>", ""]
