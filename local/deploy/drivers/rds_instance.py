"""RDS: database instances, which take their time to become available and to go."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from local.deploy.drivers.aws import gone_is_fine, listed, pick, tag_list
from local.deploy.drivers.base import Driver, DriverError, Made, changed
from local.deploy.drivers.rds import retag

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.deploy.target import Target
    from local.deploy.wire import Properties

# The provider's own defaults, in seconds.
CREATE_SECONDS = 40 * 60
UPDATE_SECONDS = 80 * 60
DELETE_SECONDS = 60 * 60
# A server on this machine is there within seconds, one on AWS after minutes.
FIRST_POLL_SECONDS = 0.2
LONGEST_POLL_SECONDS = 15.0
POLL_GROWTH = 1.3
HOPELESS = ("failed", "incompatible", "inaccessible", "restore-error", "storage-full")


class Instance(Driver):
    """A DB instance. Identifiers are unique: what a killed run created is found by it."""

    settable: ClassVar[Mapping[str, str]] = {
        "allocatedStorage": "AllocatedStorage",
        "autoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
        "backupRetentionPeriod": "BackupRetentionPeriod",
        "backupWindow": "PreferredBackupWindow",
        "caCertIdentifier": "CACertificateIdentifier",
        "copyTagsToSnapshot": "CopyTagsToSnapshot",
        "databaseInsightsMode": "DatabaseInsightsMode",
        "dbSubnetGroupName": "DBSubnetGroupName",
        "deletionProtection": "DeletionProtection",
        "engineVersion": "EngineVersion",
        "iamDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication",
        "instanceClass": "DBInstanceClass",
        "iops": "Iops",
        "licenseModel": "LicenseModel",
        "maintenanceWindow": "PreferredMaintenanceWindow",
        "manageMasterUserPassword": "ManageMasterUserPassword",
        "masterUserSecretKmsKeyId": "MasterUserSecretKmsKeyId",
        "maxAllocatedStorage": "MaxAllocatedStorage",
        "monitoringInterval": "MonitoringInterval",
        "monitoringRoleArn": "MonitoringRoleArn",
        "multiAz": "MultiAZ",
        "networkType": "NetworkType",
        "optionGroupName": "OptionGroupName",
        "parameterGroupName": "DBParameterGroupName",
        "performanceInsightsEnabled": "EnablePerformanceInsights",
        "performanceInsightsKmsKeyId": "PerformanceInsightsKMSKeyId",
        "performanceInsightsRetentionPeriod": "PerformanceInsightsRetentionPeriod",
        "publiclyAccessible": "PubliclyAccessible",
        "storageThroughput": "StorageThroughput",
        "storageType": "StorageType",
        "vpcSecurityGroupIds": "VpcSecurityGroupIds",
    }
    """Taken by creating and, under the same name, by modifying."""
    fixed: ClassVar[Mapping[str, str]] = {
        "availabilityZone": "AvailabilityZone",
        "characterSetName": "CharacterSetName",
        "dbName": "DBName",
        "engine": "Engine",
        "identifier": "DBInstanceIdentifier",
        "kmsKeyId": "KmsKeyId",
        "storageEncrypted": "StorageEncrypted",
        "timezone": "Timezone",
        "username": "MasterUsername",
    }
    """Taken by creating only."""
    differently: ClassVar[Mapping[str, str]] = {
        "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
        "engineLifecycleSupport": "EngineLifecycleSupport",
        "port": "Port",
    }
    """Taken by creating; modifying has another name or form, or none."""
    inputs = frozenset(
        {
            *settable,
            *fixed,
            *differently,
            "allowMajorVersionUpgrade",
            "applyImmediately",
            "deleteAutomatedBackups",
            "finalSnapshotIdentifier",
            "skipFinalSnapshot",
            "tags",
        }
    )
    replace = frozenset(fixed)
    volatile = frozenset({"engineVersionActual", "status"})

    @override
    def adopt(self, target: Target, inputs: Properties) -> Made | None:
        found = self._describe(target, inputs["identifier"])
        if found is None:
            return None
        if found["DBInstanceStatus"].startswith("failed"):
            # RDS has nothing to offer for an instance that was never there but to delete it.
            self._delete(target, inputs["identifier"], SkipFinalSnapshot=True)
            return None
        return self._available(target, inputs["identifier"], CREATE_SECONDS)

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        parameters = {**self.settable, **self.fixed, **self.differently}
        target.aws("rds").create_db_instance(**pick(inputs, parameters), Tags=tag_list(inputs))
        seconds = target.seconds("create", CREATE_SECONDS)
        return self._available(target, inputs["identifier"], seconds)

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        identifier = new["identifier"]
        different = {key for key in {*old, *new} if changed(old, new, key)}
        parameters = pick({key: new.get(key) for key in different}, self.settable)
        if "port" in different and new.get("port"):
            parameters["DBPortNumber"] = new["port"]
        if "enabledCloudwatchLogsExports" in different:
            parameters["CloudwatchLogsExportConfiguration"] = _log_exports(old, new)
        if new.get("allowMajorVersionUpgrade"):
            parameters["AllowMajorVersionUpgrade"] = True
        retag(target, made, old, new)
        if not parameters.keys() - {"AllowMajorVersionUpgrade"}:
            return made
        target.aws("rds").modify_db_instance(
            DBInstanceIdentifier=identifier,
            ApplyImmediately=new.get("applyImmediately", False),
            **parameters,
        )
        seconds = target.seconds("update", UPDATE_SECONDS)
        return self._available(target, identifier, seconds)

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        identifier = inputs["identifier"]
        snapshot = inputs.get("finalSnapshotIdentifier")
        skip = inputs.get("skipFinalSnapshot", False)
        if not skip and not snapshot:
            raise DriverError("finalSnapshotIdentifier is needed unless skipFinalSnapshot is true")
        self._delete(
            target,
            identifier,
            SkipFinalSnapshot=skip,
            DeleteAutomatedBackups=inputs.get("deleteAutomatedBackups", True),
            **({} if skip else {"FinalDBSnapshotIdentifier": snapshot}),
        )

    def _delete(self, target: Target, identifier: str, **how: object) -> None:
        with gone_is_fine():
            target.aws("rds").delete_db_instance(DBInstanceIdentifier=identifier, **how)
        self._poll(
            lambda: self._describe(target, identifier) is None,
            target.seconds("delete", DELETE_SECONDS),
            f"{identifier} is still there",
        )

    def _available(self, target: Target, identifier: str, seconds: float) -> Made:
        found: dict[str, Any] = {}

        def is_available() -> bool:
            found.update(self._describe(target, identifier) or {"DBInstanceStatus": "gone"})
            status = found["DBInstanceStatus"]
            if status == "gone" or status.startswith(HOPELESS):
                raise DriverError(f"{identifier} became {status} instead of available{_why(found)}")
            return bool(status == "available")

        self._poll(is_available, seconds, f"{identifier} is not available")
        return _made(found)

    def _describe(self, target: Target, identifier: str) -> dict[str, Any] | None:
        describe = target.aws("rds").describe_db_instances
        found: dict[str, Any] | None = listed(
            describe, "DBInstances", DBInstanceIdentifier=identifier
        )
        return found

    def _poll(self, is_done: Any, seconds: float, complaint: str) -> None:  # noqa: ANN401 - a local function
        end, pause = time.monotonic() + seconds, FIRST_POLL_SECONDS
        while not is_done():
            if time.monotonic() > end:
                raise DriverError(f"{complaint} after {seconds:.0f} seconds")
            time.sleep(pause)
            pause = min(pause * POLL_GROWTH, LONGEST_POLL_SECONDS)


def _why(instance: dict[str, Any]) -> str:
    """What RDS says of an instance's failure, if it says anything."""
    said = [one["Message"] for one in instance.get("StatusInfos") or () if one.get("Message")]
    return f": {'; '.join(said)}" if said else ""


