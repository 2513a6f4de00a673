"""KMS keys: rotated yearly, found by an alias, deleted after a wait. No grants are made here."""

from __future__ import annotations

import json

import pulumi_aws as aws
from pulumi import ResourceOptions

from components import iam_documents, naming

DELETION_DAYS_PROTECTED = 30
"""The longest wait that KMS offers."""
DELETION_DAYS = 7
"""The shortest wait that KMS offers."""


def encryption_key(
    name: str,
    *,
    prefix: str,
    key_policy: iam_documents.Document,
    protected: bool,
    opts: ResourceOptions,
) -> aws.kms.Key:
    """Declare the key `<name>-key` with the alias `alias/<prefix>-<name>`; `opts` go to both."""
    key = aws.kms.Key(
        f"{name}-key",
        description=f"Data of {prefix}-{name}",
        enable_key_rotation=True,
        deletion_window_in_days=DELETION_DAYS_PROTECTED if protected else DELETION_DAYS,
        policy=json.dumps(key_policy),
        opts=ResourceOptions.merge(opts, ResourceOptions(protect=protected)),
    )
    aws.kms.Alias(
        f"{name}-key", name=naming.kms_alias(prefix, name), target_key_id=key.key_id, opts=opts
    )
    return key
