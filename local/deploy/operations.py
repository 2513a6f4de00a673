"""Carries out decisions: create, change, replace, delete, each remembered as soon as it is done."""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import TYPE_CHECKING

from local.deploy import wire
from local.deploy.changes import Change, Kind, compare
from local.deploy.drivers import DRIVERS, missing_driver
from local.deploy.drivers.base import Driver, DriverError, Made
from local.deploy.problems import Problem, is_taken, label, sentence
from local.deploy.removal import remove
from local.deploy.report import Event
from local.deploy.state import Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from local.deploy.planner import Decision
    from local.deploy.registration import Registration
    from local.deploy.report import Progress
    from local.deploy.state import State
    from local.deploy.target import Target, Targets

PARALLEL_DELETES = 16


class Operations:
    """The operations of one run; used by several threads at once."""

    def __init__(self, state: State, targets: Targets, progress: Progress, total: int) -> None:
        """Take what is remembered, where operations go, whom to tell, and how many are foreseen."""
        self._state = state
        self._targets = targets
        self._progress = progress
        self._total = total
        self._lock = threading.Lock()
        self._replacing = threading.RLock()
        self.stopping = threading.Event()
        """Set to let what is under way end and to begin nothing more."""
        self.events: list[Event] = []
        self.problems: dict[str, Problem] = {}

    def carry_out(self, decision: Decision, registration: Registration) -> bool:
        """Do what was decided; tell whether it was done, which leaves id and outputs known."""
        change, old = decision.change, decision.old

        def operate() -> None:
            if change.kind is Kind.REPLACE:
                # What goes with another resource must be gone before it is created again.
                with self._replacing:
                    self._clear(decision)
                    made = self._create(decision.driver, registration, None)
            elif old is None or change.kind is Kind.CREATE:
                made = self._create(decision.driver, registration, old)
            else:
                target, before = self._target(registration), wire.plain(old.inputs)
                made = decision.driver.update(target, _made(old), before, registration.plain)
            self._remember(registration, made, old)

        return self._report(registration.urn, change, operate)

    def delete_all(self, resources: Collection[Resource]) -> list[Resource]:
        """Delete resources, those first that need others; return what was not tried."""
        together = {resource.urn: resource for resource in resources}

        def delete(resource: Resource) -> bool:
            if self.stopping.is_set():
                return False
            if not resource.custom:
                self._state.remove(resource.urn)
                return True
            kind = Kind.FORGET if resource.retain_on_delete else Kind.DELETE

            def operate() -> None:
                if resource.deleted_with not in together:
                    self._delete(resource)
                self._state.remove(resource.urn)

            return self._report(resource.urn, Change(kind=kind), operate)

        return remove(together, delete, PARALLEL_DELETES)

    def remember(self, new: Registration, old: Resource | None) -> None:
        """Write down a declared resource as it is, in the place of what it was called before."""
        self._state.put(Resource.of(new))
        if old and old.urn != new.urn:
            self._state.remove(old.urn)

    def _target(self, resource: Registration | Resource) -> Target:
        others = list(self._state.resources.values())
        options = getattr(resource, "options", None)
        return self._targets.of(
            resource.provider_urn,
            timeouts=options.custom_timeouts if options else None,
            taken=frozenset(other.id for other in others if other.type == resource.type),
        )

    def _create(self, driver: Driver, new: Registration, leftover: Resource | None) -> Made:
        target = self._target(new)
        found = self._left_over(driver, leftover) if leftover else None
        if found and leftover:
            change = compare(leftover, new, driver.replacing(new.inputs))
            if change.kind is not Kind.REPLACE:
                self._state.put(Resource.of(new, creating=True))
                return driver.update(target, found, {}, new.plain)
            driver.delete(target, found, wire.plain(leftover.inputs))
        attempt = Resource.of(new, creating=True)
        self._state.put(attempt)
        try:
            return driver.create(target, new.plain)
        except Exception as error:
            # Only what it may have left behind is worth looking for next time.
            if is_taken(error) or self._left_over(driver, attempt) is None:
                self._state.remove(new.urn)
            raise

    def _left_over(self, driver: Driver, leftover: Resource) -> Made | None:
        """Find what an attempt that did not end well has created."""
        if driver.repeatable:
            return None
        return driver.adopt(self._target(leftover), wire.plain(leftover.inputs))

    def _clear(self, decision: Decision) -> None:
        """Delete what is replaced, after what cannot outlive it."""
        errors: list[str] = []

        def delete(resource: Resource) -> bool:
            try:
                if resource.custom:
                    self._delete(resource)
            except Exception as error:  # noqa: BLE001 - told by the one that is replaced
                errors.append(f"{label(resource.urn)} is in the way: {sentence(error)}")
                return False
            self._state.remove(resource.urn)
            return True

        remove({one.urn: one for one in decision.doomed}, delete, PARALLEL_DELETES)
        if errors:
            raise DriverError("; ".join(errors))

    def _delete(self, resource: Resource) -> None:
        if resource.protect:
            raise DriverError(
                "it is protected: take `protect` off, run `up`, then remove it from the program"
            )
        if resource.retain_on_delete:
            return
        driver = DRIVERS.get(resource.type)
        if driver is None:
            raise DriverError(missing_driver(resource.type))
        made: Made | None = _made(resource)
        if resource.creating and not driver.repeatable:
            made = self._left_over(driver, resource)
        if made:
            driver.delete(self._target(resource), made, wire.plain(resource.inputs))

    def _remember(self, new: Registration, made: Made, old: Resource | None) -> None:
        for other in list(self._state.resources.values()):
            same_place = (other.type, other.provider_urn) == (new.type, new.provider_urn)
            if same_place and other.id == made.id and other.urn not in {new.urn, old and old.urn}:
                self._state.remove(new.urn)
                raise DriverError(f"{made.id} is {label(other.urn)} already: name one differently")
        new.id, new.outputs = made.id, dict(new.inputs)
        for key, value in made.outputs.items():
            new.outputs[key] = wire.marked_like(value, new.inputs.get(key))
        for key in new.options.additional_secret_outputs:
            if key in new.outputs and not wire.is_secret(new.outputs[key]):
                new.outputs[key] = wire.secret(new.outputs[key])
        self.remember(new, old)

    def _report(self, urn: str, change: Change, operate: Callable[[], None]) -> bool:
        """Do one operation, tell when it begins and ends, and whether it ended well."""
        event = Event(urn=urn, kind=change.kind, keys=change.keys, total=self._total)
        started = time.monotonic()
        with self._lock:
            self._progress(event)
        error = None
        try:
            operate()
        except Exception as problem:  # noqa: BLE001 - whatever it is, others go on
            error = sentence(problem)
        with self._lock:
            if error:
                self.problems[urn] = Problem(key=urn, message=error)
            self.events.append(
                dataclasses.replace(
                    event,
                    number=len(self.events) + 1,
                    seconds=time.monotonic() - started,
                    error=error,
                )
            )
            self._progress(self.events[-1])
        return error is None


def _made(resource: Resource) -> Made:
    """Return what a driver needs to know of a remembered resource."""
    computed = {key: value for key, value in resource.outputs.items() if key not in resource.inputs}
    return Made(id=resource.id, outputs=wire.plain(computed))
