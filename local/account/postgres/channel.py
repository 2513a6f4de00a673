"""Byte streams: a client's connection up to its first packet, and two streams joined together.

Knows TLS and its negotiation, nothing of logins.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING

from local.account.postgres.protocol import (
    GSSENC_REQUEST,
    PROTOCOL_VIOLATION,
    SSL_REQUEST,
    Refused,
    error,
    startup_length,
)

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

ALPN = "postgresql"
_BUFFER = 1 << 18
_HANDSHAKE_SECONDS = 20
# An idle client does not answer TLS's goodbye; all it has to do is to read what it was sent.
CLOSE_SECONDS = 0.5
_TLS_RECORD = b"\x16"  # the first byte of a TLS handshake; a PostgreSQL packet begins with a zero


class Channel:
    """A stream in both directions."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def close(self) -> None:
        """Send what is buffered and close; a peer that does not take part in it is cut off."""
        self.writer.close()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.writer.wait_closed()
        except TimeoutError:
            self.writer.transport.abort()
        except asyncio.CancelledError:
            self.writer.transport.abort()
            raise
        except OSError:
            pass  # the peer was quicker


async def connect(socket_file: Path) -> Channel:
    """Connect to a server's unix socket."""
    return Channel(*await asyncio.open_unix_connection(socket_file, limit=_BUFFER))


class Client:
    """An accepted connection, first as a bare socket, then as a channel.

    It begins bare because nothing may be read ahead: bytes that follow an SSLRequest in plaintext
    must never be taken for what came through TLS.
    """

    def __init__(self, accepted: socket.socket) -> None:
        self._socket = accepted
        # From the moment that asyncio owns the socket only the transport may close it: closed here,
        # its number would go to the next client while asyncio still watches it.
        self._owned_by_asyncio = False
        self._channel: Channel | None = None
        self.tls: str | None = None

    @property
    def channel(self) -> Channel:
        """The stream, once `first_packet` has returned."""
        if self._channel is None:
            raise RuntimeError("the client has not sent its first packet yet")
        return self._channel

    async def first_packet(self, context: ssl.SSLContext, *, direct_tls: bool) -> bytes:
        """Negotiate encryption and return the body of the packet that follows.

        Args:
            context: the server's side of TLS.
            direct_tls: whether TLS may begin without being asked for (PostgreSQL 17 and later).

        Raises:
            Refused: the client does not speak PostgreSQL's protocol.
            OSError: the handshake failed, or the client went away.
            asyncio.IncompleteReadError: the client went away.
        """
        if await self._peek() == _TLS_RECORD:
            if not direct_tls:
                raise Refused(PROTOCOL_VIOLATION, "direct TLS needs PostgreSQL 17 or later")
            if await self._open(context) != ALPN:
                channel, self._channel = self.channel, None  # PostgreSQL says nothing either
                await channel.close()
                raise Refused(PROTOCOL_VIOLATION, 'direct TLS without ALPN "postgresql"')
            return await self._packet()
        asked: set[int] = set()
        while True:
            head = await self._exactly(8)
            length, code = startup_length(head[:4]), struct.unpack("!I", head[4:])[0]
            if length != 8 or code not in {SSL_REQUEST, GSSENC_REQUEST}:
                body = head[4:] + await self._exactly(length - 8)
                await self._open(None)
                return body
            if code in asked:
                raise Refused(PROTOCOL_VIOLATION, "encryption was asked for twice")
            asked.add(code)
            loop = asyncio.get_running_loop()
            if code == SSL_REQUEST:
                await loop.sock_sendall(self._socket, b"S")
                await self._open(context)
                return await self._packet()
            await loop.sock_sendall(self._socket, b"N")

    def fail(self, refused: Refused) -> None:
        """Tell the client why, if it got as far as understanding it."""
        if self._channel is not None:
            self._channel.writer.write(error(refused.sqlstate, refused.message))

    async def close(self) -> None:
        """Close whatever there is."""
        if self._channel is not None:
            await self._channel.close()
        elif not self._owned_by_asyncio:
            self._socket.close()

    async def _packet(self) -> bytes:
        length = startup_length(await self.channel.reader.readexactly(4))
        return await self.channel.reader.readexactly(length - 4)

    async def _open(self, context: ssl.SSLContext | None) -> str | None:
        """Hand the socket to asyncio, with TLS if there is a context; return the ALPN protocol."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_BUFFER)
        protocol = asyncio.StreamReaderProtocol(reader)
        timeout = None if context is None else _HANDSHAKE_SECONDS
        self._owned_by_asyncio = True
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, self._socket, ssl=context, ssl_handshake_timeout=timeout
        )
        self._channel = Channel(reader, asyncio.StreamWriter(transport, protocol, reader, loop))
        session = transport.get_extra_info("ssl_object")
        if session is None:
            return None
        self.tls = session.version()
        alpn: str | None = session.selected_alpn_protocol()
        return alpn

    async def _exactly(self, count: int) -> bytes:
        loop, received = asyncio.get_running_loop(), b""
        while len(received) < count:
            part = await loop.sock_recv(self._socket, count - len(received))
            if not part:
                raise asyncio.IncompleteReadError(received, count)
            received += part
        return received

    async def _peek(self) -> bytes:
        """Look at the first byte without taking it: a TLS handshake has to stay whole."""
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(self._socket, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(self._socket)
        return self._socket.recv(1, socket.MSG_PEEK)


async def splice(client: Channel, server: Channel) -> None:
    """Pass bytes both ways until one side is done and what it said has been passed on."""
    up = asyncio.create_task(_pump(client, server))
    down = asyncio.create_task(_pump(server, client))
    try:
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        up.cancel()
        down.cancel()
        await asyncio.wait({up, down})


async def _pump(source: Channel, sink: Channel) -> None:
    with contextlib.suppress(OSError):  # a reset is an end too
        while data := await source.reader.read(_BUFFER):
            sink.writer.write(data)
            await sink.writer.drain()
