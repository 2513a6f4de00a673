"""Cases of the rules in `policies/rules/databases_upkeep.py`."""

from __future__ import annotations

from policies.rules.databases import INSTANCE
from tests.policies.cases import HOLDS, Case, drop, put, unprotected

APPLICATION = (INSTANCE, "application")
CASES = (
    Case(
        rule="rds-multi-az",
        at=APPLICATION,
        path="multiAz",
        breaks=(put("multiAz", to=False), put("multiAz", to="true")),
        zero=False,
    ),
    Case(
        rule="rds-backup",
        at=APPLICATION,
        path="backupRetentionPeriod",
        breaks=(
            put("backupRetentionPeriod", to=34),
            put("backupRetentionPeriod", to="35"),
            put("backupRetentionPeriod", to=True),
        ),
        zero=0,
    ),
    # In dev, seven days are enough and six are not.
    Case(
        rule="rds-backup",
        at=APPLICATION,
        breaks=(put("backupRetentionPeriod", to=6),),
        stack="dev",
    ),
    Case(
        rule="rds-keep-backups",
        at=APPLICATION,
        path="deleteAutomatedBackups",
        breaks=(put("deleteAutomatedBackups", to=True), put("deleteAutomatedBackups", to="false")),
        zero=False,
        at_zero=HOLDS,
    ),
    Case(
        rule="rds-copy-tags",
        at=APPLICATION,
        path="copyTagsToSnapshot",
        breaks=(put("copyTagsToSnapshot", to=False),),
        zero=False,
    ),
    Case(
        rule="rds-deletion-protection",
        at=APPLICATION,
        path="deletionProtection",
        breaks=(put("deletionProtection", to=False), put("deletionProtection", to="true")),
        zero=False,
    ),
    Case(
        rule="rds-final-snapshot",
        at=APPLICATION,
        path="finalSnapshotIdentifier",
        breaks=(
            put("skipFinalSnapshot", to=True),
            put("skipFinalSnapshot", to="false"),
            drop("finalSnapshotIdentifier"),
        ),
        zero="",
        # It has a name then.
        unknown=HOLDS,
    ),
    Case(rule="rds-protect-option", at=APPLICATION, breaks=(unprotected,)),
    Case(
        rule="rds-engine-min",
        at=APPLICATION,
        path="engineVersion",
        breaks=(
            put("engineVersion", to="15.14"),
            put("engineVersion", to="sixteen"),
            put("engine", to="mysql"),
            drop("engine"),
        ),
        zero="",
    ),
    Case(
        rule="rds-minor-upgrade",
        at=APPLICATION,
        path="autoMinorVersionUpgrade",
        breaks=(put("autoMinorVersionUpgrade", to=False), put("autoMinorVersionUpgrade", to="no")),
        zero=False,
        absent=HOLDS,
        null=HOLDS,
    ),
    Case(
        rule="rds-no-major-upgrade",
        at=APPLICATION,
        path="allowMajorVersionUpgrade",
        breaks=(put("allowMajorVersionUpgrade", to=True),),
        zero=False,
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
    ),
    Case(
        rule="rds-changes-in-window",
        at=APPLICATION,
        path="applyImmediately",
        breaks=(put("applyImmediately", to=True), drop("maintenanceWindow")),
        zero=False,
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
    ),
    Case(
        rule="rds-instance-class-current",
        at=APPLICATION,
        path="instanceClass",
        breaks=(
            put("instanceClass", to="db.t2.medium"),
            put("instanceClass", to="db.m4.large"),
            put("instanceClass", to="m7g.large"),
        ),
        zero="",
    ),
    Case(
        rule="rds-storage-grows",
        at=APPLICATION,
        path="maxAllocatedStorage",
        breaks=(put("maxAllocatedStorage", to=439), drop("allocatedStorage")),
        zero=0,
    ),
)
