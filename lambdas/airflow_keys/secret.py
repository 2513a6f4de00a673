"""One secret: its current version, and putting another one; values go into no log and no error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.shared.errors import BusyError, SecretError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_CURRENT = "AWSCURRENT"
_REMEDIES = {
    "AccessDeniedException": "allow the function's role secretsmanager:DescribeSecret, "
    "secretsmanager:GetSecretValue and secretsmanager:PutSecretValue on it, and "
    "kms:GenerateDataKey and kms:Decrypt on its key",
    "DecryptionFailure": "enable its key",
    "EncryptionFailure": "enable its key, and allow the function's role kms:GenerateDataKey on it",
    "InvalidRequestException": "restore it if it waits for its deletion",
    "ResourceNotFoundException": "pass the ARN of a secret that exists",
}
_UNREACHABLE = "see that the function can reach Secrets Manager in this region"


@dataclass(frozen=True, kw_only=True, repr=False)
class Version:
    """The current version of a secret."""

    version: str
    text: str
    created: datetime


class Secret:
    """A secret of Airflow's keys.

    Args:
        client: a boto3 client of Secrets Manager.
        arn: which secret.
    """

    def __init__(self, client: Any, arn: str) -> None:  # noqa: ANN401 - boto3 has no types
        self._client = client
        self.arn = arn

    def has_value(self) -> bool:
        """Tell whether it has a current version, without reading that."""
        stages = self._call("first value", self._client.describe_secret).get("VersionIdsToStages")
        return any(_CURRENT in held for held in (stages or {}).values())

    def read(self) -> Version:
        """Return the current version.

        Raises:
            SecretError: there is none.
        """
        if not self.has_value():
            raise SecretError(
                f"Secret {self.arn} has no value yet: invoke the function without a step first, "
                "which gives it one."
            )
        answer = self._call("new value", self._client.get_secret_value, VersionStage=_CURRENT)
        return Version(
            version=answer["VersionId"],
            text=answer.get("SecretString") or "",
            created=answer["CreatedDate"],
        )

    def put(self, text: str, version: str, *, what: str = "new value") -> None:
        """Put a value as the current version, under a name of its own.

        Raises:
            BusyError: a version of this name is there, with another value.
        """
        self._call(
            what, self._client.put_secret_value, SecretString=text, ClientRequestToken=version
        )

    def _call(self, what: str, method: Any, **given: str) -> Mapping[str, Any]:  # noqa: ANN401 - boto3 has no types
        try:
            answer: Mapping[str, Any] = method(SecretId=self.arn, **given)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ResourceExistsException":
                raise BusyError(f"Secret {self.arn} has this version already.") from None
            remedy = _REMEDIES.get(code, "look the code up in the API reference of Secrets Manager")
            raise SecretError(f"Secret {self.arn} got no {what} ({code}): {remedy}.") from None
        except BotoCoreError as error:
            kind = type(error).__name__
            raise SecretError(
                f"Secret {self.arn} got no {what} ({kind}): {_UNREACHABLE}."
            ) from None
        return answer
