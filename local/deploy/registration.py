"""What a program asks for: one `Registration` per resource, one `Call` per data source.

Nothing here carries anything out; `monitor.py` makes these from the SDK's requests.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from local.deploy import wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from local.deploy.wire import Properties

STACK_TYPE = "pulumi:pulumi:Stack"
PROVIDER_PREFIX = "pulumi:providers:"


@dataclass(frozen=True, kw_only=True)
class Options:
    """`ResourceOptions` as they arrive; the inheritable ones come from the parent when unset."""

    protect: bool = False
    retain_on_delete: bool = False
    delete_before_replace: bool | None = None
    """`None`: the resource type decides."""
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    additional_secret_outputs: tuple[str, ...] = ()
    aliases: tuple[Mapping[str, Any], ...] = ()
    """Former identities: `{"urn": ...}` or `{"spec": {"name", "type", "parentUrn", ...}}`."""
    import_id: str = ""
    deleted_with: str = ""
    custom_timeouts: Mapping[str, str] = field(default_factory=dict)
    """Keys `create`, `update`, `delete`; values such as `20m`."""
    version: str = ""
    unsupported: tuple[str, ...] = ()
    """Options that were set and that nothing here can honour, by their name in the program."""


@dataclass(kw_only=True)
class Registration:
    """One resource as the program declared it and, once answered, what it became."""

    urn: str
    type: str
    name: str
    parent: str
    """URN of the parent; empty for the stack itself."""
    custom: bool
    """False for components and the stack: nothing to create, they only group."""
    inputs: Properties
    """As sent: camelCase keys, secrets and unknowns marked (see `wire.py`)."""
    options: Options = field(default_factory=Options)
    provider: str = ""
    """`<urn>::<id>` of the explicit provider; empty for the package's default one."""
    providers: Mapping[str, str] = field(default_factory=dict)
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    id: str = ""
    """Empty as long as it is unknown, and for components."""
    outputs: Properties = field(default_factory=dict)
    """What the program got back: inputs and what the provider adds; marked like `inputs`."""
    registered_outputs: Properties | None = None
    """What a component passed to `register_outputs`; the stack's are its exports."""

    @property
    def plain(self) -> Properties:
        """The inputs without markers of secrets; unknowns stay `wire.UNKNOWN`."""
        properties: Properties = wire.plain(self.inputs)
        return properties

    @property
    def provider_urn(self) -> str:
        """URN of the explicit provider, empty for the default one."""
        return self.provider.rpartition("::")[0]

    @property
    def is_provider(self) -> bool:
        """Whether this is an explicit provider rather than a thing it manages."""
        return self.type.startswith(PROVIDER_PREFIX)


def in_order(registrations: Iterable[Registration]) -> list[Registration]:
    """Return registrations by component and name, parents first.

    They arrive in an order that depends on which thread is faster; shown in this one, two equal
    runs are equal.
    """
    known = {one.urn: one for one in registrations}

    def path(one: Registration) -> tuple[tuple[str, str], ...]:
        parent = known.get(one.parent)
        return (*(path(parent) if parent else ()), (one.name, one.type))

    return sorted(known.values(), key=path)


@dataclass(frozen=True, kw_only=True)
class Call:
    """One data source that the program asked, with known arguments."""

    token: str
    args: Properties
    provider: str = ""
    """`<urn>::<id>` of the explicit provider; empty for the package's default one."""

    @property
    def provider_urn(self) -> str:
        """URN of the explicit provider, empty for the default one."""
        return self.provider.rpartition("::")[0]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the program is told about one registration."""

    done: bool = True
    """If not, all of its outputs are unknown to the program, which goes on."""
    id: str = ""
    outputs: Properties = field(default_factory=dict)


class Handler(Protocol):
    """What stands behind the monitor: records, previews or carries out, in several threads."""

    def register(self, registration: Registration) -> Outcome:
        """Answer one resource; must not raise."""

    def look_up(self, call: Call) -> Properties | None:
        """Answer one data source; `None` when the answer is not known. Must not raise."""
