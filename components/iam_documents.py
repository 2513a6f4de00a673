"""IAM policy, trust and key policy documents as dicts.

Pure: what is not known yet (an ARN, a resource id) is filled in by `components.rendering`. No
document here names a person, a workflow or an environment; callers pass who and what.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeAlias

Document: TypeAlias = dict[str, Any]
Statement: TypeAlias = dict[str, Any]

INLINE_POLICY_CHARACTERS = 10_240
"""IAM's quota for all inline policies of one role, white space not counted."""
DB_RESOURCE_ID_CHARACTERS = 29
"""`db-` and 26 characters: `DbiResourceId` of RDS."""


def irsa_trust(*, provider_arn: str, issuer: str, namespace: str, service_account: str) -> Document:
    """Trust for the pods of one Kubernetes service account, by the cluster's OIDC issuer.

    Args:
        provider_arn: ARN of the IAM OIDC provider.
        issuer: The issuer's URL, with or without its `https://`.
        namespace: Namespace of the service account.
        service_account: Its name. Both are compared whole: no wildcard, so no neighbour.
    """
    issuer = issuer.removeprefix("https://")
    return document(
        {
            "Sid": "OneServiceAccount",
            "Effect": "Allow",
            "Principal": {"Federated": provider_arn},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {
                    f"{issuer}:sub": f"system:serviceaccount:{namespace}:{service_account}",
                    f"{issuer}:aud": "sts.amazonaws.com",
                }
            },
        }
    )


def principal_trust(*, principals: Iterable[str], ends_at: datetime | None = None) -> Document:
    """Trust for named IAM users and roles, until `ends_at` (UTC) where there is an end."""
    return document(
        {
            "Sid": "NamedPrincipals",
            "Effect": "Allow",
            "Principal": {"AWS": sorted(principals)},
            "Action": "sts:AssumeRole",
            **_until(ends_at),
        }
    )


def service_trust(*, service: str) -> Document:
    """Trust for an AWS service, such as `lambda.amazonaws.com`."""
    return document(
        {
            "Sid": "Service",
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sts:AssumeRole",
        }
    )


def monitoring_trust(*, region: str, account: str, identifier: str) -> Document:
    """Trust for enhanced monitoring of one DB instance; another account's RDS is not believed."""
    return document(
        {
            "Sid": "EnhancedMonitoring",
            "Effect": "Allow",
            "Principal": {"Service": "monitoring.rds.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {
                    "aws:SourceAccount": account,
                    "aws:SourceArn": f"arn:aws:rds:{region}:{account}:db:{identifier}",
                }
            },
        }
    )


def db_user_arn(*, region: str, account: str, resource_id: str, db_user: str) -> str:
    """The ARN of one login of one server; it holds the resource id, not the instance's name."""
    return f"arn:aws:rds-db:{region}:{account}:dbuser:{resource_id}/{db_user}"


def connect(
    *,
    region: str,
    account: str,
    resource_id: str,
    db_users: Sequence[str],
    ends_at: datetime | None = None,
) -> Document:
    """Logging in as exactly these database users of one server.

    Args:
        region: Region of the server.
        account: Account of the server.
        resource_id: `DbiResourceId` of an instance (db-...) or of a proxy (prx-...).
        db_users: Names of logins in PostgreSQL.
        ends_at: The first moment (UTC) without access; none when absent.
    """
    users = [
        db_user_arn(region=region, account=account, resource_id=resource_id, db_user=db_user)
        for db_user in db_users
    ]
    return document(
        {
            "Sid": "LogIn",
            "Effect": "Allow",
            "Action": "rds-db:connect",
            "Resource": users,
            **_until(ends_at),
        }
    )


def read_secret(
    *, region: str, secret_arn: str, key_arn: str, ends_at: datetime | None = None
) -> Document:
    """Reading one secret, until `ends_at` (UTC) if given, and decrypting that one with its key."""
    return document(
        {
            "Sid": "ReadSecret",
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": secret_arn,
            **_until(ends_at),
        },
        {
            "Sid": "DecryptSecret",
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": key_arn,
            "Condition": {
                "StringEquals": {
                    "kms:ViaService": f"secretsmanager.{region}.amazonaws.com",
                    "kms:EncryptionContext:SecretARN": secret_arn,
                }
            },
        },
    )


