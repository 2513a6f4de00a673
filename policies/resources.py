"""What is judged: the resources of a stack as the engine sends them, whatever sent them.

Nothing here judges; `rule.py` says what a rule is, and the modules of `rules` hold them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from policies.values import Json, contains_unknown, known, look_up, parsed


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource, or what stands for the whole stack.

    Attributes:
        urn: its URN.
        type: its type token, such as `aws:rds/instance:Instance`.
        name: its name in the program.
        properties: camelCase keys; secrets are unwrapped, unknowns are the engine's markers.
        parent: URN of its parent; empty for none.
        protect: whether the engine refuses to delete it.
        depends: URNs of what each top-level property comes from, also while its value is unknown.
    """

    urn: str
    type: str
    name: str
    properties: Mapping[str, Json]
    parent: str = ""
    protect: bool = False
    depends: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def value(self, path: str) -> Json:
        """Return a property; None where it is absent or null.

        Raises:
            NotYetKnownError: it is not yet known.
        """
        return look_up(self.properties, path)

    def whole(self, path: str) -> Json:
        """Return a property all of whose parts are known; None where it is absent or null.

        Raises:
            NotYetKnownError: a part of it is not yet known.
        """
        return known(self.value(path), path)

    def is_set(self, path: str) -> bool:
        """Tell whether a property has a value, known or not; none is no value, nor is ""."""
        above, _, key = path.rpartition(".")
        holder = look_up(self.properties, above) if above else self.properties
        return isinstance(holder, Mapping) and holder.get(key) not in (None, "")

    def items(self, path: str) -> list[Json]:
        """Return a property that is a list, its items perhaps unknown; empty where it is absent.

        Raises:
            NotYetKnownError: the list itself is not yet known.
        """
        value = self.value(path)
        return value if isinstance(value, list) else []

    def number(self, path: str) -> float | None:
        """Return a property that is a number; None where it is absent or something else."""
        value = self.value(path)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    def document(self, path: str) -> Json:
        """Return the JSON document in a property that is a text, or the property if it is none.

        Raises:
            NotYetKnownError: a part of it is not yet known.
        """
        value = self.value(path)
        return parsed(value, path) if isinstance(value, str) else known(value, path)

    @property
    def has_unknown(self) -> bool:
        """Whether anything of it is not yet known."""
        return contains_unknown(dict(self.properties))

    @property
    def label(self) -> str:
        """What people call it: its kind and its name."""
        return f"{self.type.rpartition(':')[2]} {self.name}"


@dataclass(frozen=True)
class Stack:
    """All resources of a stack."""

    resources: tuple[Resource, ...]

    @cached_property
    def _by_urn(self) -> dict[str, Resource]:
        return {one.urn: one for one in self.resources}

    @cached_property
    def _by_type(self) -> dict[str, list[Resource]]:
        found: dict[str, list[Resource]] = {}
        for one in self.resources:
            found.setdefault(one.type, []).append(one)
        return found

    @cached_property
    def _by_origin(self) -> dict[str, list[Resource]]:
        found: dict[str, list[Resource]] = {}
        for one in self.resources:
            for urn in dict.fromkeys(urn for urns in one.depends.values() for urn in urns):
                found.setdefault(urn, []).append(one)
        return found

    def of(self, *types: str) -> list[Resource]:
        """The resources of these types."""
        return [one for type_ in types for one in self._by_type.get(type_, ())]

    def by_urn(self, urn: str) -> Resource | None:
        """The resource with a URN."""
        return self._by_urn.get(urn)

    def origins(self, resource: Resource, *properties: str, type_: str = "") -> list[Resource]:
        """What top-level properties of a resource come from; it is known in a preview too.

        Args:
            resource: the resource.
            properties: its top-level properties.
            type_: only resources of this type.
        """
        urns = dict.fromkeys(urn for key in properties for urn in resource.depends.get(key, ()))
        found = [self._by_urn[urn] for urn in urns if urn in self._by_urn]
        return [one for one in found if type_ in {"", one.type}]

    def users(self, resource: Resource, *types: str) -> list[Resource]:
        """The resources of these types of which a property comes from a resource."""
        return [one for one in self._by_origin.get(resource.urn, ()) if one.type in types]

    def component(self, resource: Resource, type_: str) -> Resource | None:
        """The nearest component above a resource whose type ends like this."""
        above = self._by_urn.get(resource.parent)
        while above is not None and not above.type.endswith(type_):
            above = self._by_urn.get(above.parent)
        return above


def typed(resources: Iterable[Resource], *types: str) -> Iterator[Resource]:
    """Those of some types."""
    return (one for one in resources if one.type in types)
