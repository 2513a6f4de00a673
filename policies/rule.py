"""What a rule is: a function that says what is wrong with a resource, and what people need to know.

    @rule(
        "rds-encrypted",
        of=(INSTANCE,),
        severity=Severity.CRITICAL,
        says="The storage of an instance is encrypted.",
        mend="Set storageEncrypted; an existing instance is encrypted by restoring a snapshot.",
        controls=("FSBP RDS.3", "CKV_AWS_16"),
    )
    def rds_encrypted(instance: Resource, _config: Config) -> Iterator[str]:
        if instance.value("storageEncrypted") is not True:
            yield f"storageEncrypted is {instance.value('storageEncrypted')!r}, not true"

A function yields a sentence for each thing that is wrong. It may look at any property: one that is
not yet known ends it, and the verdict says so. The module's name is what its rules protect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Required, TypeAlias, TypedDict, Unpack

from policies.resources import Resource, Stack
from policies.values import Json

Config: TypeAlias = Mapping[str, Json]
"""A rule's parameters, those that an environment says nothing of with their defaults."""
Target: TypeAlias = Resource | None
"""What a sentence is about; None: the whole stack."""
Check: TypeAlias = Callable[[Resource, Config], Iterator[str]]
CheckInStack: TypeAlias = Callable[[Resource, Stack, Config], Iterator[str]]
CheckOfStack: TypeAlias = Callable[[Stack, Config], Iterator[str]]


class Severity(Enum):
    """How bad it is to break a rule; what is medium is advice where nothing else is configured."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"


class Level(Enum):
    """What breaking a rule does, in CrossGuard's words."""

    MANDATORY = "mandatory"
    ADVISORY = "advisory"
    DISABLED = "disabled"


@dataclass(frozen=True, kw_only=True)
class About:
    """What people need to know of a rule.

    Attributes:
        name: unique, in lower case with dashes.
        severity: how bad it is to break it.
        says: what has to hold, in a sentence.
        mend: what to do where it does not.
        controls: ids of the public controls that it answers; none is a promise of this project.
        protects: the group it belongs to.
        of: types of the resources it is about; none is each type, or the whole stack.
        later: properties that a provider tells; a path holds for all below it. That another one is
            not yet known in a preview is a mistake of the program, and refused.
        parameters: what an environment may set, each a JSON schema with its default.
    """

    name: str
    severity: Severity
    says: str
    mend: str
    protects: str
    of: tuple[str, ...]
    controls: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    parameters: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)

    @property
    def default_level(self) -> Level:
        """What breaking it does where an environment says nothing."""
        return Level.ADVISORY if self.severity is Severity.MEDIUM else Level.MANDATORY

    @property
    def defaults(self) -> Config:
        """Its parameters where an environment says nothing."""
        return {name: schema["default"] for name, schema in self.parameters.items()}

    def is_later(self, path: str) -> bool:
        """Tell whether a property may be unknown in a preview."""
        return any(path == one or path.startswith(f"{one}.") for one in self.later)


@dataclass(frozen=True)
class ResourceRule:
    """A rule about one resource, whatever else there is."""

    about: About
    check: Check

    def checks(self, resource: Resource, config: Config) -> Iterator[str]:
        """What is wrong with a resource; nothing if the rule is not about its type."""
        about_it = not self.about.of or resource.type in self.about.of
        return self.check(resource, config) if about_it else iter(())


@dataclass(frozen=True)
class StackRule:
    """A rule about resources among the others, or about the stack as a whole."""

    about: About
    of_each: CheckInStack | None = None
    of_stack: CheckOfStack | None = None

    def checks(self, stack: Stack, config: Config) -> Iterator[tuple[Target, Iterator[str]]]:
        """What is wrong, by the resource that it is about."""
        if self.of_stack:
            yield None, self.of_stack(stack, config)
        if self.of_each:
            for resource in stack.of(*self.about.of):
                yield resource, self.of_each(resource, stack, config)


Rule: TypeAlias = ResourceRule | StackRule


class Words(TypedDict, total=False):
    """What a rule is declared with; see `About`."""

    of: Required[tuple[str, ...]]
    severity: Required[Severity]
    says: Required[str]
    mend: Required[str]
    controls: tuple[str, ...]
    later: tuple[str, ...]
    parameters: Mapping[str, Mapping[str, Json]]


def rule(name: str, **words: Unpack[Words]) -> Callable[[Check], ResourceRule]:
    """Make a rule about single resources of a function `(resource, config)`."""
    return lambda check: ResourceRule(_about(name, check, words), check)


def rule_in_stack(name: str, **words: Unpack[Words]) -> Callable[[CheckInStack], StackRule]:
    """Make a rule about resources among the others of a function `(resource, stack, config)`."""
    return lambda check: StackRule(_about(name, check, words), of_each=check)


def rule_of_stack(name: str, **words: Unpack[Words]) -> Callable[[CheckOfStack], StackRule]:
    """Make a rule about a stack as a whole of a function `(stack, config)`; `of` is only told."""
    return lambda check: StackRule(_about(name, check, words), of_stack=check)


def _about(name: str, check: Callable[..., object], words: Words) -> About:
    return About(name=name, protects=check.__module__.rpartition(".")[2], **words)
