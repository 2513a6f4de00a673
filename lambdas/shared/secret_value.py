"""Reading a secret of AWS Secrets Manager; its value goes into no log and no error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.shared.errors import SecretError

if TYPE_CHECKING:
    from collections.abc import Mapping

_REMEDIES = {
    "AccessDeniedException": "allow the function's role secretsmanager:GetSecretValue on it, and "
    "kms:Decrypt on its key",
    "DecryptionFailure": "allow the function's role kms:Decrypt on its key, and enable that key",
    "ResourceNotFoundException": "pass the ARN of a secret that exists and has a current value",
}
_UNREACHABLE = (
    "give the function's subnets a route to Secrets Manager: a NAT gateway or an interface endpoint"
)


class SecretsManager(Protocol):
    """What is used of boto3's client of Secrets Manager."""

    def get_secret_value(self, *, SecretId: str, VersionStage: str) -> Mapping[str, Any]:  # noqa: N803 - boto3's names
        """Return the answer of GetSecretValue."""


def read_secret(client: SecretsManager, arn: str) -> Mapping[str, str]:
    """Return the current value of the secret, a JSON object of strings.

    Args:
        client: a boto3 client of Secrets Manager.
        arn: which secret.

    Raises:
        SecretError: it cannot be read, or is no such object.
    """
    try:
        answer = client.get_secret_value(SecretId=arn, VersionStage="AWSCURRENT")
    except ClientError as error:
        code = error.response["Error"]["Code"]
        remedy = _REMEDIES.get(code, "look the code up in the API reference of GetSecretValue")
        raise SecretError(f"Secret {arn} cannot be read ({code}): {remedy}.") from None
    except BotoCoreError as error:
        kind = type(error).__name__
        raise SecretError(f"Secret {arn} cannot be read ({kind}): {_UNREACHABLE}.") from None
    try:
        value = json.loads(answer["SecretString"])
    except (KeyError, ValueError):
        value = None
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise SecretError(
            f"Secret {arn} is not a JSON object of strings: pass the ARN of a database secret."
        ) from None
    return value
