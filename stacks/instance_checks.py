"""Whether the settings of the two database instances make sense, each and together."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from stacks.instance_classes import MEMORY_GIB, families, family
from stacks.sentences import key, nearest, shown

if TYPE_CHECKING:
    from stacks.settings import Settings
    from stacks.sizes import Instance

OLDEST_ENGINE = 16
"""In 15 a role that may create roles can reset anyone's password."""

SHORTEST_PROTECTED_BACKUP_DAYS = 7

_DAY = 24 * 60
_WEEK = 7 * _DAY
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def problems(settings: Settings) -> Iterator[str]:
    """One sentence for each problem of the two instances."""
    for name, instance in (("metadata", settings.metadata), ("application", settings.application)):
        yield from _engine(name, instance)
        yield from _instance_class(name, instance)
        yield from _storage(name, instance)
        yield from _backup(name, instance)
        yield from _windows(name, instance)
    if settings.metadata.port == settings.application.port:
        yield (
            f"{key('application', 'port')} is {settings.application.port}, as is "
            f"{key('metadata', 'port')}; the two must differ, so that a rule or a token for one "
            "instance never fits the other; change one of them."
        )


def _engine(name: str, instance: Instance) -> Iterator[str]:
    if int(instance.engine_version.partition(".")[0]) < OLDEST_ENGINE:
        yield (
            f"{key(name, 'engineVersion')} is {shown(instance.engine_version)}; it must be "
            f"{OLDEST_ENGINE} or later, as before that a role that may create roles can reset "
            'anyone\'s password; choose a later version such as "18".'
        )


def _instance_class(name: str, instance: Instance) -> Iterator[str]:
    given = instance.instance_class
    if given not in MEMORY_GIB:
        near = family(given) or [each for each in [nearest(given, MEMORY_GIB)] if each]
        known = ", ".join(near) or f"a class of {', '.join(families())}"
        yield (
            f"{key(name, 'instanceClass')} is {shown(given)}; it must be a class whose memory is "
            f"known here, such as {known}; correct it, or add it to stacks/instance_classes.py."
        )


def _storage(name: str, instance: Instance) -> Iterator[str]:
    # RDS refuses storage autoscaling with a maximum less than 10 % above what is allocated.
    least = math.ceil(instance.allocated_storage_gib * 11 / 10)
    if instance.max_allocated_storage_gib < least:
        yield (
            f"{key(name, 'maxAllocatedStorageGib')} is {instance.max_allocated_storage_gib}; it "
            f"must be at least {least}, a tenth above allocatedStorageGib, so that the storage can "
            "grow before it is full; raise it."
        )


def _backup(name: str, instance: Instance) -> Iterator[str]:
    days = instance.backup_retention_days
    if instance.protected and days < SHORTEST_PROTECTED_BACKUP_DAYS:
        yield (
            f"{key(name, 'backupRetentionDays')} is {days}; it must be at least "
            f"{SHORTEST_PROTECTED_BACKUP_DAYS} where {key(name, 'protected')} is true; raise it."
        )


def _windows(name: str, instance: Instance) -> Iterator[str]:
    backup_start, backup_end = _minutes(instance.backup_window)
    maintenance_start, maintenance_end = _minutes(instance.maintenance_window)
    backup = (backup_end - backup_start) % _DAY
    maintenance = (maintenance_end - maintenance_start) % _WEEK
    for field, value, length in (
        ("backupWindow", instance.backup_window, backup),
        ("maintenanceWindow", instance.maintenance_window, maintenance),
    ):
        if not 30 <= length <= _DAY:
            yield (
                f"{key(name, field)} is {shown(value)}, {length} minutes; RDS allows windows from "
                "30 minutes to a day; move its end."
            )
    # Two circular intervals meet if one of them starts within the other.
    starts_within = (maintenance_start - backup_start) % _DAY < backup
    if starts_within or (backup_start - maintenance_start) % _DAY < maintenance:
        yield (
            f"{key(name, 'maintenanceWindow')} is {shown(instance.maintenance_window)}, which "
            f"overlaps {key(name, 'backupWindow')}, {shown(instance.backup_window)}; RDS does not "
            "allow that; move one of them."
        )


def _minutes(window: str) -> tuple[int, int]:
    """Start and end of `[ddd:]hh:mm-[ddd:]hh:mm`, in minutes since Monday or since midnight."""
    start, end = (_minute(each) for each in window.split("-"))
    return start, end


def _minute(moment: str) -> int:
    *day, hours, minutes = moment.split(":")
    return sum(_DAYS.index(each) for each in day) * _DAY + int(hours) * 60 + int(minutes)
