"""Decides what a registration means for what is remembered, for previews and for runs alike.

It reads the state and changes nothing, so that a preview says what a run would do.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from local.deploy import wire
from local.deploy.aliases import Aliases
from local.deploy.changes import Change, Kind, compare, keep_ignored
from local.deploy.drivers import DRIVERS, missing_driver
from local.deploy.drivers.base import TAGS_ALL
from local.deploy.drivers.providers import HOMES
from local.deploy.errors import DeployError
from local.deploy.files import with_digests
from local.deploy.problems import label
from local.deploy.registration import PROVIDER_PREFIX
from local.deploy.target import provider_settings

if TYPE_CHECKING:
    from pathlib import Path

    from local.deploy.drivers.base import Driver
    from local.deploy.registration import Registration
    from local.deploy.state import Resource, State
    from local.deploy.wire import Properties


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What happens to one declared resource."""

    change: Change
    old: Resource | None
    driver: Driver
    doomed: tuple[Resource, ...] = ()
    """What has to be deleted before it can be replaced, itself included."""


class Planner:
    """Decides for one run; parents and dependencies have to be asked for first, as the SDK does."""

    def __init__(self, state: State, root: Path, *, files_needed: bool) -> None:
        self._state = state
        self._root = root
        self._files_needed = files_needed
        self._lock = threading.RLock()
        self._declared: dict[str, Registration] = {}
        self._aliases = Aliases()
        self._doomed: dict[str, str] = {}

    def declare(self, registration: Registration) -> None:
        """Take note of `registration` and complete its inputs with what providers would add.

        Raises:
            DriverError: a file that is needed cannot be read.
        """
        with self._lock:
            self._declared[registration.urn] = registration
        driver = DRIVERS.get(registration.type)
        if driver and "tags" in driver.inputs:
            tags = self._default_tags(registration)
            tags.update(wire.plain(registration.inputs.get("tags") or {}))
            registration.inputs[TAGS_ALL] = tags
        registration.inputs = with_digests(
            self._root, registration.inputs, needed=self._files_needed
        )

    def decide(self, registration: Registration) -> Decision:
        """Say what has to happen to a declared resource.

        Raises:
            DeployError: it must not happen, or nothing here can do it.
        """
        driver = DRIVERS.get(registration.type)
        if driver is None:
            raise DeployError(missing_driver(registration.type))
        _check(registration, driver)
        provider = registration.urn if registration.is_provider else registration.provider_urn
        if reason := driver.refusal(registration.inputs, self.provider(provider)):
            raise DeployError(reason)
        with self._lock:
            old = self._previous(registration)
            keep_ignored(old, registration)
            change = self._change(registration, old, driver)
            doomed = self._doom(old) if change.kind is Kind.REPLACE and old else ()
            return Decision(change=change, old=old, driver=driver, doomed=doomed)

    def remember(self, registration: Registration) -> Resource | None:
        """Return what is remembered of a declared component."""
        with self._lock:
            return self._previous(registration)

    def undeclared(self) -> list[Resource]:
        """Return what is remembered and was not declared in this run."""
        known = {*self._declared, *self._aliases.found.values()}
        return [one for one in self._state.resources.values() if one.urn not in known]

    def provider(self, urn: str) -> Properties:
        """Return the settings of the explicit provider `urn`, as declared or else as remembered."""
        found = self._declared.get(urn) or self._state.resources.get(urn)
        return provider_settings(wire.plain(found.inputs)) if found else {}

    def _change(self, new: Registration, old: Resource | None, driver: Driver) -> Change:
        if new.urn in self._doomed:
            because = f"{label(self._doomed[new.urn])} is replaced"
            return Change(kind=Kind.REPLACE, because=because)
        if old is None:
            return Change(kind=Kind.CREATE)
        if old.creating:
            return Change(kind=Kind.CREATE, because="an earlier run was cut off while creating it")
        # A provider that was renamed, and says so, is the same one.
        urn, separator, identifier = old.provider.rpartition("::")
        kept = replace(old, provider=f"{self._aliases.now(urn)}{separator}{identifier}")
        return compare(kept, new, driver.replacing(old.inputs))

    def _previous(self, registration: Registration) -> Resource | None:
        urn = self._aliases.previous(registration, self._state.resources)
        return self._state.resources[urn] if urn else None

    def _doom(self, old: Resource) -> tuple[Resource, ...]:
        doomed = tuple(self._state.resources[urn] for urn in sorted(self._replaced_with(old.urn)))
        for resource in doomed:
            if resource.protect:
                raise DeployError(
                    f"{label(old.urn)} would be replaced, and {label(resource.urn)} is protected: "
                    "take back the change, or the protection first"
                )
        now = {self._aliases.now(resource.urn) for resource in doomed if resource.urn != old.urn}
        self._doomed.update(dict.fromkeys(now, old.urn))
        return doomed

    def _replaced_with(self, urn: str) -> set[str]:
        """Return `urn` and what cannot outlive it: whoever names it in an input that is fixed."""
        gone, grown = {urn}, True
        while grown:
            more = {
                one.urn
                for one in list(self._state.resources.values())
                if one.urn not in gone
                and self._aliases.now(one.urn) not in self._declared
                and self._cannot_outlive(one, gone)
            }
            gone |= more
            grown = bool(more)
        return gone

    def _cannot_outlive(self, one: Resource, gone: set[str]) -> bool:
        driver = DRIVERS.get(one.type)
        if driver is None or not one.custom:
            return False
        if one.provider_urn in gone:
            return True
        if one.type.startswith(PROVIDER_PREFIX):
            # A provider is of no use without the server or database that it logs in to.
            homes = {urn for urn in gone if self._state.resources[urn].type in HOMES}
            return bool(homes.intersection(one.dependencies))
        fixed = {path.partition(".")[0] for path in driver.replacing(one.inputs)}
        return any(gone.intersection(one.property_dependencies.get(key, ())) for key in fixed)

    def _default_tags(self, registration: Registration) -> dict[str, str]:
        settings = self.provider(registration.provider_urn)
        tags = (settings.get("defaultTags") or {}).get("tags") or {}
        return dict(tags)


def foreseen(decision: Decision, registration: Registration) -> tuple[str, Properties]:
    """Return id and outputs as far as they are known before anything is done."""
    old, kind = decision.old, decision.change.kind
    if old is None or kind in {Kind.CREATE, Kind.REPLACE}:
        return "", dict(registration.inputs)
    if kind is Kind.SAME:
        return old.id, dict(old.outputs)
    kept = {
        key: value
        for key, value in old.outputs.items()
        if key not in old.inputs and key not in decision.driver.volatile
    }
    return old.id, {**kept, **registration.inputs}


def _check(registration: Registration, driver: Driver) -> None:
    """Refuse what cannot be honoured, rather than do something else quietly.

    Raises:
        DeployError: an option or an input that nothing here carries out.
    """
    options = registration.options
    refused = [
        *options.unsupported,
        *(["import_"] if options.import_id else []),
        *(["delete_before_replace=False"] if options.delete_before_replace is False else []),
        *(f"ignore_changes of {path}" for path in options.ignore_changes if not path.isalnum()),
    ]
    if refused:
        raise DeployError(
            f"option {', '.join(refused)} is not supported by this engine: "
            "leave it out, or use ENGINE=pulumi"
        )
    if unknown := driver.unknown_inputs(registration.inputs):
        raise DeployError(
            f"input {', '.join(unknown)} is not known to the driver of {registration.type}: "
            "add it to local/deploy/drivers, or use ENGINE=pulumi"
        )
