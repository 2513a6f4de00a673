"""What an earlier revision registered, kept as a file in `recorded/`: what an upgrade begins from.

Kept is what an engine would match and protect by: URNs and parents of components and of what is
guarded, the inputs whose change forces a replacement, and the options that protect. Values that can
be changed in place are not.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from tests.upgrade.guarded import LOST, at, forced

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from local.deploy.registration import Registration
    from local.deploy.wire import Json

FOLDER = Path(__file__).with_name("recorded")


@dataclass(frozen=True, kw_only=True)
class Known:
    """One resource that an earlier revision declared."""

    urn: str
    parent: str = ""
    provider: str = ""
    """URN of its explicit provider."""
    fixed: Mapping[str, Json] = field(default_factory=dict)
    """Each input that forced a replacement when this was recorded; `None` where it was not set."""
    protect: bool = False
    retain_on_delete: bool = False
    ignore_changes: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        """The type token, the last of the types in the URN."""
        return self.urn.split("::")[2].rpartition("$")[2]

    @property
    def name(self) -> str:
        """The logical name, the last part of the URN."""
        return self.urn.split("::", 3)[3]

    @classmethod
    def of(cls, one: Registration) -> Known:
        """What to keep of `one`."""
        paths = sorted(forced(one.type, one.inputs)) if one.type in LOST else ()
        return cls(
            urn=one.urn,
            parent=one.parent,
            provider=one.provider_urn if one.type in LOST else "",
            fixed={path: at(one.plain, path) for path in paths},
            protect=one.options.protect,
            retain_on_delete=one.options.retain_on_delete,
            ignore_changes=one.options.ignore_changes,
        )


@dataclass(frozen=True, kw_only=True)
class RecordedStack:
    """One stack as a revision declared it."""

    settings: Mapping[str, str]
    """The stack's configuration as Pulumi hands it over: full key to text."""
    resources: Mapping[str, Known]
    """By URN."""

    @classmethod
    def of(
        cls, settings: Mapping[str, str], registrations: Iterable[Registration]
    ) -> RecordedStack:
        """What to keep of a whole stack: nothing of what may be replaced, unless an option says."""
        kept = (
            Known.of(one)
            for one in registrations
            if not one.custom
            or one.type in LOST
            or one.options.protect
            or one.options.retain_on_delete
            or one.options.ignore_changes
        )
        return cls(settings=dict(settings), resources={one.urn: one for one in kept})


@dataclass(frozen=True, kw_only=True)
class Revision:
    """What a revision of this project declared, in all of its stacks."""

    commit: str
    day: date
    """The day, in UTC, as of which its settings were read: accesses have an end."""
    stacks: Mapping[str, RecordedStack]

    def save(self) -> Path:
        """Write the file of this revision, one resource a line, and return where it is."""
        lines = [f'{{"commit": "{self.commit}", "day": "{self.day}", "stacks": {{']
        for number, (name, stack) in enumerate(sorted(self.stacks.items())):
            lines.append(f'{"," if number else ""}"{name}": {{"settings": {{')
            lines.append(
                _block(
                    f"{json.dumps(key)}: {json.dumps(text)}"
                    for key, text in sorted(stack.settings.items())
                )
            )
            lines.append('}, "resources": [')
            lines.append(_block(_row(one, _head(name)) for one in stack.resources.values()))
            lines.append("]}")
        lines.append("}}")
        path = FOLDER / f"{self.commit[:12]}.json"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    @classmethod
    def load(cls, path: Path) -> Revision:
        """Read a file that `save` wrote."""
        document = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            commit=document["commit"],
            day=date.fromisoformat(document["day"]),
            stacks={
                name: RecordedStack(
                    settings=stack["settings"],
                    resources={
                        one.urn: one
                        for one in (_known(row, _head(name)) for row in stack["resources"])
                    },
                )
                for name, stack in document["stacks"].items()
            },
        )


_URNS = ("urn", "parent", "provider")


def _head(stack: str) -> str:
    """What all URNs of a stack begin with, and the file leaves out."""
    return f"urn:pulumi:{stack}::airflow-postgres::"


def _row(one: Known, head: str) -> str:
    fields = {key: value for key, value in asdict(one).items() if value}
    fields |= {key: fields[key].removeprefix(head) for key in _URNS if key in fields}
    return json.dumps(fields, ensure_ascii=False)


def _known(row: dict[str, Json], head: str) -> Known:
    urns = {key: head + row[key] for key in _URNS if key in row}
    ignored = tuple(row.get("ignore_changes", ()))
    return Known(**{**row, **urns, "ignore_changes": ignored})


def _block(lines: Iterable[str]) -> str:
    return ",\n".join(lines)
