"""Explicit providers: nothing is created for them, but what they say must be understood."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from local.deploy.drivers.base import Driver, Made

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
