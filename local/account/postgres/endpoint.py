"""An instance's endpoint: the only way to its server, deciding who comes in as RDS does.

It terminates TLS, refuses plaintext when `rds.force_ssl` is 1, lets members of `rds_iam` in with an
IAM token only and everybody else with SCRAM, and then joins the client to a session of the server,
which takes the endpoint's word for who it is (`peer` authentication, nobody else's word counts).

Seen from inside a session this differs from RDS: `pg_stat_ssl` says no TLS, the client has no
address. Replication is not offered.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import struct
from typing import TYPE_CHECKING

from local.account.postgres import protocol, reasons
from local.account.postgres.authentication import password_login, token_login
from local.account.postgres.channel import ALPN, CLOSE_SECONDS, Client, connect, splice
from local.account.postgres.journal import Visit
from local.account.postgres.logins import ServerDownError
from local.account.postgres.protocol import Refused
from local.account.postgres.roles import SERVICE_DATABASE, SUPERUSER
from local.account.postgres.scram import end_point_binding

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from local.account.postgres.channel import Channel
    from local.account.postgres.identities import Identities
    from local.account.postgres.instance import InstanceSpec
    from local.account.postgres.journal import Journal
    from local.account.postgres.logins import Login, Logins
    from local.account.postgres.protocol import Startup
    from local.account.tls import ServerCertificate

AUTHENTICATION_SECONDS = 60  # PostgreSQL's authentication_timeout
_PAUSE_SECONDS = 0.1
BACKLOG = 512
_NO_REPLICATION = {"", "false", "off", "no", "0"}

logger = logging.getLogger(__name__)


class Endpoint:
    """One listening address; every method runs in the event loop it was made in.

    Args:
        spec: the instance; `change` replaces it.
        address: the address that certificate and tokens name.
        server: the server's unix socket.
        certificate: the endpoint's.
        logins: the server's logins.
        identities: whom to ask about tokens.
        journal: the log.
        now: the clock that tokens' ages are measured with.
    """

    def __init__(
        self,
        *,
        spec: InstanceSpec,
        address: str,
        server: Path,
        certificate: ServerCertificate,
        logins: Logins,
        identities: Identities,
        journal: Journal,
        now: Callable[[], datetime],
    ) -> None:
        self.spec = spec
        self._address = address
        self._identities = identities
        self._now = now
        self._binding = end_point_binding(certificate.certificate.read_bytes())
        self._server = server
        self._logins = logins
        self._journal = journal
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._context.load_cert_chain(certificate.certificate, certificate.key)
        self._context.set_alpn_protocols([ALPN])
        self._accepting: asyncio.Task[None] | None = None
        self._clients: set[asyncio.Task[None]] = set()

    def listen(self, listening: socket.socket) -> None:
        """Begin to accept clients on a listening socket of the endpoint's address and port."""
        listening.settimeout(0)
        self._accepting = asyncio.create_task(self._accept(listening))

    async def change(self, spec: InstanceSpec, listening: socket.socket | None) -> None:
        """Go by another `spec` from now on, on another socket if there is one; sessions go on."""
        self.spec = spec
        if listening is not None:
            await self._stop_listening()
            self.listen(listening)

    async def close(self) -> None:
        """Accept nobody any more and end every session."""
        await self._stop_listening()
        if self._clients:
            # A server that stopped has said goodbye to its clients: let that get through.
            await asyncio.wait(self._clients, timeout=2 * CLOSE_SECONDS)
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        await self._logins.close()
        self._journal.close()

    async def _stop_listening(self) -> None:
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.wait({self._accepting})

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with listening:
            while True:
                try:
                    accepted, peer = await loop.sock_accept(listening)
                except OSError:  # out of file descriptors, or the client is gone already
                    logger.exception("%s cannot accept a client", self.spec.identifier)
                    await asyncio.sleep(_PAUSE_SECONDS)
                    continue
                # asyncio does this for sockets it made itself only; a login would take 100 ms.
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                task = asyncio.create_task(self._serve(accepted, peer))
                self._clients.add(task)
                task.add_done_callback(self._clients.discard)

    async def _serve(self, accepted: socket.socket, peer: tuple[str, int]) -> None:
        """Serve one client from its first byte to its last."""
        client = Client(accepted)
        visit = Visit(instance=self.spec.identifier, peer=f"{peer[0]}:{peer[1]}")
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(client.close)
            session = None
            try:
                async with asyncio.timeout(AUTHENTICATION_SECONDS):
                    session = await self._admit(client, visit, stack)
            except Refused as refused:
                self._refuse(visit, refused.sqlstate, refused.reason)
                client.fail(refused)
            except TimeoutError:
                self._refuse(visit, None, reasons.AUTHENTICATION_TIMEOUT)
            except (OSError, asyncio.IncompleteReadError) as gone:
                self._lost(visit, gone)
            except Exception:
                # One client's surprise must not end the others' service.
                logger.exception("the endpoint of %s failed", self.spec.identifier)
                internal = Refused(protocol.INTERNAL_ERROR, "internal error of the endpoint")
                self._refuse(visit, internal.sqlstate, internal.reason)
                client.fail(internal)
            if session is not None:
                await splice(client.channel, session)
                self._journal.write("closed", visit)

    async def _admit(
        self, client: Client, visit: Visit, stack: contextlib.AsyncExitStack
    ) -> Channel | None:
        """Let a client in: its session in the server; None when there is nothing left to do."""
        body = await client.first_packet(self._context, direct_tls=self.spec.major >= 17)
        visit.tls = client.tls
        if protocol.request_code(body) == protocol.CANCEL_REQUEST:
            # Its key is its authority, so it passes in plaintext too; it never gets an answer.
            await self._cancel(body, visit)
            return None
        startup = protocol.parse_startup(body)
        visit.user, visit.database = startup.user, startup.database
        self._check_admissible(startup, visit)
        login = await self._find(startup.user)
        iam = login.iam and self.spec.iam_enabled
        visit.method = "iam" if iam else "scram"
        if iam:
            await token_login(
                client.channel,
                visit,
                spec=self.spec,
                address=self._address,
                identities=self._identities,
                now=self._now,
            )
        else:
            binding = self._binding if visit.tls else None
            await password_login(client.channel, visit, login, binding=binding)
        session = await self._connect()
        stack.push_async_callback(session.close)
        session.writer.write(startup.packet)
        return session if await self._relay_greeting(session, client.channel, visit) else None

    def _check_admissible(self, startup: Startup, visit: Visit) -> None:
        """Refuse what pg_hba.conf refuses on RDS, in its words."""
        who = visit.connection
        if startup.user == SUPERUSER or startup.database == SERVICE_DATABASE:
            message = f"pg_hba.conf rejects connection for {who}"
            raise Refused(protocol.INVALID_AUTHORIZATION, message, reasons.RESERVED)
        if startup.replication not in _NO_REPLICATION:
            message = f"no pg_hba.conf entry for replication connection from {who}"
            raise Refused(protocol.INVALID_AUTHORIZATION, message, reasons.REPLICATION)
        if self.spec.force_tls and visit.tls is None:
            message = f"no pg_hba.conf entry for {who}"
            raise Refused(protocol.INVALID_AUTHORIZATION, message, reasons.NO_TLS)

    async def _find(self, user: str) -> Login:
        try:
            return await self._logins.find(user)
        except ServerDownError as cause:
            raise _server_down() from cause

    async def _connect(self) -> Channel:
        try:
            return await connect(self._server)
        except OSError as cause:
            raise _server_down() from cause

    async def _relay_greeting(self, session: Channel, client: Channel, visit: Visit) -> bool:
        """Pass on what the server says until it is ready for queries; whether it got there."""
        while True:
            try:
                kind, body = await protocol.read_message(
                    session.reader, protocol.MAX_BACKEND_MESSAGE
                )
            except (OSError, asyncio.IncompleteReadError) as cause:
                raise _server_down() from cause
            client.writer.write(protocol.message(kind, body))
            if kind == b"E":
                fields = protocol.error_fields(body)
                self._refuse(visit, fields.get("C"), fields.get("M"))
                return False
            if kind == b"Z":
                await client.writer.drain()
                self._journal.write("in", visit)
                return True

    async def _cancel(self, body: bytes, visit: Visit) -> None:
        session = await self._connect()
        session.writer.write(struct.pack("!I", len(body) + 4) + body)
        await session.reader.read()  # the server closes once the signal is sent
        await session.close()
        process = struct.unpack("!I", body[4:8])[0]
        self._journal.write("cancel", visit, reason=f"for server process {process}")

    def _refuse(self, visit: Visit, sqlstate: str | None, reason: str | None) -> None:
        self._journal.write("refused", visit, sqlstate=sqlstate, reason=reason)

    def _lost(self, visit: Visit, gone: Exception) -> None:
        reason = reasons.NOT_TLS if isinstance(gone, ssl.SSLError) else reasons.CLIENT_GONE
        self._journal.write("lost", visit, reason=f"{reason}: {gone}")


def _server_down() -> Refused:
    return Refused(
        protocol.CANNOT_CONNECT_NOW,
        "the database system is not accepting connections",
        reasons.SERVER_DOWN,
    )
