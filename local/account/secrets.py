"""Secrets Manager's store with AWS's rules for staging labels; everything else of it is moto's.

A label is on one version at a time, AWSPREVIOUS follows AWSCURRENT, and a read without version or
label gets AWSCURRENT. A version keeps the value that it has. Who rotates, and when, is decided in
`local.account.rotation`; here is what becomes of the versions.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from moto.secretsmanager.exceptions import (
    InvalidParameterException,
    InvalidRequestException,
    ResourceExistsException,
    SecretHasNoValueException,
    SecretNotFoundException,
)
from moto.secretsmanager.models import FakeSecret, SecretsManagerBackend

from local.account.backends import ExtendsMoto

if TYPE_CHECKING:
    from collections.abc import Mapping

CURRENT = "AWSCURRENT"
PENDING = "AWSPENDING"
PREVIOUS = "AWSPREVIOUS"

_VALUES = ("secret_string", "secret_binary")


class Secrets(ExtendsMoto, SecretsManagerBackend):
    """moto would go on reading the version that was put last, and leave a label on two versions."""

    def update_secret_version_stage(
        self,
        secret_id: str,
        version_stage: str,
        remove_from_version_id: str,
        move_to_version_id: str,
    ) -> tuple[str, str]:
        """Attach a label to a version, detach it, or move it from one version to another."""
        secret = self.secrets.get(secret_id)
        if not isinstance(secret, FakeSecret):
            raise SecretNotFoundException
        labels = labels_of(secret)
        holder = labels.get(version_stage)
        for version_id in (remove_from_version_id, move_to_version_id):
            if version_id and version_id not in secret.versions:
                raise InvalidParameterException(f"Not a valid version: {version_id}")
        if remove_from_version_id and remove_from_version_id != holder:
            raise InvalidParameterException(
                f"The staging label {version_stage} is not attached to version "
                f"{remove_from_version_id}."
            )
        if holder and holder != move_to_version_id and not remove_from_version_id:
            raise InvalidParameterException(
                f"The parameter RemoveFromVersionId can't be empty. Staging label {version_stage} "
                f"is currently attached to version {holder}, so you must explicitly reference that "
                "version in RemoveFromVersionId."
            )
        if version_stage == CURRENT and not move_to_version_id:
            raise InvalidParameterException(f"{CURRENT} can be moved, but not removed.")
        _attach(secret, labels, version_stage, move_to_version_id)
        return secret.arn, secret.name

    def rotate_secret(
        self,
        *_args: Any,  # noqa: ANN401 - moto's signature, not looked at
        **_kwargs: Any,  # noqa: ANN401 - moto's signature, not looked at
    ) -> str:
        """Refuse: moto would make a version without a value the current one."""
        raise InvalidRequestException("Rotation is served by the account, not by its store.")

    def secret(self, secret_id: str) -> FakeSecret:
        """Find a secret that can be rotated; moto's errors when there is none."""
        secret = self.secrets.get(secret_id)
        if not isinstance(secret, FakeSecret):
            raise SecretNotFoundException
        if secret.is_deleted():
            raise InvalidRequestException(
                "You can't perform this operation on the secret because it was marked for deletion."
            )
        return secret

    def attach_pending(
        self, secret: FakeSecret, version_id: str, value: Mapping[str, str] | None = None
    ) -> None:
        """Make a version that is to become the current one, without a value unless one is given."""
        secret.versions[version_id] = {
            "createdate": int(time.time()),
            "version_id": version_id,
            "version_stages": [],
            **(value or {}),
        }
        _attach(secret, labels_of(secret), PENDING, version_id)

    def detach_pending(self, secret: FakeSecret) -> None:
        """Take the label of the version to come away from whichever has it."""
        _attach(secret, labels_of(secret), PENDING, None)

    def describe_secret(self, secret_id: str) -> Any:  # noqa: ANN401 - moto calls its to_dict only
        """Describe a secret, with what moto does not keep of its rotation."""
        return _Description(super().describe_secret(secret_id))

    def _check_with_existing_secrets_and_versions(
        self,
        secret_name: str,
        client_request_token: str | None,
        secret_string: str | None,
        secret_binary: str | None,
        on_create: bool = False,  # noqa: FBT001, FBT002 - moto's signature
    ) -> FakeSecret | None:
        """Refuse another value for a version; moto would let a pending one be overwritten."""
        secret = self.secrets.get(secret_name)
        if isinstance(secret, FakeSecret) and not on_create:
            held = secret.versions.get(client_request_token or "", {})
            values = [held.get(name) for name in _VALUES]
            if any(values) and values == [secret_string, secret_binary]:
                return secret
            if any(values):
                raise ResourceExistsException(
                    f"You can't use ClientRequestToken {client_request_token} because that value "
                    f"is already in use for a version of secret {secret.arn}."
                )
        return super()._check_with_existing_secrets_and_versions(
            secret_name, client_request_token, secret_string, secret_binary, on_create
        )

    def _add_secret(
        self,
        secret_id: str,
        *args: Any,  # noqa: ANN401 - handed on to moto
        **kwargs: Any,  # noqa: ANN401 - handed on to moto
    ) -> tuple[FakeSecret, bool]:
        """Add a version; moto would take its predecessor's other labels away with AWSCURRENT."""
        before = self.secrets.get(secret_id)
        known = set(before.versions) if before else set()
        labels = labels_of(before) if isinstance(before, FakeSecret) else {}
        secret, is_new_version = super()._add_secret(secret_id, *args, **kwargs)
        if labels and is_new_version:
            added = kwargs.get("version_id") or next(iter(set(secret.versions) - known))
            for label in kwargs.get("version_stages") or [CURRENT]:
                labels = _attach(secret, labels, label, added)
        return secret, is_new_version


def current_text(secret: FakeSecret) -> str:
    """The text that a secret holds now.

    Raises:
        SecretHasNoValueException: no version has the label AWSCURRENT, or it has no text.
    """
    version = secret.versions.get(labels_of(secret).get(CURRENT, ""), {})
    if "secret_string" not in version:
        raise SecretHasNoValueException(CURRENT)
    return str(version["secret_string"])


def labels_of(secret: FakeSecret) -> dict[str, str]:
    """Which version has which label."""
    return {
        label: version_id
        for version_id, version in secret.versions.items()
        for label in version["version_stages"]
    }


def _attach(
    secret: FakeSecret, labels: dict[str, str], label: str, version_id: str | None
) -> dict[str, str]:
    """Put a label on a version and nowhere else, or on none, and return what is where now."""
    holder = labels.get(label)
    labels = {name: held for name, held in labels.items() if name != label}
    if version_id:
        labels[label] = version_id
    if label == CURRENT and holder and holder != version_id:
        labels[PREVIOUS] = holder
    for known, version in secret.versions.items():
        version["version_stages"] = sorted(name for name in labels if labels[name] == known)
    # What moto reads by default, and what it takes for the predecessor of the next version.
    secret.set_default_version_id(labels.get(CURRENT))
    return labels


class _Description:
    """A secret as DescribeSecret answers with it."""

    def __init__(self, secret: Any) -> None:  # noqa: ANN401 - a secret or a replica of moto's
        self._secret = secret

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the secret has
        return getattr(self._secret, name)

    def to_dict(self) -> dict[str, Any]:
        """The answer, by AWS's names."""
        answer: dict[str, Any] = self._secret.to_dict()
        rules = getattr(self._secret, "rotation_rules", None)
        return {**answer, "RotationRules": rules} if rules else answer
