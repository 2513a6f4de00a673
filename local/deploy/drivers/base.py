"""What a driver is: how one type of resource is created, changed in place and deleted."""

from __future__ import annotations

import abc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.deploy.target import Target
    from local.deploy.wire import Properties


TAGS_ALL = "tagsAll"
"""Added to the inputs of everything that has tags: its own over the provider's default ones."""


class DriverError(Exception):
    """An operation cannot be done; the text is one sentence for people."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """A resource that exists now."""

    id: str
    outputs: Properties = field(default_factory=dict)
    """What the provider adds to the inputs, in camelCase; may carry markers of secrets."""


class Driver(abc.ABC):
    """One type of resource. Stateless, so one instance serves all threads.

    Inputs and outputs are plain: without markers of secrets, and nothing in them is unknown.
    """

    inputs: ClassVar[frozenset[str]]
    """The inputs that it carries out."""
    ignored: ClassVar[Mapping[str, str]] = {}
    """The inputs that it knows and does not carry out, each with the reason."""
    replace: ClassVar[frozenset[str]] = frozenset()
    """The inputs whose change needs another resource in place of this one.

    `a.b` is the field `b` of the input `a`.
    """
    repeatable: ClassVar[bool] = False
    """Whether creating it twice comes to the same, so that what a killed run left needs no search.

    Its `delete` then goes by the inputs alone.
    """
    volatile: ClassVar[frozenset[str]] = frozenset()
    """Outputs that an update may change: unknown in the preview of one."""

    def replacing(self, inputs: Properties) -> frozenset[str]:
        """Return the inputs whose change needs another resource in place of this one."""
        del inputs
        return self.replace

    def refusal(self, inputs: Properties, provider: Properties) -> str:
        """Say why this must not be done, in one sentence; empty when it may.

        Args:
            inputs: As declared: marked, and maybe not all known yet.
            provider: The settings of its explicit provider, of a provider its own; or empty.
        """
        del inputs, provider
        return ""

    def adopt(self, target: Target, inputs: Properties) -> Made | None:
        """Find what a run that was killed while creating these inputs may have left.

        Not asked of what is `repeatable`.
        """
        del target, inputs
        return None

    @abc.abstractmethod
    def create(self, target: Target, inputs: Properties) -> Made:
        """Create it."""

    @abc.abstractmethod
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        """Change it in place and return it as it is then; `old` is empty after `adopt`."""

    @abc.abstractmethod
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        """Delete it; that it is gone already is no error."""

    def unknown_inputs(self, inputs: Properties) -> list[str]:
        """Return the inputs that it does not know, which is a reason not to begin."""
        return sorted(set(inputs) - self.inputs - set(self.ignored) - {TAGS_ALL})


def changed(old: Properties, new: Properties, *keys: str) -> bool:
    """Tell whether one of `keys` is different."""
    return any(old.get(key) != new.get(key) for key in keys)
