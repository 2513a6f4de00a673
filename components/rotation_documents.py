"""IAM policy documents of what rotates a login; all others are in `components.iam_documents`."""

from __future__ import annotations

from components.iam_documents import Document, document


def rotate_secret(*, region: str, secret_arn: str, key_arn: str) -> Document:
    """Reading one secret, putting versions of it, and moving its labels; nothing of any other."""
    return document(
        {
            "Sid": "RotateSecret",
            "Effect": "Allow",
            "Action": [
                "secretsmanager:DescribeSecret",
                "secretsmanager:GetSecretValue",
                "secretsmanager:PutSecretValue",
                "secretsmanager:UpdateSecretVersionStage",
            ],
            "Resource": secret_arn,
        },
        {
            "Sid": "UseItsKey",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": key_arn,
            "Condition": {
                "StringEquals": {
                    "kms:ViaService": f"secretsmanager.{region}.amazonaws.com",
                    "kms:EncryptionContext:SecretARN": secret_arn,
                }
            },
        },
    )


def send_messages(*, queue_arn: str) -> Document:
    """Sending messages to one queue."""
    return document(
        {
            "Sid": "SendMessages",
            "Effect": "Allow",
            "Action": "sqs:SendMessage",
            "Resource": queue_arn,
        }
    )
