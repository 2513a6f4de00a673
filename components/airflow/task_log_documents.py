"""Policies on the bucket of task logs: of the bucket itself, and of who writes and reads there.

Airflow names a log `<environment>/dag_id=<DAG>/run_id=.../...`, and a DAG `<workflow>` or
`<workflow>.<rest>`; so a name says whose it is. Pure, like `components.iam_documents`.
"""

from __future__ import annotations

from collections.abc import Sequence

from components.iam_documents import Document, Statement, document


def patterns(environment: str, workflow: str | None) -> list[str]:
    """The names of the logs of a workflow's tasks; None: of all workflows."""
    dags = ["*"] if workflow is None else [workflow, f"{workflow}.*"]
    return [f"{environment}/dag_id={dag}/*" for dag in dags]


def write_logs(*, region: str, bucket: str, key_arn: str, names: Sequence[str]) -> Document:
    """Writing the logs of these names, and reading them back: Airflow appends to what is there.

    Args:
        region: Region of the bucket.
        bucket: Its name.
        key_arn: KMS key that it encrypts with.
        names: Names of objects, with wildcards.
    """
    return document(
        {
            "Sid": "WriteLogs",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject"],
            "Resource": [f"arn:aws:s3:::{bucket}/{name}" for name in names],
        },
        _find(bucket, names),
        _use_key(region, bucket, key_arn, "kms:Decrypt", "kms:GenerateDataKey"),
    )


def read_logs(*, region: str, bucket: str, key_arn: str, names: Sequence[str]) -> Document:
    """Finding and reading the logs of these names; the arguments are those of `write_logs`."""
    return document(
        {
            "Sid": "ReadLogs",
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": [f"arn:aws:s3:::{bucket}/{name}" for name in names],
        },
        _find(bucket, names),
        _use_key(region, bucket, key_arn, "kms:Decrypt"),
    )


def tls_only(*, bucket: str) -> Document:
    """Policy of the bucket: nobody, whatever else they may do, reaches it without TLS."""
    return document(
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    )


def _find(bucket: str, names: Sequence[str]) -> Statement:
    # Also for who only writes: without it S3 answers 403 instead of 404 for a log that is not
    # there yet, and Airflow then gives up. S3 compares the name that was asked for with the prefix.
    return {
        "Sid": "FindLogs",
        "Effect": "Allow",
        "Action": "s3:ListBucket",
        "Resource": f"arn:aws:s3:::{bucket}",
        "Condition": {"StringLike": {"s3:prefix": list(names)}},
    }


def _use_key(region: str, bucket: str, key_arn: str, *actions: str) -> Statement:
    return {
        "Sid": "UseKey",
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": key_arn,
        "Condition": {
            "StringEquals": {
                "kms:ViaService": f"s3.{region}.amazonaws.com",
                # With a bucket key the context is the bucket; which object, its policy says.
                "kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{bucket}",
            }
        },
    }
