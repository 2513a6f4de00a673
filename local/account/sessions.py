"""Temporary credentials that carry everything in themselves, as STS's do.

Nothing is stored: the session token is the session, encrypted, and the secret key follows from the
access key id. So a restart of the account loses no session, and none piles up. A session cannot be
called back; that its role still exists is checked where it is used.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from local.account.files import write_private
from local.account.postgres.identities import UnknownCredentialError

_KEY_ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class ExpiredCredentialError(UnknownCredentialError):
    """The session is over."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """Who a temporary credential stands for.

    Attributes:
        access_key_id: the key id that belongs to this session alone.
        role_arn: the role.
        role_id: the role's unique id; a role made anew under the name is another one.
        name: the session's name.
        issued: seconds since 1970.
        expires: seconds since 1970.
        policies: session policies, each a JSON document.
        provider: ARN of the identity provider whose token it was exchanged for, or "".
    """

    access_key_id: str
    role_arn: str
    role_id: str
    name: str
    issued: int
    expires: int
    policies: tuple[str, ...] = ()
    provider: str = ""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A session's credentials, as STS hands them out."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires: int


class Sessions:
    """Hands out sessions and opens them again.

    Args:
        key_file: holds the key of all sessions; made, readable by its owner only, when missing.
        clock: seconds since 1970.
    """

    def __init__(self, key_file: Path, clock: Callable[[], float] = time.time) -> None:
        if not key_file.exists():
            write_private(key_file, Fernet.generate_key())
        key = key_file.read_bytes()
        self._tokens = Fernet(key)
        self._key = base64.urlsafe_b64decode(key)
        self.clock = clock

    def issue(
        self,
        *,
        role_arn: str,
        role_id: str,
        name: str,
        duration: int,
        policies: tuple[str, ...] = (),
        provider: str = "",
    ) -> Credentials:
        """Start a session of a role that ends after `duration` seconds."""
        now = int(self.clock())
        session = Session(
            access_key_id="ASIA" + "".join(secrets.choice(_KEY_ID_ALPHABET) for _ in range(16)),
            role_arn=role_arn,
            role_id=role_id,
            name=name,
            issued=now,
            expires=now + duration,
            policies=policies,
            provider=provider,
        )
        return Credentials(
            access_key_id=session.access_key_id,
            secret_access_key=self.secret_key(session.access_key_id),
            session_token=self._tokens.encrypt(json.dumps(asdict(session)).encode()).decode(),
            expires=session.expires,
        )

    def secret_key(self, access_key_id: str) -> str:
        """The secret key of a session's access key: 40 characters, as AWS's have."""
        digest = hmac.digest(self._key, access_key_id.encode(), hashlib.sha256)
        return base64.b64encode(digest).decode()[:40]

    def open(self, access_key_id: str, session_token: str) -> Session:
        """Read a session out of its token.

        Raises:
            ExpiredCredentialError: the session is over.
            UnknownCredentialError: the token is none of ours, or of another access key.
        """
        try:
            content = json.loads(self._tokens.decrypt(session_token))
        except InvalidToken:
            raise UnknownCredentialError("the session token is unknown") from None
        session = Session(**{**content, "policies": tuple(content["policies"])})
        if session.access_key_id != access_key_id:
            raise UnknownCredentialError("the session token belongs to another access key")
        if self.clock() >= session.expires:
            raise ExpiredCredentialError("the session has expired")
        return session
