"""The secret's versions and their labels; values go into no log and no error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.shared.errors import BusyError, FunctionError, SecretError, SecretsBusyError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

CURRENT, PENDING, PREVIOUS = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"

_LATER = {
    "InternalServiceError",
    "InternalServerError",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
# Somebody else has put a value to this version, or moved this label, in between.
_OVERTAKEN = {"InvalidParameterException", "ResourceExistsException"}
_REMEDIES = {
    "AccessDeniedException": "allow the function's role secretsmanager:{operation} on it, and "
    "kms:Decrypt and kms:GenerateDataKey on its key",
    "DecryptionFailure": "enable its key, and allow the function's role kms:Decrypt on it",
    "EncryptionFailure": "enable its key, and allow the function's role kms:GenerateDataKey on it",
    "InvalidRequestException": "restore it if it waits for its deletion",
    "ResourceNotFoundException": "run `pulumi up`, which makes it",
}


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Which version has which label."""

    rotates: bool
    """Whether rotation is on. Secrets Manager says nothing before it is configured."""
    versions: frozenset[str]
    """All versions that have one."""
    current: str | None
    pending: str | None
    previous: str | None


@dataclass(frozen=True, kw_only=True)
class Version:
    """The value of a version."""

    text: str
    created: datetime


class Versions:
    """The versions of one secret.

    Args:
        client: a boto3 client of Secrets Manager; it need not try again by itself.
        arn: which secret.
    """

    def __init__(self, client: Any, arn: str) -> None:  # noqa: ANN401 - boto3 has no types
        self._client = client
        self._arn = arn

    def labels(self) -> Labels:
        """Return who has which label at this moment."""
        answer = self._call("DescribeSecret", self._client.describe_secret)
        stages: Mapping[str, list[str]] = answer.get("VersionIdsToStages") or {}
        holders = {label: version for version, held in stages.items() for label in held}
        return Labels(
            rotates=answer.get("RotationEnabled") is not False,
            versions=frozenset(version for version, held in stages.items() if held),
            current=holders.get(CURRENT),
            pending=holders.get(PENDING),
            previous=holders.get(PREVIOUS),
        )

    def read(self, version: str | None) -> Version | None:
        """Return the value of a version; None if there is no such version, or it has no value."""
        if version is None:
            return None
        try:
            answer = self._call("GetSecretValue", self._client.get_secret_value, VersionId=version)
        except _NoValueError:
            return None
        return Version(text=answer.get("SecretString") or "", created=answer["CreatedDate"])

    def put(self, version: str, text: str, label: str) -> None:
        """Give a version its value, once and for all.

        Raises:
            BusyError: it has another one already.
        """
        self._call(
            "PutSecretValue",
            self._client.put_secret_value,
            ClientRequestToken=version,
            SecretString=text,
            VersionStages=[label],
        )

    def promote(self, version: str, *, instead_of: str | None) -> None:
        """Make a version the current one, if the one before still is.

        Raises:
            BusyError: another one is.
        """
        former = {"RemoveFromVersionId": instead_of} if instead_of else {}
        self._call(
            "UpdateSecretVersionStage",
            self._client.update_secret_version_stage,
            VersionStage=CURRENT,
            MoveToVersionId=version,
            **former,
        )

    def _call(self, operation: str, method: Any, **given: object) -> Mapping[str, Any]:  # noqa: ANN401 - boto3 has no types
        try:
            answer: Mapping[str, Any] = method(SecretId=self._arn, **given)
        except ClientError as error:
            raise self._error(operation, error) from None
        except BotoCoreError as error:
            raise SecretsBusyError(
                f"{operation} of secret {self._arn} got no answer ({type(error).__name__}): give "
                "the function's subnets a route to Secrets Manager."
            ) from None
        return answer

    def _error(self, operation: str, error: ClientError) -> FunctionError:
        code = error.response["Error"]["Code"]
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        what = f"{operation} of secret {self._arn} failed ({code})"
        if code in _LATER or status >= 500 or status == 429:
            return SecretsBusyError(f"{what}: it is tried again.")
        if code in _OVERTAKEN and operation in {"PutSecretValue", "UpdateSecretVersionStage"}:
            return BusyError(f"{what}: another invocation was faster.")
        if code == "ResourceNotFoundException" and operation == "GetSecretValue":
            return _NoValueError(what)
        remedy = _REMEDIES.get(code, "look the code up in the API reference of Secrets Manager")
        return SecretError(f"{what}: {remedy.format(operation=operation)}.")


class _NoValueError(SecretError):
    """The version has no value."""
