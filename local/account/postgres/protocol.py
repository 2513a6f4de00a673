"""PostgreSQL's wire protocol, version 3, as far as a client's way in needs it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

# The codes that take the place of a protocol version in a first packet.
SSL_REQUEST = 80877103
GSSENC_REQUEST = 80877104
CANCEL_REQUEST = 80877102
PROTOCOL_MAJOR = 3

# Authentication requests (message R).
CLEARTEXT_PASSWORD = 3
SASL, SASL_CONTINUE, SASL_FINAL = 10, 11, 12

# PostgreSQL's own limits: MAX_STARTUP_PACKET_LENGTH, PG_MAX_AUTH_TOKEN_LENGTH, NAMEDATALEN - 1.
MAX_STARTUP_PACKET = 10_000
MAX_AUTHENTICATION_MESSAGE = 65_535
MAX_NAME = 63
# Far above what a backend says before it is ready for queries.
MAX_BACKEND_MESSAGE = 1 << 20

PROTOCOL_VIOLATION = "08P01"
INVALID_AUTHORIZATION = "28000"
INVALID_PASSWORD = "28P01"  # noqa: S105  # an SQLSTATE
CANNOT_CONNECT_NOW = "57P03"
FEATURE_NOT_SUPPORTED = "0A000"
INTERNAL_ERROR = "XX000"


class Refused(Exception):  # noqa: N818  # an outcome that the client is told, not a defect
    """A client is turned away.

    Args:
        sqlstate: what the client's driver sees.
        message: what the client sees; no more than PostgreSQL or RDS would say.
        reason: what the endpoint's log says; the message when left out.
    """

    def __init__(self, sqlstate: str, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.message = message
        self.reason = reason or message


@dataclass(frozen=True, kw_only=True)
class Startup:
    """A startup message: what the client asked for, and the packet that asks a backend the same.

    Attributes:
        packet: rebuilt from what was parsed, so that endpoint and server read the same.
    """

    user: str
    database: str
    replication: str
    packet: bytes


def message(kind: bytes, body: bytes = b"") -> bytes:
    """Frame a message."""
    return kind + struct.pack("!I", len(body) + 4) + body


def authentication(code: int, body: bytes = b"") -> bytes:
    """Frame an authentication request."""
    return message(b"R", struct.pack("!I", code) + body)


def error(sqlstate: str, text: str) -> bytes:
    """Frame a fatal ErrorResponse."""
    fields = {"S": "FATAL", "V": "FATAL", "C": sqlstate, "M": text}
    body = b"".join(f"{key}{value}\0".encode() for key, value in fields.items())
    return message(b"E", body + b"\0")


def error_fields(body: bytes) -> dict[str, str]:
    """Read an ErrorResponse: field code -> text."""
    return {
        part[:1].decode(): part[1:].decode(errors="replace") for part in body.split(b"\0") if part
    }


async def read_message(reader: asyncio.StreamReader, limit: int) -> tuple[bytes, bytes]:
    """Read one message: its kind and its body.

    Raises:
        Refused: it claims more than `limit` bytes.
        asyncio.IncompleteReadError: the other side went away.
    """
    head = await reader.readexactly(5)
    length = struct.unpack("!I", head[1:])[0] - 4
    if not 0 <= length <= limit:
        raise Refused(PROTOCOL_VIOLATION, "invalid message length")
    return head[:1], await reader.readexactly(length)


def startup_length(head: bytes) -> int:
    """Read and check the length of a first packet; it includes its own four bytes.

    Raises:
        Refused: no PostgreSQL server would read on.
    """
    length: int = struct.unpack("!I", head)[0]
    if not 8 <= length <= MAX_STARTUP_PACKET:
        raise Refused(PROTOCOL_VIOLATION, "invalid length of startup packet")
    return length


def request_code(body: bytes) -> int:
    """The code or protocol version at the head of a first packet's body."""
    code: int = struct.unpack("!I", body[:4])[0]
    return code


def parse_startup(body: bytes) -> Startup:
    """Read a startup message's body.

    Raises:
        Refused: another protocol, a malformed packet, or a user name PostgreSQL would cut short.
    """
    code = request_code(body)
    if code >> 16 != PROTOCOL_MAJOR:
        raise Refused(
            FEATURE_NOT_SUPPORTED, f"unsupported frontend protocol {code >> 16}.{code & 0xFFFF}"
        )
    parameters = _parameters(body[4:])
    user = parameters.get("user", "")
    if not user:
        raise Refused(INVALID_AUTHORIZATION, "no PostgreSQL user name specified in startup packet")
    if len(user.encode()) > MAX_NAME:  # a backend would cut it and log in somebody else
        raise Refused(INVALID_AUTHORIZATION, "user name is longer than 63 bytes")
    pairs = "".join(f"{key}\0{value}\0" for key, value in parameters.items()).encode()
    packet = body[:4] + pairs + b"\0"
    return Startup(
        user=user,
        database=parameters.get("database") or user,
        replication=parameters.get("replication", ""),
        packet=struct.pack("!I", len(packet) + 4) + packet,
    )


def _parameters(body: bytes) -> dict[str, str]:
    malformed = Refused(PROTOCOL_VIOLATION, "invalid startup packet layout")
    if not body.endswith(b"\0\0"):
        raise malformed
    try:
        parts = body[:-2].decode().split("\0")
    except UnicodeDecodeError as cause:
        raise Refused("22021", 'invalid byte sequence for encoding "UTF8"') from cause
    names, values = parts[::2], parts[1::2]
    # A name twice: PostgreSQL takes the last one, other readers the first.
    if len(names) != len(values) or len(set(names)) != len(names) or "" in names:
        raise malformed
    return dict(zip(names, values, strict=True))
