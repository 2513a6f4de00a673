"""What a client may send before it is known: malformed, hostile or merely unlucky bytes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import struct
import time
from typing import TYPE_CHECKING

import asyncpg
import psutil
import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.local.instance_client import Instance

SSL_REQUEST = struct.pack("!II", 8, 80877103)
GSSENC_REQUEST = struct.pack("!II", 8, 80877104)


def startup(**parameters: str) -> bytes:
    pairs = b"".join(f"{key}\0{value}\0".encode() for key, value in parameters.items())
    return packet(struct.pack("!I", 3 << 16) + pairs + b"\0")


def packet(body: bytes) -> bytes:
    return struct.pack("!I", len(body) + 4) + body


@pytest.fixture
def bare(instance: Instance) -> Iterator[socket.socket]:
    with socket.create_connection((instance.address, instance.spec.port), timeout=10) as client:
        yield client


def encrypted(instance: Instance, bare: socket.socket) -> ssl.SSLSocket:
    bare.sendall(SSL_REQUEST)
    assert bare.recv(1) == b"S"
    context = ssl.create_default_context(cafile=str(instance.ca))
    return context.wrap_socket(bare, server_hostname=instance.address)


def everything(client: socket.socket) -> bytes:
    """What the endpoint says until it hangs up."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(4096):
            received += part
    return received


def test_gss_is_declined_and_tls_may_follow(instance: Instance, bare: socket.socket) -> None:
    bare.sendall(GSSENC_REQUEST)
    assert bare.recv(1) == b"N"

    with encrypted(instance, bare) as client:
        client.sendall(startup(user="rdsadmin"))
        assert b"rejects connection" in everything(client)


def test_encryption_is_asked_for_once(bare: socket.socket) -> None:
    bare.sendall(GSSENC_REQUEST)
    assert bare.recv(1) == b"N"
    bare.sendall(GSSENC_REQUEST)

    assert everything(bare) == b""


def test_plaintext_stuffed_behind_the_request_is_never_believed(
    instance: Instance, bare: socket.socket
) -> None:
    """A man in the middle may add bytes in plaintext; they must not count as sent through TLS."""
    bare.sendall(SSL_REQUEST + startup(user="stuffed", database="postgres"))
    assert bare.recv(1) == b"S"

    context = ssl.create_default_context(cafile=str(instance.ca))
    with pytest.raises((ssl.SSLError, OSError)):
        context.wrap_socket(bare, server_hostname=instance.address)

    assert not instance.lines(user="stuffed")


@pytest.mark.parametrize(
    ("body", "sqlstate"),
    [
        (b"", "08P01"),
        (b"\0", "08P01"),
        (b"user\0", "08P01"),
        (b"user\0x\0", "08P01"),
        (b"user\0x\0database\0\0\0y", "08P01"),
        (b"user\0x\0user\0rdsadmin\0\0", "08P01"),
        (b"\0x\0\0", "08P01"),
        (b"database\0postgres\0\0", "28000"),
        (b"user\0\xff\xfe\0\0", "22021"),
    ],
)
def test_malformed_startup(
    instance: Instance, bare: socket.socket, body: bytes, sqlstate: str
) -> None:
    with encrypted(instance, bare) as client:
        client.sendall(packet(struct.pack("!I", 3 << 16) + body))
        answer = everything(client)

    assert answer[:1] == b"E"
    assert f"C{sqlstate}\0".encode() in answer


@pytest.mark.parametrize("length", [0, 4, 7, 10_001, 2**31, 2**32 - 1])
def test_impossible_length(bare: socket.socket, length: int) -> None:
    bare.sendall(struct.pack("!II", length, 3 << 16))

    assert everything(bare) == b""


@pytest.mark.parametrize("version", [2 << 16, 4 << 16, 1234 << 16 | 1])
def test_other_protocols(instance: Instance, bare: socket.socket, version: int) -> None:
    with encrypted(instance, bare) as client:
        client.sendall(packet(struct.pack("!I", version) + b"user\0x\0\0"))

        assert b"C0A000\0" in everything(client)


def test_cancel_request_gets_no_answer(bare: socket.socket) -> None:
    bare.sendall(packet(struct.pack("!III", 80877102, 1, 1)))

    assert everything(bare) == b""


def test_something_else_than_a_password(instance: Instance, bare: socket.socket) -> None:
    user = instance.login(iam=True)
    with encrypted(instance, bare) as client:
        client.sendall(startup(user=user, database="postgres"))
        assert client.recv(100) == b"R" + struct.pack("!II", 8, 3)
        client.sendall(b"Q" + packet(b"SELECT 1\0"))

        assert b"C08P01\0" in everything(client)