def _log_exports(old: Properties, new: Properties) -> dict[str, list[str]]:
    before = set(old.get("enabledCloudwatchLogsExports") or ())
    after = set(new.get("enabledCloudwatchLogsExports") or ())
    return {"EnableLogTypes": sorted(after - before), "DisableLogTypes": sorted(before - after)}


def _made(instance: dict[str, Any]) -> Made:
    endpoint = instance["Endpoint"]
    secret = instance.get("MasterUserSecret")
    outputs = {
        "address": endpoint["Address"],
        "arn": instance["DBInstanceArn"],
        "endpoint": f"{endpoint['Address']}:{endpoint['Port']}",
        "engineVersionActual": instance["EngineVersion"],
        "hostedZoneId": endpoint.get("HostedZoneId"),
        "masterUserSecrets": [_secret(secret)] if secret else [],
        "port": endpoint["Port"],
        "resourceId": instance["DbiResourceId"],
        "status": instance["DBInstanceStatus"],
    }
    return Made(id=instance["DbiResourceId"], outputs=outputs)


def _secret(secret: dict[str, Any]) -> dict[str, Any]:
    return {
        "kmsKeyId": secret.get("KmsKeyId"),
        "secretArn": secret["SecretArn"],
        "secretStatus": secret["SecretStatus"],
    }
