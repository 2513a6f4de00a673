"""Carries out what the books of RDS ask for: starts, changes, restarts and deletes real servers.

It goes by each instance's status alone, so it takes up after a crash what was not finished. One
thing at a time is done to an instance; instances do not wait for each other.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from local.account.database_instance import Instance
from local.account.postgres import InstanceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import RLock

    from local.account.postgres import DataPlane, InstanceSpec
    from local.account.rds import Databases

log = logging.getLogger(__name__)

_WITH_SERVER = {"available", "incompatible-parameters", "modifying", "rebooting"}
# What an instance becomes when the step for its status went wrong.
_AFTER_FAILURE = {
    "available": "incompatible-parameters",
    "incompatible-parameters": "incompatible-parameters",
    "modifying": "incompatible-parameters",
}
_WORKERS = 4


class Instances:
    """Brings servers in line with the books.

    Args:
        databases: the books, which change only while `lock` is held.
        plane: the servers.
        lock: the account's lock.
        save: writes the account's snapshot; called with the lock held.
    """

    def __init__(
        self, databases: Databases, plane: DataPlane, lock: RLock, save: Callable[[], None]
    ) -> None:
        self._databases = databases
        self._plane = plane
        self._lock = lock
        self._save = save
        self._busy: set[str] = set()
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="instances")

    def resume(self) -> None:
        """Start the servers of all instances that exist, and take up what was not finished."""
        with self._lock:
            existing = [one.spec() for one in self._all() if one.status in _WITH_SERVER]
        self._start_all(existing)
        self.reconcile()

    def revive(self) -> list[str]:
        """Try again to start the instances that did not start; return why some still do not.

        An instance that never was complete is not among them: there is nothing to start.
        """
        with self._lock:
            failed = [one.spec() for one in self._all() if one.status == "failed"]
        return self._start_all([spec for spec in failed if self._plane.exists(spec.identifier)])

    def _start_all(self, specs: Sequence[InstanceSpec]) -> list[str]:
        """Start instances that were made before; return why some do not start."""
        failures = list(self._pool.map(self._start, specs))
        for spec, failure in zip(specs, failures, strict=True):
            with self._lock:
                instance = self._databases.instance(spec.identifier)
                if failure:
                    instance.status, instance.failure = "failed", failure
                elif instance.status == "failed":
                    instance.status, instance.failure = "available", None
        return [failure for failure in failures if failure]

    def reconcile(self) -> None:
        """Begin whatever the books ask for; returns at once."""
        with self._lock:
            for instance in self._all():
                identifier = instance.db_instance_identifier
                if identifier not in self._busy and _is_wanted(instance):
                    self._busy.add(identifier)
                    self._pool.submit(self._work, identifier)

    def close(self) -> None:
        """Finish what is being done."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _all(self) -> list[Instance]:
        return [one for one in self._databases.databases.values() if isinstance(one, Instance)]

    def _start(self, spec: InstanceSpec) -> str | None:
        """Start an instance that exists; why it failed, or None."""
        try:
            self._plane.start(spec)
        except InstanceError as error:
            log.exception("%s does not start", spec.identifier)
            return str(error)
        return None

    def _work(self, identifier: str) -> None:
        """Do step after step until the books ask for nothing more of the instance."""
        while True:
            with self._lock:
                instance = self._databases.databases.get(identifier)
                if not isinstance(instance, Instance) or not _is_wanted(instance):
                    self._busy.discard(identifier)
                    return
            self._step(instance)

    def _step(self, instance: Instance) -> None:
        with self._lock:
            status = instance.status
            password = instance.password()
            if status in {"creating", "rebooting", "starting"}:
                instance.boot()
            spec = instance.spec()
            new_password = password if instance.password_changed else None
            wanted = instance.parameters_wanted
        log.info("%s: %s", spec.identifier, status)
        try:
            waits = self._carry_out(status, spec, password, new_password)
        except Exception as error:
            log.exception("%s: %s failed", spec.identifier, status)
            with self._lock:
                if instance.status == status:
                    instance.status = _AFTER_FAILURE.get(status, "failed")
                    instance.failure = str(error)
                # Not again by itself: the next change of the group, or a reboot, tries again.
                instance.parameters_applied = wanted
                self._save()
            return
        with self._lock:
            if status == "deleting":
                self._databases.forget(instance)
            else:
                instance.failure = None
                # Only now: until then a crash must not lose what is still to be done.
                instance.password_changed = False
                instance.parameters_applied = wanted
                instance.waits_for_reboot = waits or not instance.has_whole_group()
                # Somebody may have asked for the deletion of an instance that was being made.
                if instance.status == status:
                    instance.status = "stopped" if status == "stopping" else "available"
            self._save()

    def _carry_out(
        self, status: str, spec: InstanceSpec, password: str, new_password: str | None
    ) -> bool:
        """Do what a status asks for; whether parameters wait for a reboot afterwards."""
        identifier = spec.identifier
        if status == "deleting":
            self._plane.delete(identifier)
            return False
        if status == "stopping":
            self._plane.stop(identifier)
            return False
        if status == "creating":
            # A creation that was finished, but not written down before a crash.
            self._plane.delete(identifier)
            self._plane.create(spec, password)
        elif status == "starting":
            self._plane.start(spec)
        else:
            self._plane.modify(spec, new_password)
            if status == "rebooting":
                self._plane.restart(identifier)
        return bool(self._plane.pending_restart(identifier))


def _is_wanted(instance: Instance) -> bool:
    """Whether the books ask for something."""
    if instance.status in {"available", "incompatible-parameters"}:
        return instance.parameters_changed
    return instance.status not in {"failed", "stopped"}