@pytest.mark.parametrize(
    "answer",
    [
        b"SCRAM-SHA-256\0" + struct.pack("!i", -1),
        b"SCRAM-SHA-256\0" + struct.pack("!I", 3) + b"n,,",
        b"SCRAM-SHA-256\0" + struct.pack("!I", 9) + b"p=x,,n=,r",
        b"SCRAM-SHA-1\0" + struct.pack("!I", 9) + b"n,,n=,r=x",
        b"SCRAM-SHA-256\0" + struct.pack("!I", 9) + b"y,,n=,r=x",
        b"no mechanism at all",
        b"\xff\xfe\0\xff\xff\xff\xff\xff\xff",
        b"",
    ],
)
def test_malformed_scram(instance: Instance, bare: socket.socket, answer: bytes) -> None:
    with encrypted(instance, bare) as client:
        client.sendall(startup(user="somebody", database="postgres"))
        assert client.recv(100)[:1] == b"R"
        client.sendall(b"p" + packet(answer))
        said = everything(client)

    assert b"C08P01\0" in said or b"SCRAM channel binding negotiation error" in said


def test_failed_handshake_then_a_good_client(instance: Instance) -> None:
    """A socket closed twice would take the next client's with it, as numbers are used again."""
    user = instance.login(password="correct-horse")
    for _ in range(20):
        with socket.create_connection((instance.address, instance.spec.port)) as client:
            client.sendall(SSL_REQUEST)
            assert client.recv(1) == b"S"
            client.sendall(b"this is no handshake at all")
        began = time.monotonic()

        instance.connect(user, "correct-horse").close()

        assert time.monotonic() - began < 5


def test_client_that_says_nothing_does_not_keep_others_out(
    instance: Instance, bare: socket.socket
) -> None:
    user = instance.login(password="correct-horse")

    instance.connect(user, "correct-horse").close()

    bare.close()


def test_client_that_leaves_in_the_middle(instance: Instance, bare: socket.socket) -> None:
    user = instance.login(iam=True)
    with encrypted(instance, bare) as client:
        client.sendall(startup(user=user, database="postgres"))
        assert client.recv(1) == b"R"

    assert instance.line(user=user)["reason"].startswith("the client went away")


def test_direct_tls_needs_alpn(instance: Instance) -> None:
    user = instance.login(password="correct-horse")
    context = ssl.create_default_context(cafile=str(instance.ca))

    async def query() -> object:
        connection = await asyncpg.connect(
            host=instance.address,
            port=instance.spec.port,
            user=user,
            password="correct-horse",
            database="postgres",
            ssl=context,
            direct_tls=True,
        )
        try:
            return await connection.fetchval("SELECT 1")
        finally:
            await connection.close()

    with pytest.raises((OSError, asyncpg.ConnectionDoesNotExistError)):
        asyncio.run(query())
    context.set_alpn_protocols(["postgresql"])
    if instance.spec.major >= 17:
        assert asyncio.run(query()) == 1
    else:
        with pytest.raises((OSError, asyncpg.ConnectionDoesNotExistError)):
            asyncio.run(query())


def test_unknown_users_are_not_told_apart(instance: Instance) -> None:
    """Salt and iterations of a user who does not exist are the same at each attempt."""
    challenges = []
    for _ in range(2):
        with (
            socket.create_connection((instance.address, instance.spec.port)) as bare,
            encrypted(instance, bare) as client,
        ):
            client.sendall(startup(user="never_was", database="postgres"))
            assert client.recv(100)[:1] == b"R"
            client.sendall(b"p" + packet(b"SCRAM-SHA-256\0" + struct.pack("!I", 9) + b"n,,n=,r=x"))
            challenges.append(client.recv(200).partition(b",s=")[2])

    assert challenges[0] == challenges[1] != b""


def test_nothing_waits_for_acknowledgements(bare: socket.socket) -> None:
    """Without TCP_NODELAY a login takes 80 ms longer: its messages are small and take turns."""
    bare.sendall(SSL_REQUEST)
    assert bare.recv(1) == b"S"

    numbers = [
        connection.fd
        for connection in psutil.Process().net_connections("tcp4")
        if connection.raddr == bare.getsockname()
    ]

    assert len(numbers) == 1
    with socket.socket(fileno=os.dup(numbers[0])) as accepted:
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("value", ["true", "t", "on", "1", "yes", "database"])
def test_replication(instance: Instance, bare: socket.socket, value: str) -> None:
    with encrypted(instance, bare) as client:
        client.sendall(startup(user="someone", database="postgres", replication=value))

        assert b"no pg_hba.conf entry for replication connection from host" in everything(client)


def test_wrong_password_is_told_as_postgresql_does(instance: Instance) -> None:
    with pytest.raises(psycopg.OperationalError) as caught:
        instance.connect("never_was", "anything")

    assert 'FATAL:  password authentication failed for user "never_was"' in str(caught.value)
