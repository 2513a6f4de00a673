"""Verifies an IAM authentication token: a SigV4-signed URL that names host, port and database user.

The signature is recomputed with botocore's own signer. It is checked before the token's claims, so
that whatever the log says about a token is something its key's holder really signed.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.account.postgres import reasons
from local.account.postgres.identities import UnknownCredentialError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.account.postgres.identities import Identities
    from local.account.postgres.instance import InstanceSpec

SERVICE = "rds-db"
ACTION = "rds-db:connect"
# RDS's 15 minutes, whatever a token says of itself. Shorter for who wants to see tokens expire.
MAX_AGE = timedelta(seconds=int(os.environ.get("LOCAL_TOKEN_SECONDS", "900")))
MAX_CLOCK_SKEW = timedelta(minutes=5)  # SigV4's
_TIME_FORMAT = "%Y%m%dT%H%M%SZ"
_SIGNATURE = "X-Amz-Signature"


class TokenError(Exception):
    """The token opens nothing; the text is the reason in the endpoint's log."""


@dataclass(frozen=True, kw_only=True)
class _Token:
    """A token taken apart; nothing in it is proven yet."""

    endpoint: str
    user: str
    access_key_id: str
    session_token: str | None
    region: str
    timestamp: str
    signed_at: datetime
    lifetime: timedelta
    signed: Mapping[str, str]
    signature: str

    @classmethod
    def parse(cls, text: str) -> _Token:
        url = urlsplit(f"https://{text}")
        pairs = parse_qsl(url.query, keep_blank_values=True, strict_parsing=True)
        query = dict(pairs)
        key, date, region, *scope = query["X-Amz-Credential"].split("/")
        well_formed = (
            url.netloc == f"{url.hostname}:{url.port}",
            len(query) == len(pairs),
            url.path in {"", "/"},  # the SDK for Go signs the slash and then leaves it out
            query["Action"] == "connect",
            query["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256",
            query["X-Amz-SignedHeaders"] == "host",
            query["X-Amz-Date"][:8] == date,
            scope == [SERVICE, "aws4_request"],
        )
        if not all(well_formed):
            raise ValueError(reasons.MALFORMED)
        return cls(
            endpoint=url.netloc,
            user=query["DBUser"],
            access_key_id=key,
            session_token=query.get("X-Amz-Security-Token"),
            region=region,
            timestamp=query["X-Amz-Date"],
            signed_at=datetime.strptime(query["X-Amz-Date"], _TIME_FORMAT).replace(tzinfo=UTC),
            lifetime=timedelta(seconds=int(query["X-Amz-Expires"])),
            signed={name: value for name, value in pairs if name != _SIGNATURE},
            signature=query[_SIGNATURE],
        )

    def signature_by(self, secret_key: str) -> str:
        """The signature that the holder of `secret_key` would have put under this token."""
        request = AWSRequest(method="GET", url=f"https://{self.endpoint}/", params=self.signed)
        request.context["timestamp"] = self.timestamp
        signer = SigV4Auth(Credentials(self.access_key_id, secret_key), SERVICE, self.region)
        text = signer.string_to_sign(request, signer.canonical_request(request))
        signature: str = signer.signature(text, request)
        return signature


def verify(
    password: str,
    *,
    user: str,
    endpoint: str,
    spec: InstanceSpec,
    identities: Identities,
    now: datetime,
) -> str:
    """Verify what a member of `rds_iam` gave as password.

    Args:
        password: the token.
        user: the login that it is used for.
        endpoint: `host:port` as clients reach the instance.
        spec: the instance.
        identities: who holds the key, and whether that principal may connect.
        now: the moment to judge the age by.

    Returns:
        The principal's ARN.

    Raises:
        TokenError: with the reason.
    """
    if "X-Amz-" not in password:
        raise TokenError(reasons.NOT_AN_IAM_CREDENTIAL)
    try:
        token = _Token.parse(password)
    except (KeyError, ValueError, OverflowError) as cause:
        raise TokenError(reasons.MALFORMED) from cause
    try:
        credential = identities.credential(token.access_key_id, token.session_token)
    except UnknownCredentialError as reason:
        raise TokenError(str(reason)) from reason
    expected = token.signature_by(credential.secret_key).encode()
    if not hmac.compare_digest(expected, token.signature.encode()):
        raise TokenError(reasons.SIGNATURE)
    objection = _objection(token, user=user, endpoint=endpoint, region=spec.region, now=now)
    if objection:
        raise TokenError(objection)
    decision = identities.authorize(credential.principal_arn, ACTION, spec.connect_resource(user))
    if not decision.allowed:
        raise TokenError(decision.reason)
    return credential.principal_arn


def _objection(
    token: _Token, *, user: str, endpoint: str, region: str, now: datetime
) -> str | None:
    """Why a genuine token does not open this login here and now; None if it does."""
    age = now - token.signed_at
    objections = (
        (age > MAX_AGE, reasons.TOO_OLD),
        (age > token.lifetime, reasons.PAST_ITS_LIFETIME),
        (-age > MAX_CLOCK_SKEW, reasons.FROM_THE_FUTURE),
        (token.endpoint != endpoint, reasons.other_endpoint(token.endpoint, endpoint)),
        (token.region != region, reasons.other_region(token.region, region)),
        (token.user != user, reasons.other_user(token.user, user)),
    )
    return next((reason for applies, reason in objections if applies), None)
