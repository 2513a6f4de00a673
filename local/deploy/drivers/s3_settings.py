"""S3: what is set on a bucket, each setting a resource of its own as the provider has them."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from local.deploy.drivers.aws import gone_is_fine
from local.deploy.drivers.base import Driver, Made

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.deploy.target import Target
    from local.deploy.wire import Json, Properties

# Where a name in the API is not the program's with a capital.
_NAMES = {
    "id": "ID",
    "kmsMasterKeyId": "KMSMasterKeyID",
    "mfaDelete": "MFADelete",
    "sseAlgorithm": "SSEAlgorithm",
}


class _Setting(Driver, abc.ABC):
    """One setting of one bucket; putting it again replaces it as a whole."""

    replace = frozenset({"bucket"})
    repeatable = True

    @abc.abstractmethod
    def put(self, client: Any, inputs: Properties) -> None:  # noqa: ANN401 - boto3 has no types
        """Set it."""

    @abc.abstractmethod
    def remove(self, client: Any, bucket: str) -> None:  # noqa: ANN401 - boto3 has no types
        """Bring the bucket back to how it was made."""

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        self.put(target.aws("s3"), inputs)
        return Made(id=inputs["bucket"])

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        return self.create(target, new)

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        with gone_is_fine():
            self.remove(target.aws("s3"), inputs["bucket"])


class BucketPolicy(_Setting):
    """Who may use a bucket."""

    inputs = frozenset({"bucket", "policy"})

    @override
    def put(self, client: Any, inputs: Properties) -> None:
        client.put_bucket_policy(Bucket=inputs["bucket"], Policy=inputs["policy"])

    @override
    def remove(self, client: Any, bucket: str) -> None:
        client.delete_bucket_policy(Bucket=bucket)


class Encryption(_Setting):
    """How objects are encrypted when who writes them does not say."""

    inputs = frozenset({"bucket", "rules"})

    @override
    def put(self, client: Any, inputs: Properties) -> None:
        client.put_bucket_encryption(
            Bucket=inputs["bucket"],
            ServerSideEncryptionConfiguration={"Rules": _in_api_names(inputs["rules"])},
        )

    @override
    def remove(self, client: Any, bucket: str) -> None:
        client.delete_bucket_encryption(Bucket=bucket)


class Lifecycle(_Setting):
    """When objects end."""

    inputs = frozenset({"bucket", "rules", "transitionDefaultMinimumObjectSize"})

    @override
    def put(self, client: Any, inputs: Properties) -> None:
        size = inputs.get("transitionDefaultMinimumObjectSize")
        client.put_bucket_lifecycle_configuration(
            Bucket=inputs["bucket"],
            LifecycleConfiguration={"Rules": [_lifecycle_rule(one) for one in inputs["rules"]]},
            **({"TransitionDefaultMinimumObjectSize": size} if size else {}),
        )

    @override
    def remove(self, client: Any, bucket: str) -> None:
        client.delete_bucket_lifecycle(Bucket=bucket)


class OwnershipControls(_Setting):
    """Whose the objects are."""

    inputs = frozenset({"bucket", "rule"})

    @override
    def put(self, client: Any, inputs: Properties) -> None:
        client.put_bucket_ownership_controls(
            Bucket=inputs["bucket"],
            OwnershipControls={"Rules": [_in_api_names(inputs["rule"])]},
        )

    @override
    def remove(self, client: Any, bucket: str) -> None:
        client.delete_bucket_ownership_controls(Bucket=bucket)


class PublicAccessBlock(_Setting):
    """What public access is refused whatever a policy or an ACL says."""

    settings = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    inputs = frozenset({"bucket", *settings})
    ignored: ClassVar[Mapping[str, str]] = {"skipDestroy": "what is removed here is removed"}

    @override
    def put(self, client: Any, inputs: Properties) -> None:
        block = {name: bool(inputs.get(name)) for name in self.settings}
        client.put_public_access_block(
            Bucket=inputs["bucket"], PublicAccessBlockConfiguration=_in_api_names(block)
        )

    @override
    def remove(self, client: Any, bucket: str) -> None:
        client.delete_public_access_block(Bucket=bucket)


class Versioning(_Setting):
    """Whether what is overwritten or deleted is kept."""

    inputs = frozenset({"bucket", "versioningConfiguration"})

    @override
    def put(self, client: Any, inputs: Properties) -> None:
        client.put_bucket_versioning(
            Bucket=inputs["bucket"],
            VersioningConfiguration=_in_api_names(inputs["versioningConfiguration"]),
        )

    @override
    def remove(self, client: Any, bucket: str) -> None:
        """Suspend it: a bucket that had versions cannot be one that never had."""
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})


def _lifecycle_rule(rule: Properties) -> Properties:
    """Return a rule; without a filter it is meant for all objects, which the API wants said."""
    scope: Properties = {} if "filter" in rule or "prefix" in rule else {"filter": {}}
    named: Properties = _in_api_names({**rule, **scope})
    return named


def _in_api_names(value: Json) -> Json:
    if isinstance(value, dict):
        return {
            _NAMES.get(key, key[:1].upper() + key[1:]): _in_api_names(item)
            for key, item in value.items()
        }
    return [_in_api_names(item) for item in value] if isinstance(value, list) else value
