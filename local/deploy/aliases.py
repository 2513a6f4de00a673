"""Former identities: which remembered resource a declared one used to be.

The rules are the engine's (generateAliases): what the program lists, and for the children of a
component that was itself found under a former name, the name that follows from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.deploy.registration import STACK_TYPE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from local.deploy.registration import Registration


class Aliases:
    """Finds former URNs during one run; parents have to be asked for before their children."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        """URN now to URN before."""

    def previous(self, registration: Registration, known: Collection[str]) -> str | None:
        """Return the URN in `known` under which `registration` is remembered, if it is."""
        if registration.urn in known:
            return registration.urn
        for urn in self._candidates(registration):
            if urn in known and urn not in self.found.values():
                self.found[registration.urn] = urn
                return urn
        return None

    def now(self, urn: str) -> str:
        """Return the URN that the resource remembered as `urn` has now."""
        return next((new for new, old in self.found.items() if old == urn), urn)

    def _candidates(self, registration: Registration) -> Iterator[str]:
        own = [_urn(registration, alias) for alias in registration.options.aliases]
        yield from own
        if parent := self.found.get(registration.parent):
            for urn in (registration.urn, *own):
                yield _inherited(urn, _name(registration.parent), parent)


def _urn(registration: Registration, alias: Mapping[str, Any]) -> str:
    """Return the URN that one alias of the program stands for."""
    if "urn" in alias:
        return str(alias["urn"])
    spec = alias.get("spec", {})
    head, project, _, _ = registration.urn.split("::", 3)
    stack = head.removeprefix("urn:pulumi:")
    # An alias that says nothing of a parent comes with an empty one.
    parent = "" if spec.get("noParent") else spec.get("parentUrn") or registration.parent
    return _build(
        spec.get("stack", stack),
        spec.get("project", project),
        parent,
        spec.get("type", registration.type),
        spec.get("name", registration.name),
    )


def _inherited(urn: str, parent_name: str, former_parent: str) -> str:
    """Return what a child was called when its parent was `former_parent`.

    A child whose name starts with its parent's is taken to have followed it.
    """
    name = _name(urn)
    if name.startswith(parent_name):
        name = _name(former_parent) + name.removeprefix(parent_name)
    head, project, types, _ = urn.split("::", 3)
    stack = head.removeprefix("urn:pulumi:")
    return _build(stack, project, former_parent, types.rsplit("$", 1)[-1], name)


def _build(stack: str, project: str, parent: str, type_: str, name: str) -> str:
    chain = parent.split("::")[2] if parent else STACK_TYPE
    qualified = type_ if chain == STACK_TYPE else f"{chain}${type_}"
    return f"urn:pulumi:{stack}::{project}::{qualified}::{name}"


def _name(urn: str) -> str:
    return urn.split("::", 3)[3]
