"""A small SOCKS5 proxy (RFC 1928: CONNECT, no authentication) on loopback.

`make tunnel` pipes this file into a pod of the cluster, where `kubectl port-forward` is the only
way to reach it; the tests run it here to see that database traffic honours `ALL_PROXY`. It
therefore uses the standard library alone. It is no general proxy: no BIND, no UDP, no passwords.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ipaddress
import struct
import sys

VERSION, NO_AUTHENTICATION, CONNECT = 5, 0, 1
IPV4, NAME, IPV6 = 1, 3, 4
SUCCEEDED, HOST_UNREACHABLE, COMMAND_NOT_SUPPORTED, ADDRESS_NOT_SUPPORTED = 0, 4, 7, 8
CHUNK_BYTES = 65536


class RefusedError(Exception):
    """The request cannot be served; `code` is the reply of RFC 1928 section 6."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


async def read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> tuple[str, int]:
    """Answer the greeting, then return the host and port that the client asks for."""
    _, methods = await reader.readexactly(2)
    await reader.readexactly(methods)
    writer.write(bytes([VERSION, NO_AUTHENTICATION]))
    _, command, _, kind = await reader.readexactly(4)
    if kind == NAME:
        (length,) = await reader.readexactly(1)
        host = (await reader.readexactly(length)).decode("idna")
    elif kind in (IPV4, IPV6):
        packed = await reader.readexactly(4 if kind == IPV4 else 16)
        host = str(ipaddress.ip_address(packed))
    else:
        raise RefusedError(ADDRESS_NOT_SUPPORTED)
    (port,) = struct.unpack("!H", await reader.readexactly(2))
    if command != CONNECT:
        raise RefusedError(COMMAND_NOT_SUPPORTED)
    return host, port


def reply(code: int) -> bytes:
    """Return the reply with `code`; the bound address stays zero, which CONNECT clients ignore."""
    return bytes([VERSION, code, 0, IPV4]) + bytes(6)


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the end of `reader`, then tell `writer`'s peer."""
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


async def serve_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one client from greeting to close."""
    with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError, OSError):
        try:
            host, port = await read_request(reader, writer)
            far_reader, far_writer = await asyncio.open_connection(host, port)
        except RefusedError as refused:
            writer.write(reply(refused.code))
            return
        except OSError:
            writer.write(reply(HOST_UNREACHABLE))
            return
        with contextlib.closing(far_writer):
            writer.write(reply(SUCCEEDED))
            print(f"connect {host}:{port}", flush=True)
            await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))


async def serve(port: int) -> None:
    """Listen on 127.0.0.1:`port` (0: any free one), print the address, serve until cancelled."""
    server = await asyncio.start_server(serve_client, "127.0.0.1", port)
    host, bound = server.sockets[0].getsockname()[:2]
    print(f"listening on {host}:{bound}", flush=True)
    async with server:
        await server.serve_forever()


def main() -> int:
    """Run the proxy until it is interrupted."""
    parser = argparse.ArgumentParser(description="SOCKS5 proxy on loopback")
    parser.add_argument("--port", type=int, default=1080, help="port; 0 takes a free one")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(parser.parse_args().port))
    return 0


if __name__ == "__main__":
    sys.exit(main())
