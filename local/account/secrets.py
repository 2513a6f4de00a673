"""Secrets Manager's store with AWS's rules for staging labels; everything else of it is moto's.

A label is on one version at a time, AWSPREVIOUS follows AWSCURRENT, and a read without version or
label gets AWSCURRENT. Rotation is not served.
"""

from __future__ import annotations

from typing import Any

from moto.secretsmanager.exceptions import (
    InvalidParameterException,
    InvalidRequestException,
    SecretHasNoValueException,
    SecretNotFoundException,
)
from moto.secretsmanager.models import FakeSecret, SecretsManagerBackend

from local.account.backends import ExtendsMoto

CURRENT = "AWSCURRENT"
PREVIOUS = "AWSPREVIOUS"


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
        labels = _labels(secret)
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
        raise InvalidRequestException("Rotation is not served by this account.")

    def _add_secret(
        self,
        secret_id: str,
        *args: Any,  # noqa: ANN401 - handed on to moto
        **kwargs: Any,  # noqa: ANN401 - handed on to moto
    ) -> tuple[FakeSecret, bool]:
        """Add a version; moto would take its predecessor's other labels away with AWSCURRENT."""
        before = self.secrets.get(secret_id)
        known = set(before.versions) if before else set()
        labels = _labels(before) if isinstance(before, FakeSecret) else {}
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
    version = secret.versions.get(_labels(secret).get(CURRENT, ""), {})
    if "secret_string" not in version:
        raise SecretHasNoValueException(CURRENT)
    return str(version["secret_string"])


def _labels(secret: FakeSecret) -> dict[str, str]:
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
