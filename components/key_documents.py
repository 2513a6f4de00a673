"""The policy document of the function that keeps Airflow's keys; pure, as `iam_documents` is."""

from __future__ import annotations

from collections.abc import Sequence

from components import iam_documents
from components.iam_documents import Document


def keep_keys(*, region: str, secret_arns: Sequence[str], key_arn: str) -> Document:
    """Giving exactly these secrets values, and reading what a rotation goes on from."""
    put = iam_documents.put_secrets(region=region, secret_arns=secret_arns, key_arn=key_arn)
    return iam_documents.document(
        *put["Statement"],
        {
            "Sid": "ReadSecrets",
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": list(secret_arns),
        },
    )
