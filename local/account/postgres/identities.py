"""What the endpoint asks the account about the holder of a token: who it is, what it may.

Only the questions; the account answers them out of IAM and STS.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


class UnknownCredentialError(Exception):
    """The access key opens nothing: unknown, expired, or used with another session's token.

    Its text is the reason in the endpoint's log, so it holds plain words and no secret.
    """


@dataclass(frozen=True, kw_only=True)
class Credential:
    """What stands behind an access key.

    Attributes:
        secret_key: the key that signatures are made with.
        principal_arn: the user, or the assumed role's session
            (`arn:aws:sts::<account>:assumed-role/<role>/<session>`).
    """

    secret_key: str = field(repr=False)
    principal_arn: str


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The answer of IAM; `reason` goes to the endpoint's log when `allowed` is false."""

    allowed: bool
    reason: str


class Identities(Protocol):
    """The account's IAM and STS; called from worker threads, so it has to be thread-safe."""

    def credential(self, access_key_id: str, session_token: str | None) -> Credential:
        """Find the secret key and the principal of an access key.

        Raises:
            UnknownCredentialError: it is unknown, expired, or not of this session token.
        """
        ...

    def authorize(self, principal_arn: str, action: str, resource: str) -> Decision:
        """Decide whether the principal's policies allow `action` on `resource`."""
        ...
