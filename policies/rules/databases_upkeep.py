"""Rules for keeping instances and changing them: backups, deletion, versions, capacity.

Where RDS's or the provider's default for an absent property is what a rule wants, absent is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies.resources import Resource
from policies.rule import Config, Severity, rule
from policies.rules.databases import INSTANCE

# Family, generation, and what follows, such as m, 7 and g of db.m7g.large.
_CLASS = re.compile(r"db\.([a-z]+)(\d+)([a-z]*)\.(micro|small|medium|large|\d*xlarge)")
# The first generation of a family that runs PostgreSQL 16; others are not known here.
_CURRENT = {"t": 3, "m": 5, "r": 5, "x": 2}


@rule(
    "rds-multi-az",
    of=(INSTANCE,),
    severity=Severity.HIGH,
    says="An instance has a standby in another zone.",
    mend="Set multiAz to true, or disable the rule for an environment that may be down for hours.",
    controls=("FSBP RDS.5", "CIS AWS 3.2.4", "CKV_AWS_157"),
)
def rds_multi_az(instance: Resource, _config: Config) -> Iterator[str]:
    """Absent is false: RDS's default."""
    if instance.value("multiAz") is not True:
        yield "multiAz is not true: when its zone is down, so is the database"


@rule(
    "rds-backup",
    of=(INSTANCE,),
    severity=Severity.HIGH,
    says="Backups reach back far enough.",
    mend="Raise backupRetentionPeriod, or lower the rule's days for this environment.",
    controls=("FSBP RDS.11", "CKV_AWS_133"),
    parameters={"days": {"type": "integer", "minimum": 1, "maximum": 35, "default": 35}},
)
def rds_backup(instance: Resource, config: Config) -> Iterator[str]:
    """Absent is one day, zero is none; 35 days is the most that RDS keeps."""
    days = instance.number("backupRetentionPeriod") or 0
    if days < config["days"]:
        yield f"backupRetentionPeriod is {days}, but {config['days']} days are wanted here"


@rule(
    "rds-keep-backups",
    of=(INSTANCE,),
    severity=Severity.HIGH,
    says="Backups outlive their instance.",
    mend="Set deleteAutomatedBackups to false.",
)
def rds_keep_backups(instance: Resource, _config: Config) -> Iterator[str]:
    """Absent is true: the provider's default."""
    if instance.value("deleteAutomatedBackups") is not False:
        yield "deleteAutomatedBackups is not false: whoever deletes the instance deletes them too"


@rule(
    "rds-copy-tags",
    of=(INSTANCE,),
    severity=Severity.MEDIUM,
    says="Snapshots carry the tags of their instance.",
    mend="Set copyTagsToSnapshot to true.",
    controls=("FSBP RDS.17", "CKV2_AWS_60"),
)
def rds_copy_tags(instance: Resource, _config: Config) -> Iterator[str]:
    """Absent is false: the provider's default."""
    if instance.value("copyTagsToSnapshot") is not True:
        yield "copyTagsToSnapshot is not true: permissions and bills by tag miss the snapshots"


@rule(
    "rds-deletion-protection",
    of=(INSTANCE,),
    severity=Severity.HIGH,
    says="RDS refuses to delete an instance.",
    mend="Set deletionProtection to true.",
    controls=("FSBP RDS.8", "CKV_AWS_293"),
)
def rds_deletion_protection(instance: Resource, _config: Config) -> Iterator[str]:
    """Absent is false: RDS's default."""
    if instance.value("deletionProtection") is not True:
        yield "deletionProtection is not true: a single call deletes the database"


@rule(
    "rds-final-snapshot",
    of=(INSTANCE,),
    severity=Severity.HIGH,
    says="A snapshot is left of an instance that is deleted.",
    mend="Set skipFinalSnapshot to false and finalSnapshotIdentifier to a name.",
)
def rds_final_snapshot(instance: Resource, _config: Config) -> Iterator[str]:
    """Absent, skipFinalSnapshot is false, the provider's default; the snapshot's name has none."""
    if instance.value("skipFinalSnapshot") not in (None, False):
        yield "skipFinalSnapshot is not false: nothing is left of a database that is deleted"
    if not instance.is_set("finalSnapshotIdentifier"):
        yield "finalSnapshotIdentifier is not set: RDS takes no snapshot without a name"


