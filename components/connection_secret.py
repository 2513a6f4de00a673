"""A secret of Secrets Manager that holds a connection; who gives it its value is not said here."""

from __future__ import annotations

import pulumi_aws as aws
from pulumi import Input, ResourceOptions

RECOVERY_DAYS_PROTECTED = 30
"""The longest that Secrets Manager keeps what is deleted; until then its name is taken."""


def connection_secret(
    name: str,
    *,
    physical_name: str,
    description: str,
    key_arn: Input[str],
    protected: bool,
    opts: ResourceOptions,
) -> aws.secretsmanager.Secret:
    """Declare the secret `<name>-connection`; `protected` keeps a deleted one for a while."""
    return aws.secretsmanager.Secret(
        f"{name}-connection",
        name=physical_name,
        description=description,
        kms_key_id=key_arn,
        # Zero frees the name at once, for a workflow that comes back.
        recovery_window_in_days=RECOVERY_DAYS_PROTECTED if protected else 0,
        opts=opts,
    )
