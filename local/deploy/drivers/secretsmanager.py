"""Secrets Manager: secrets, the values that the program itself gives them, and their rotation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from local.deploy.drivers.aws import existing, gone_is_fine, pick, removed_tags, tag_list
from local.deploy.drivers.base import Driver, Made, changed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.deploy.target import Target
    from local.deploy.wire import Properties

# What AWS does when nothing is said.
DEFAULT_RECOVERY_DAYS = 30


class Secret(Driver):
    """A secret. Names are unique: what a killed run created is found by it."""

    parameters: ClassVar[Mapping[str, str]] = {
        "description": "Description",
        "kmsKeyId": "KmsKeyId",
        "name": "Name",
    }
    inputs = frozenset({*parameters, "policy", "recoveryWindowInDays", "tags"})
    ignored: ClassVar[Mapping[str, str]] = {
        "forceOverwriteReplicaSecret": "there are no replicas in one region"
    }
    replace = frozenset({"name"})

    @override
    def adopt(self, target: Target, inputs: Properties) -> Made | None:
        found = existing(target.aws("secretsmanager").describe_secret, SecretId=inputs["name"])
        # One that waits for its deletion is not what the killed run created.
        return self._made(found) if found and "DeletedDate" not in found else None

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        client = target.aws("secretsmanager")
        made = self._made(
            client.create_secret(**pick(inputs, self.parameters), Tags=tag_list(inputs))
        )
        if inputs.get("policy"):
            client.put_resource_policy(SecretId=made.id, ResourcePolicy=inputs["policy"])
        return made

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        client = target.aws("secretsmanager")
        if changed(old, new, "description", "kmsKeyId"):
            names = {"description": "Description", "kmsKeyId": "KmsKeyId"}
            client.update_secret(SecretId=made.id, **pick(new, names))
        if changed(old, new, "policy"):
            if new.get("policy"):
                client.put_resource_policy(SecretId=made.id, ResourcePolicy=new["policy"])
            elif old:
                client.delete_resource_policy(SecretId=made.id)
        if changed(old, new, "tagsAll"):
            if gone := removed_tags(old, new):
                client.untag_resource(SecretId=made.id, TagKeys=gone)
            client.tag_resource(SecretId=made.id, Tags=tag_list(new))
        return made

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        days = inputs.get("recoveryWindowInDays", DEFAULT_RECOVERY_DAYS)
        how = {"RecoveryWindowInDays": days} if days else {"ForceDeleteWithoutRecovery": True}
        with gone_is_fine():
            target.aws("secretsmanager").delete_secret(SecretId=made.id, **how)

    def _made(self, secret: dict[str, Any]) -> Made:
        return Made(id=secret["ARN"], outputs={"arn": secret["ARN"]})


class SecretVersion(Driver):
    """A value of a secret. After a killed run there may be one version more, the previous one."""

    parameters: ClassVar[Mapping[str, str]] = {
        "secretBinary": "SecretBinary",
        "secretId": "SecretId",
        "secretString": "SecretString",
        "versionStages": "VersionStages",
    }
    inputs = frozenset(parameters)
    replace = frozenset(parameters)
    repeatable = True

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        version = target.aws("secretsmanager").put_secret_value(**pick(inputs, self.parameters))
        outputs = {"arn": version["ARN"], "versionId": version["VersionId"]}
        return Made(id=f"{version['ARN']}|{version['VersionId']}", outputs=outputs)

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        return made

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        """A version goes with its secret; the current one cannot go before it."""


class SecretRotation(Driver):
    """When a secret is rotated, and by what. Saying it again is the same as saying it once."""

    rules: ClassVar[Mapping[str, str]] = {
        "automaticallyAfterDays": "AutomaticallyAfterDays",
        "duration": "Duration",
        "scheduleExpression": "ScheduleExpression",
    }
    inputs = frozenset({"rotateImmediately", "rotationLambdaArn", "rotationRules", "secretId"})
    replace = frozenset({"secretId"})
    repeatable = True

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        target.aws("secretsmanager").rotate_secret(
            SecretId=inputs["secretId"],
            RotationLambdaARN=inputs["rotationLambdaArn"],
            RotationRules=pick(inputs["rotationRules"], self.rules),
            RotateImmediately=inputs.get("rotateImmediately", True),
        )
        return Made(id=inputs["secretId"], outputs={"rotationEnabled": True})

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        return self.create(target, new)

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        with gone_is_fine():
            target.aws("secretsmanager").cancel_rotate_secret(SecretId=made.id)
