"""What database endpoints ask the account: who holds an access key, and may he connect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.account.postgres.identities import Credential, Decision, UnknownCredentialError
from local.account.principals import SessionArn

if TYPE_CHECKING:
    from threading import RLock

    from local.account.authorization import Authorizer
    from local.account.principals import Directory


class AccountIdentities:
    """Answers out of IAM and STS, as they are at this moment; thread-safe."""

    def __init__(self, directory: Directory, authorizer: Authorizer, lock: RLock) -> None:
        self._directory = directory
        self._authorizer = authorizer
        self._lock = lock

    def credential(self, access_key_id: str, session_token: str | None) -> Credential:
        """Find what stands behind an access key.

        Raises:
            UnknownCredentialError: it is unknown, inactive, expired, or its role is gone.
        """
        with self._lock:
            secret_key, principal = self._directory.holder(access_key_id, session_token)
        arn = SessionArn(principal.arn, principal.session) if principal.session else principal.arn
        return Credential(secret_key=secret_key, principal_arn=arn)

    def authorize(self, principal_arn: str, action: str, resource: str) -> Decision:
        """Decide by the policies of the principal that `credential` found."""
        with self._lock:
            try:
                principal = self._directory.of_arn(principal_arn)
            except UnknownCredentialError as error:
                return Decision(allowed=False, reason=str(error))
            return self._authorizer.decide(principal, action, resource, {})
