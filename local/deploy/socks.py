"""The way to a database through a SOCKS5 proxy, where the environment names one.

The rules are those of the provider's plugin (golang.org/x/net/proxy): `ALL_PROXY` with a socks5
address, `NO_PROXY` for exceptions, names resolved by the proxy, nothing excepted by itself. libpq
knows no proxies, so a small forwarder on loopback stands between them: libpq dials the forwarder
but keeps the real name, which tokens and `verify-full` need.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError
from python_socks.sync import Proxy

if TYPE_CHECKING:
    from collections.abc import Mapping

CHUNK_BYTES = 65536
CONNECT_SECONDS = 30


def proxy_for(host: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the URL of the SOCKS5 proxy through which to reach `host`, if there is one."""
    url = environment.get("ALL_PROXY") or environment.get("all_proxy") or ""
    if not url.startswith(("socks5://", "socks5h://")):
        return None
    exceptions = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    if any(_is_excepted(host, rule.strip()) for rule in exceptions.split(",")):
        return None
    return url.replace("socks5h://", "socks5://", 1)


def _is_excepted(host: str, rule: str) -> bool:
    if not rule:
        return False
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(rule, strict=False)
    except ValueError:
        zone = rule.removeprefix("*") if rule.startswith("*.") else rule
        return host == zone or (zone.startswith(".") and f".{host}".endswith(zone))


class Forwarder:
    """A listener on loopback whose connections go to one host and port through a proxy."""

    def __init__(self, url: str, host: str, port: int) -> None:
        self._url = url
        self._destination = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.error: str | None = None
        """Why the latest connection could not be made: libpq only sees that it was closed."""
        self.address, self.port = self._listener.getsockname()
        threading.Thread(target=self._accept, name="socks-forwarder", daemon=True).start()

    def close(self) -> None:
        """Accept no more; connections end with their clients."""
        # Closing alone does not wake the thread that waits in accept().
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                proxy = Proxy.from_url(self._url, rdns=True)
                server = proxy.connect(*self._destination, timeout=CONNECT_SECONDS)
            except (ProxyError, ProxyConnectionError, ProxyTimeoutError, OSError) as error:
                # The address of the proxy may hold a password: only its host and port are told.
                place = urlsplit(self._url)
                host, port = self._destination
                self.error = (
                    f"the SOCKS5 proxy {place.hostname}:{place.port} of ALL_PROXY "
                    f"does not reach {host}:{port}: {error}"
                )
                return
            with server:
                server.settimeout(None)
                back = threading.Thread(target=_copy, args=(server, client), daemon=True)
                back.start()
                _copy(client, server)
                back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(CHUNK_BYTES):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
