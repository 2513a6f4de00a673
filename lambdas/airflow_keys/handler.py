"""The entry point: gives each secret that has no value yet a first one, and touches no other.

It never reads a value: whether there is one is asked of the secret's versions. The value that it
puts is known to Secrets Manager alone; it is not logged, not returned and not kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.airflow_keys.request import Request
from lambdas.airflow_keys.values import KINDS
from lambdas.shared.errors import SecretError
from lambdas.shared.log import Log

if TYPE_CHECKING:
    from lambdas.shared.retry import Context

# A step of a call to AWS, in seconds. Without them botocore would wait a minute, five times over.
_AWS = Config(
    connect_timeout=5, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}
)
_CURRENT = "AWSCURRENT"
# The version of the first value: of two that put one at once, the second finds it taken.
_FIRST = "airflow-keys-first-value-of-secret"
_REMEDIES = {
    "AccessDeniedException": "allow the function's role secretsmanager:DescribeSecret and "
    "secretsmanager:PutSecretValue on it, and kms:GenerateDataKey and kms:Decrypt on its key",
    "DecryptionFailure": "enable its key",
    "EncryptionFailure": "enable its key, and allow the function's role kms:GenerateDataKey on it",
    "InvalidRequestException": "restore it if it waits for its deletion",
    "ResourceNotFoundException": "pass the ARN of a secret that exists",
}
_UNREACHABLE = "see that the function can reach Secrets Manager in this region"


def handle(event: object, context: Context) -> dict[str, Any]:
    """Put first values where there are none.

    Args:
        event: see `Request`.
        context: Lambda's.

    Returns:
        Which secrets were given a value, and which had one.

    Raises:
        FunctionError: what is wrong and what to do about it; invoking it again is harmless.
    """
    request = Request.parse(event)
    log = Log(request_id=context.aws_request_id)
    client = boto3.session.Session(region_name=request.region).client("secretsmanager", config=_AWS)
    answer: dict[str, Any] = {"put": [], "kept": []}
    for kind, arn in request.secrets.items():
        outcome = "put" if _put_first(client, arn, kind) else "kept"
        log.write(outcome, key=kind, secret=arn)
        answer[outcome].append(kind)
    return answer


def _put_first(client: Any, arn: str, kind: str) -> bool:  # noqa: ANN401 - boto3 has no types
    """Give the secret a value; false when it had one."""
    try:
        secret = client.describe_secret(SecretId=arn)
        stages = (secret.get("VersionIdsToStages") or {}).values()
        if any(_CURRENT in held for held in stages):
            return False
        client.put_secret_value(SecretId=arn, SecretString=KINDS[kind](), ClientRequestToken=_FIRST)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ResourceExistsException":
            return False
        remedy = _REMEDIES.get(code, "look the code up in the API reference of Secrets Manager")
        raise SecretError(f"Secret {arn} got no first value ({code}): {remedy}.") from None
    except BotoCoreError as error:
        kind_of_error = type(error).__name__
        raise SecretError(
            f"Secret {arn} got no first value ({kind_of_error}): {_UNREACHABLE}."
        ) from None
    return True