@rule(
    "rds-protect-option",
    of=(INSTANCE,),
    severity=Severity.HIGH,
    says="The engine refuses to delete or replace an instance.",
    mend="Declare it with the option protect.",
)
def rds_protect_option(instance: Resource, _config: Config) -> Iterator[str]:
    """Without it, a changed name replaces a database, as far as RDS lets it."""
    if not instance.protect:
        yield "it has no option protect: a change that replaces it would be carried out"


@rule(
    "rds-engine-min",
    of=(INSTANCE,),
    severity=Severity.HIGH,
    says="An instance runs a version where creating roles gives no power over all of them.",
    mend="Set engine to postgres and engineVersion to the major that is wanted, or a later one.",
    parameters={"major": {"type": "integer", "minimum": 16, "default": 16}},
)
def rds_engine_min(instance: Resource, config: Config) -> Iterator[str]:
    """Absent, RDS chooses; in 15 whoever may create roles can reset any password."""
    engine, version = instance.value("engine"), str(instance.value("engineVersion"))
    major = version.partition(".")[0]
    if engine != "postgres":
        yield f"engine is {engine!r}, not 'postgres'"
    if not major.isdecimal() or int(major) < config["major"]:
        yield f"engineVersion is {version}, not {config['major']} or later"


@rule(
    "rds-minor-upgrade",
    of=(INSTANCE,),
    severity=Severity.HIGH,
    says="Minor versions, which mend security holes, come by themselves.",
    mend="Set autoMinorVersionUpgrade to true.",
    controls=("FSBP RDS.13", "CIS AWS 3.2.2", "CKV_AWS_226"),
)
def rds_minor_upgrade(instance: Resource, _config: Config) -> Iterator[str]:
    """Absent is true: the provider's default."""
    if instance.value("autoMinorVersionUpgrade") not in (None, True):
        yield "autoMinorVersionUpgrade is not true: holes stay open until somebody thinks of it"


@rule(
    "rds-no-major-upgrade",
    of=(INSTANCE,),
    severity=Severity.HIGH,
    says="A major upgrade is decided for one deployment, never left open.",
    mend="Set allowMajorVersionUpgrade to false; waive this for the deployment that upgrades.",
)
def rds_no_major_upgrade(instance: Resource, _config: Config) -> Iterator[str]:
    """Absent is false: RDS's default."""
    if instance.value("allowMajorVersionUpgrade") not in (None, False):
        yield "allowMajorVersionUpgrade is not false: from a major version there is no way back"


@rule(
    "rds-changes-in-window",
    of=(INSTANCE,),
    severity=Severity.MEDIUM,
    says="What restarts an instance happens in its maintenance window.",
    mend="Set applyImmediately to false, and a maintenanceWindow.",
)
def rds_changes_in_window(instance: Resource, _config: Config) -> Iterator[str]:
    """Absent, applyImmediately is false; a window that is absent is RDS's choice."""
    if instance.value("applyImmediately") not in (None, False):
        yield "applyImmediately is not false: a deployment in the day restarts the database"
    if not instance.value("maintenanceWindow"):
        yield "maintenanceWindow is not set: RDS chooses when the database is down"


@rule(
    "rds-instance-class-current",
    of=(INSTANCE,),
    severity=Severity.MEDIUM,
    says="The class of an instance is of a generation that runs PostgreSQL 16.",
    mend="Set instanceClass to a class of a current generation, such as db.m7g.large.",
)
def rds_instance_class_current(instance: Resource, _config: Config) -> Iterator[str]:
    """Absent is refused, as RDS does."""
    given = instance.value("instanceClass")
    found = _CLASS.fullmatch(str(given))
    if not found:
        yield f"instanceClass is {given!r}, which is no class such as db.m7g.large"
    elif int(found[2]) < _CURRENT.get(found[1], 0):
        yield f"instanceClass is {given!r}: that generation does not run PostgreSQL 16"


@rule(
    "rds-storage-grows",
    of=(INSTANCE,),
    severity=Severity.MEDIUM,
    says="Storage grows before it is full.",
    mend="Set maxAllocatedStorage to at least a tenth more than allocatedStorage.",
)
def rds_storage_grows(instance: Resource, _config: Config) -> Iterator[str]:
    """Absent and zero turn it off; a tenth is what RDS wants at least."""
    first, limit = instance.number("allocatedStorage"), instance.number("maxAllocatedStorage")
    if not first or not limit or limit * 10 < first * 11:
        yield f"maxAllocatedStorage is {limit} GiB of {first}: a full disk stops the database"
