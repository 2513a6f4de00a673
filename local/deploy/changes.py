"""What has to happen to one resource: nothing, create, change in place, replace, delete.

Pure: it compares what is remembered with what is declared, key by key of the inputs. Drift, what
others changed behind the state's back, is not looked for.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.deploy import wire

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from local.deploy.registration import Registration
    from local.deploy.state import Resource
    from local.deploy.wire import Json


class Kind(enum.Enum):
    """What happens to a resource."""

    SAME = "same"
    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    FORGET = "forget"
    """Gone from the program with `retain_on_delete`: it stays, and is no longer managed."""

    @property
    def sign(self) -> str:
        """One character for people, as the CLI has them."""
        return {"same": " ", "create": "+", "update": "~", "replace": "±", "delete": "-"}.get(
            self.value, "○"
        )

    @property
    def future(self) -> str:
        """What is said of one that is to come."""
        return {"same": "unchanged", "forget": "left in place"}.get(self.value, f"to {self.value}")

    @property
    def past(self) -> str:
        """What is said of a finished one."""
        return {"same": "unchanged", "forget": "left in place"}.get(self.value, f"{self.value}d")


@dataclass(frozen=True, kw_only=True)
class Change:
    """What happens to one resource, and which inputs are the reason."""

    kind: Kind
    keys: tuple[str, ...] = ()
    """Changed inputs; `provider` when another provider manages it."""
    because: str = ""
    """In words, when it is not the inputs."""


def compare(old: Resource, new: Registration, replace: Collection[str]) -> Change:
    """Return what turns `old` into `new`; a change to one of `replace` cannot be made in place.

    `a.b` in `replace` is the field `b` of the input `a`.
    """
    keys = [key for key in _keys(old, new) if old.inputs.get(key) != new.inputs.get(key)]
    forced = {*replace, *new.options.replace_on_changes}
    if _other_provider(old.provider, new.provider):
        return Change(kind=Kind.REPLACE, keys=("provider", *keys))
    if not keys:
        return Change(kind=Kind.SAME)
    if "*" in forced or any(_differs(old.inputs, new.inputs, path) for path in forced):
        return Change(kind=Kind.REPLACE, keys=tuple(keys))
    return Change(kind=Kind.UPDATE, keys=tuple(keys))


def keep_ignored(old: Resource | None, new: Registration) -> None:
    """Let the inputs named by `ignore_changes` be what they were."""
    if old is None:
        return
    for key in new.options.ignore_changes:
        if key in old.inputs:
            new.inputs[key] = old.inputs[key]
        else:
            new.inputs.pop(key, None)


def _differs(old: Json, new: Json, path: str) -> bool:
    """Tell whether an input, or a field of one, is different."""
    key, _, rest = path.partition(".")
    before, after = (value.get(key) if isinstance(value, dict) else None for value in (old, new))
    return _differs(before, after, rest) if rest else bool(before != after)


def _keys(old: Resource, new: Registration) -> Iterable[str]:
    return sorted({*old.inputs, *new.inputs})


def _other_provider(old: str, new: str) -> bool:
    """References are `<urn>::<id>`; an id that is not known yet belongs to one not yet created."""
    return old != new and not wire.contains_unknown(new)
