"""KMS: keys and their aliases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from botocore.exceptions import ClientError
from typing_extensions import override

from local.deploy.drivers.aws import gone_is_fine, pick, removed_tags, tags
from local.deploy.drivers.base import Driver, Made, changed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.deploy.target import Target
    from local.deploy.wire import Properties

# The longest waiting period, which AWS takes when none is given.
DEFAULT_WINDOW_DAYS = 30


class Key(Driver):
    """A KMS key.

    Keys have no names: what a killed run created is an enabled key with the same description and
    tags that no other resource of the state is.
    """

    parameters: ClassVar[Mapping[str, str]] = {
        "description": "Description",
        "policy": "Policy",
        "keyUsage": "KeyUsage",
        "customerMasterKeySpec": "KeySpec",
        "multiRegion": "MultiRegion",
        "bypassPolicyLockoutSafetyCheck": "BypassPolicyLockoutSafetyCheck",
    }
    inputs = frozenset(
        {*parameters, "deletionWindowInDays", "enableKeyRotation", "rotationPeriodInDays", "tags"}
    )
    replace = frozenset({"keyUsage", "customerMasterKeySpec", "multiRegion"})

    @override
    def adopt(self, target: Target, inputs: Properties) -> Made | None:
        kms = target.aws("kms")
        for page in kms.get_paginator("list_keys").paginate():
            for listed in page["Keys"]:
                key = kms.describe_key(KeyId=listed["KeyId"])["KeyMetadata"]
                same = key["Enabled"] and key["Description"] == inputs.get("description", "")
                if (
                    same
                    and key["KeyId"] not in target.taken
                    and self._tags(kms, key) == tags(inputs)
                ):
                    return self._made(key)
        return None

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        kms = target.aws("kms")
        key = kms.create_key(**pick(inputs, self.parameters), Tags=_tag_list(inputs))["KeyMetadata"]
        made = self._made(key)
        if inputs.get("enableKeyRotation"):
            self._rotate(kms, made.id, inputs)
        return made

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        kms = target.aws("kms")
        if changed(old, new, "description"):
            kms.update_key_description(KeyId=made.id, Description=new.get("description", ""))
        if changed(old, new, "policy") and new.get("policy"):
            kms.put_key_policy(KeyId=made.id, PolicyName="default", Policy=new["policy"])
        if changed(old, new, "enableKeyRotation", "rotationPeriodInDays"):
            if new.get("enableKeyRotation"):
                self._rotate(kms, made.id, new)
            else:
                kms.disable_key_rotation(KeyId=made.id)
        if changed(old, new, "tagsAll"):
            if gone := removed_tags(old, new):
                kms.untag_resource(KeyId=made.id, TagKeys=gone)
            kms.tag_resource(KeyId=made.id, Tags=_tag_list(new))
        return made

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        days = inputs.get("deletionWindowInDays", DEFAULT_WINDOW_DAYS)
        try:
            with gone_is_fine():
                target.aws("kms").schedule_key_deletion(KeyId=made.id, PendingWindowInDays=days)
        except ClientError as error:
            # It waits for its deletion already: a run was killed right after asking.
            if error.response["Error"]["Code"] != "KMSInvalidStateException":
                raise

    def _made(self, key: dict[str, Any]) -> Made:
        return Made(id=key["KeyId"], outputs={"arn": key["Arn"], "keyId": key["KeyId"]})

    def _rotate(self, kms: Any, key: str, inputs: Properties) -> None:  # noqa: ANN401 - boto3 has no types
        period = pick(inputs, {"rotationPeriodInDays": "RotationPeriodInDays"})
        kms.enable_key_rotation(KeyId=key, **period)

    def _tags(self, kms: Any, key: dict[str, Any]) -> dict[str, str]:  # noqa: ANN401 - boto3 has no types
        found = kms.list_resource_tags(KeyId=key["KeyId"]).get("Tags", [])
        return {tag["TagKey"]: tag["TagValue"] for tag in found}


class Alias(Driver):
    """A name for a key. Unique in an account and region: found by it after a killed run."""

    inputs = frozenset({"name", "targetKeyId"})
    replace = frozenset({"name"})

    @override
    def adopt(self, target: Target, inputs: Properties) -> Made | None:
        for page in target.aws("kms").get_paginator("list_aliases").paginate():
            for alias in page["Aliases"]:
                if alias["AliasName"] == inputs["name"]:
                    return self._made(target, inputs)
        return None

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        target.aws("kms").create_alias(AliasName=inputs["name"], TargetKeyId=inputs["targetKeyId"])
        return self._made(target, inputs)

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        del old
        target.aws("kms").update_alias(AliasName=made.id, TargetKeyId=new["targetKeyId"])
        return self._made(target, new)

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        del inputs
        with gone_is_fine():
            target.aws("kms").delete_alias(AliasName=made.id)

    def _made(self, target: Target, inputs: Properties) -> Made:
        key = target.aws("kms").describe_key(KeyId=inputs["targetKeyId"])["KeyMetadata"]
        prefix = key["Arn"].rsplit(":", 1)[0]
        outputs = {"arn": f"{prefix}:{inputs['name']}", "targetKeyArn": key["Arn"]}
        return Made(id=inputs["name"], outputs=outputs)


def _tag_list(inputs: Properties) -> list[dict[str, str]]:
    return [{"TagKey": key, "TagValue": value} for key, value in sorted(tags(inputs).items())]