def put_secrets(*, region: str, secret_arns: Sequence[str], key_arn: str) -> Document:
    """Giving secrets a value, and seeing whether they have one; reading none of them."""
    return document(
        {
            "Sid": "PutSecrets",
            "Effect": "Allow",
            "Action": ["secretsmanager:DescribeSecret", "secretsmanager:PutSecretValue"],
            "Resource": list(secret_arns),
        },
        {
            # Secrets Manager asks for both with each value that is put.
            "Sid": "EncryptSecrets",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": key_arn,
            "Condition": {
                "StringEquals": {
                    "kms:ViaService": f"secretsmanager.{region}.amazonaws.com",
                    "kms:EncryptionContext:SecretARN": list(secret_arns),
                }
            },
        },
    )


def write_log(*, region: str, account: str, log_group: str) -> Document:
    """What Lambda itself needs to write a function's log."""
    return document(_write_log(region, account, log_group))


def run_in_vpc(*, region: str, account: str, function: str, log_group: str) -> Document:
    """What Lambda itself needs to run a function in a VPC and to write its log."""
    network_interfaces = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
    ]
    return document(
        _write_log(region, account, log_group),
        {
            # The interfaces do not exist when the permission is checked, and Describe* has no
            # resources: AWS documents `*` for all of these.
            "Sid": "NetworkInterfaces",
            "Effect": "Allow",
            "Action": network_interfaces,
            "Resource": "*",
        },
        {
            # Lambda makes the interfaces; the code that runs in the function never has to.
            "Sid": "NotFromTheCode",
            "Effect": "Deny",
            "Action": network_interfaces,
            "Resource": "*",
            "Condition": {
                "ArnEquals": {
                    "lambda:SourceFunctionArn": (
                        f"arn:aws:lambda:{region}:{account}:function:{function}"
                    )
                }
            },
        },
    )


def key_policy(*, region: str, account: str, log_groups: Sequence[str] = ()) -> Document:
    """Policy of a KMS key: its account, and CloudWatch Logs for log groups of these names.

    RDS, Secrets Manager and Lambda need no statement of their own: they act with the rights of who
    calls them, and keep a grant on the key.

    Args:
        region: Region of the key.
        account: Account of the key.
        log_groups: Names of the log groups that it encrypts; `*` stands for the rest of a name.
    """
    own_account = {
        # Without the account itself in the policy, nobody could ever change it again. IAM policies
        # of the account decide who of it may use the key.
        "Sid": "Account",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    if not log_groups:
        return document(own_account)
    return document(
        own_account,
        {
            "Sid": "CloudWatchLogs",
            "Effect": "Allow",
            "Principal": {"Service": f"logs.{region}.amazonaws.com"},
            "Action": [
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "kms:GenerateDataKeyWithoutPlaintext",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
            ],
            "Resource": "*",
            "Condition": {
                "ArnLike": {
                    "kms:EncryptionContext:aws:logs:arn": [
                        f"arn:aws:logs:{region}:{account}:log-group:{name}" for name in log_groups
                    ]
                }
            },
        },
    )


def _write_log(region: str, account: str, log_group: str) -> Statement:
    return {
        "Sid": "WriteLog",
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": f"arn:aws:logs:{region}:{account}:log-group:{log_group}:*",
    }


def connect_characters(*, region: str, account: str, db_users: Sequence[str]) -> int:
    """How long `connect` is for an instance whose resource id is not known yet, as IAM counts."""
    placeholder = "x" * DB_RESOURCE_ID_CHARACTERS
    text = connect(region=region, account=account, resource_id=placeholder, db_users=db_users)
    return len(json.dumps(text, separators=(",", ":")))


def document(*statements: Statement) -> Document:
    """A policy of these statements, in the only version that IAM still means."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _until(ends_at: datetime | None) -> Statement:
    if ends_at is None:
        return {}
    moment = ends_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"Condition": {"DateLessThan": {"aws:CurrentTime": moment}}}
