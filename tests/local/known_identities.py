"""Who holds which key and what it may, in memory, for tests of the endpoint."""

from __future__ import annotations

import contextlib
import fnmatch
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3

from local.account.postgres import Credential, Decision, UnknownCredentialError

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "eu-west-1"
ACCOUNT = "123456789012"


@dataclass
class Clock:
    """The endpoints' clock: the real one until a test stops it at a moment."""

    stopped_at: datetime | None = None

    def __call__(self) -> datetime:
        """The present moment, as it sees it."""
        return self.stopped_at or datetime.now(UTC)

    @contextlib.contextmanager
    def at(self, moment: datetime) -> Iterator[None]:
        """Let it be that moment for a while."""
        self.stopped_at = moment
        try:
            yield
        finally:
            self.stopped_at = None


@dataclass(frozen=True)
class Key:
    """An access key as its holder has it."""

    access_key_id: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(repr=False)
    principal: str

    def token(self, address: str, port: int, user: str, region: str = REGION) -> str:
        """An IAM authentication token, made by boto3."""
        client = boto3.client(
            "rds",
            region_name=region,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_key,
            aws_session_token=self.session_token,
        )
        token: str = client.generate_db_auth_token(address, port, user)
        return token


class KnownIdentities:
    """Access keys and statements in memory; explicit Deny wins, nothing said is no."""

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}
        self._statements: list[tuple[str, str, str]] = []

    def role(self, name: str, *, session_bytes: int = 48) -> Key:
        """Give out temporary credentials of a role."""
        principal = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/tests"
        return self._give("ASIA", secrets.token_urlsafe(session_bytes), principal)

    def user(self, name: str) -> Key:
        """Give out a user's lasting key."""
        return self._give("AKIA", None, f"arn:aws:iam::{ACCOUNT}:user/{name}")

    def _give(self, prefix: str, session_token: str | None, principal: str) -> Key:
        key = Key(
            access_key_id=prefix + secrets.token_hex(8).upper(),
            secret_key=secrets.token_urlsafe(30),
            session_token=session_token,
            principal=principal,
        )
        self._keys[key.access_key_id] = key
        return key

    def say(self, effect: str, key: Key, resource: str) -> None:
        """Add a statement about `rds-db:connect`; `resource` may have wildcards."""
        self._statements.append((effect, key.principal, resource))

    def credential(self, access_key_id: str, session_token: str | None) -> Credential:
        """As `Identities` has it."""
        key = self._keys.get(access_key_id)
        if key is None:
            raise UnknownCredentialError("the access key is unknown")
        if key.session_token != session_token:
            raise UnknownCredentialError("the session token does not belong to the access key")
        return Credential(secret_key=key.secret_key, principal_arn=key.principal)

    def authorize(self, principal_arn: str, action: str, resource: str) -> Decision:
        """As `Identities` has it."""
        effects = {
            effect
            for effect, principal, pattern in self._statements
            if principal == principal_arn and fnmatch.fnmatchcase(resource, pattern)
        }
        if "Deny" in effects:
            return Decision(allowed=False, reason=f"explicit deny of {action} on {resource}")
        if "Allow" in effects:
            return Decision(allowed=True, reason="allowed")
        return Decision(allowed=False, reason=f"no statement allows {action} on {resource}")
