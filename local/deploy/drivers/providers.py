"""Explicit providers: nothing is created for them, but what they say must be understood."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from local.deploy.drivers.base import Driver, DriverError, Made
from local.deploy.drivers.kubernetes import FOLDER_INPUT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.deploy.target import Target
    from local.deploy.wire import Properties


HOMES = frozenset({"aws:rds/instance:Instance", "postgresql:index/database:Database"})
"""What a provider and its resources cannot outlive, if the provider depends on it."""


class _Provider(Driver):
    repeatable = True

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        return Made(id=str(uuid.uuid4()))

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        return made

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        """There is nothing to delete."""


class AwsProvider(_Provider):
    """The AWS API: region, accounts that it may touch, tags for everything.

    Credentials are the environment's; a program that names its own is refused.
    """

    inputs = frozenset({"allowedAccountIds", "defaultTags", "region"})
    ignored: ClassVar[Mapping[str, str]] = {
        "skipCredentialsValidation": "the first call shows whether the credentials hold",
        "skipMetadataApiCheck": "credentials come from where the SDK finds them",
        "skipRegionValidation": "the first call shows whether the region exists",
        "skipRequestingAccountId": "the account is asked for when accounts are restricted",
    }


class KubernetesProvider(_Provider):
    """One folder of manifests. Nothing here is applied to a cluster.

    When the folder changes, the manifests move with it.
    """

    inputs = frozenset({"enableConfigMapMutable", FOLDER_INPUT})
    ignored: ClassVar[Mapping[str, str]] = {
        "enableServerSideApply": "manifests are written, not applied",
        "kubeconfig": "no cluster is connected to",
    }

    @override
    def refusal(self, inputs: Properties, provider: Properties) -> str:
        if not provider.get(FOLDER_INPUT):
            return (
                "this engine renders Kubernetes objects and does not apply them to a cluster: "
                f"set {FOLDER_INPUT}, or use ENGINE=pulumi"
            )
        if provider.get("enableConfigMapMutable") is not True:
            return "set enableConfigMapMutable: this engine changes ConfigMaps in place only"
        return ""

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        before, after = (target.root / inputs[FOLDER_INPUT] for inputs in (old, new))
        if before != after and before.exists():
            if after.exists():
                raise DriverError(f"{new[FOLDER_INPUT]} exists already: remove it first")
            after.parent.mkdir(parents=True, exist_ok=True)
            before.rename(after)
        return made


class PostgresqlProvider(_Provider):
    """One PostgreSQL server, logged in to with IAM tokens."""

    inputs = frozenset(
        {
            "awsRdsIamAuth",
            "awsRdsIamProviderRoleArn",
            "awsRdsIamRegion",
            "connectTimeout",
            "database",
            "host",
            "port",
            "sslmode",
            "sslrootcert",
            "username",
        }
    )
    ignored: ClassVar[Mapping[str, str]] = {
        "expectedVersion": "nothing here differs from 16 on",
        "maxConnections": "one connection per database is used",
        "superuser": "passwords of roles are never read back",
    }
