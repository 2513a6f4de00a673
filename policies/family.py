"""Children of components, found by what their URN has to be: no search, at any number of resources.

The names of children are public here: `<component>-<role>`.
"""

from __future__ import annotations

from policies.resources import Resource, Stack


def child(stack: Stack, component: Resource, type_: str, role: str) -> Resource | None:
    """The child of a component that has a type and plays a role, such as `login`."""
    # urn:pulumi:<stack>::<project>::<types from the outermost, joined by $>::<name>
    head, _, name = component.urn.rpartition("::")
    return stack.by_urn(f"{head}${type_}::{name}-{role}")


def is_within(stack: Stack, resource: Resource, component: str) -> bool:
    """Tell whether a component, by its URN, is somewhere above a resource."""
    above: Resource | None = resource
    while above is not None and above.parent != component:
        above = stack.by_urn(above.parent)
    return above is not None


def sibling(stack: Stack, resource: Resource, type_: str) -> Resource | None:
    """The resource of another type beside one, with the same name."""
    return stack.by_urn(resource.urn.replace(resource.type, type_))
