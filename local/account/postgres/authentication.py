"""The two ways to prove who one is: an IAM token, or a password by SCRAM.

The client is told what RDS tells it; why it really failed goes into `Refused.reason`, for the log.
"""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING

from local.account.postgres import protocol, reasons, token
from local.account.postgres.protocol import Refused
from local.account.postgres.scram import Scram

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from local.account.postgres.channel import Channel
    from local.account.postgres.identities import Identities
    from local.account.postgres.instance import InstanceSpec
    from local.account.postgres.journal import Visit
    from local.account.postgres.logins import Login


async def token_login(
    channel: Channel,
    visit: Visit,
    *,
    spec: InstanceSpec,
    address: str,
    identities: Identities,
    now: Callable[[], datetime],
) -> None:
    """Ask for an IAM token and verify it; on success `visit` knows the principal.

    Raises:
        Refused: no TLS, no token, or one that does not open this login.
    """
    if visit.tls is None:
        # RDS's only line for members of rds_iam is `hostssl`; their token never crosses in clear.
        message = f"pg_hba.conf rejects connection for {visit.connection}"
        raise Refused(protocol.INVALID_AUTHORIZATION, message, reasons.IAM_WITHOUT_TLS)
    user = visit.user or ""
    password = await _ask(channel, protocol.CLEARTEXT_PASSWORD)
    try:
        visit.identity = await asyncio.to_thread(
            token.verify,
            password.removesuffix(b"\0").decode(errors="replace"),
            user=user,
            endpoint=f"{address}:{spec.port}",
            spec=spec,
            identities=identities,
            now=now(),
        )
    except token.TokenError as reason:
        message = f'PAM authentication failed for user "{user}"'
        raise Refused(protocol.INVALID_AUTHORIZATION, message, str(reason)) from reason


async def password_login(
    channel: Channel, visit: Visit, login: Login, *, binding: bytes | None
) -> None:
    """Do SCRAM against the login's verifier.

    Args:
        channel: the client's.
        visit: whose login is asked for.
        login: as it stands in the server; a member of `rds_iam` comes here only where IAM
            authentication is switched off.
        binding: the certificate's hash, for channel binding; None without TLS.

    Raises:
        Refused: a wrong or expired password, no such login, or a malformed exchange.
    """
    user = visit.user or ""
    scram = Scram(login.verifier, user, binding)
    offer = b"".join(name.encode() + b"\0" for name in scram.mechanisms) + b"\0"
    mechanism, _, initial = (await _ask(channel, protocol.SASL, offer)).partition(b"\0")
    # The initial response has its length before it; absent (-1) makes an empty, malformed message.
    challenge = scram.first(mechanism.decode(errors="replace"), initial[4:])
    signature = scram.final(await _ask(channel, protocol.SASL_CONTINUE, challenge))
    if signature is None or login.expired:
        message = f'password authentication failed for user "{user}"'
        raise Refused(protocol.INVALID_PASSWORD, message, _why(login, proven=signature is not None))
    channel.writer.write(protocol.authentication(protocol.SASL_FINAL, signature))


def _why(login: Login, *, proven: bool) -> str:
    if proven:
        return reasons.EXPIRED
    return reasons.IAM_NOT_ENABLED if login.iam else reasons.NOT_PROVEN


async def _ask(channel: Channel, code: int, body: bytes = b"") -> bytes:
    """Send an authentication request, return the client's answer."""
    channel.writer.write(protocol.authentication(code, body))
    kind, answer = await protocol.read_message(channel.reader, protocol.MAX_AUTHENTICATION_MESSAGE)
    if kind != b"p":
        message = f"expected password response, got message type {struct.unpack('B', kind)[0]}"
        raise Refused(protocol.PROTOCOL_VIOLATION, message)
    return answer
