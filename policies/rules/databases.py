"""Rules for the instances themselves: encryption, reachability, backups, maintenance, logs."""

from __future__ import annotations

from collections.abc import Iterator

from policies.resources import Resource
from policies.rule import Config, Severity, rule

INSTANCE = "aws:rds/instance:Instance"


@rule(
    "rds-encrypted",
    of=(INSTANCE,),
    severity=Severity.CRITICAL,
    says="The storage of an instance is encrypted.",
    mend="Set storageEncrypted to true; an instance that exists is restored from a snapshot.",
    controls=("FSBP RDS.3", "CIS AWS 3.2.1", "CKV_AWS_16"),
)
def rds_encrypted(instance: Resource, _config: Config) -> Iterator[str]:
    """Absent is false: RDS encrypts nothing unless it is told to."""
    if instance.value("storageEncrypted") is not True:
        yield "storageEncrypted is not true: disk and snapshots can be read by whoever gets them"
