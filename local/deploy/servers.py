"""Connections to the PostgreSQL servers of one run, made as the `postgresql` provider makes them.

One stream of statements per server: two sessions that grant on one object at once fail with "tuple
concurrently updated". Other servers and the AWS API are not held up by it.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg

from local.deploy.drivers.base import DriverError
from local.deploy.socks import Forwarder, proxy_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.deploy.cloud import Cloud
    from local.deploy.wire import Properties

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

# SQLSTATE of "no privileges were granted", which PostgreSQL only warns of.
NOTHING_GRANTED = "01007"
DEFAULT_DATABASE = "postgres"
DEFAULT_PORT = 5432
DEFAULT_CONNECT_SECONDS = 180


@dataclass(frozen=True, kw_only=True)
class Login:
    """How one provider logs in."""

    host: str
    port: int
    user: str
    database: str
    sslmode: str
    sslrootcert: str
    connect_seconds: int
    region: str = ""
    role: str = ""
    iam: bool = False

    @classmethod
    def of(cls, provider: Properties, root: Path) -> Login:
        """Read the provider's inputs; relative files are below `root`."""
        bundle = provider.get("sslrootcert", "")
        return cls(
            host=provider["host"],
            port=provider.get("port", DEFAULT_PORT),
            user=provider["username"],
            database=provider.get("database", DEFAULT_DATABASE),
            sslmode=provider.get("sslmode", "require"),
            sslrootcert=str(root / bundle) if bundle else "",
            connect_seconds=provider.get("connectTimeout", DEFAULT_CONNECT_SECONDS),
            region=provider.get("awsRdsIamRegion", ""),
            role=provider.get("awsRdsIamProviderRoleArn", ""),
            iam=provider.get("awsRdsIamAuth", False),
        )


class _Server:
    """One server: its lock, its open connections, the forwarder to it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.open: dict[tuple[Login, str], Connection] = {}
        self.forwarder: Forwarder | None = None


class Servers:
    """The servers that one run talks to; `close` it at the end."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._servers: dict[tuple[str, int], _Server] = {}
        self._lock = threading.Lock()

    @contextmanager
    def connection(self, login: Login, database: str | None) -> Iterator[Connection]:
        """Hold the server and give a connection to `database`, in autocommit.

        Raises:
            DriverError: the server cannot be reached, or does not let this login in.
        """
        server = self._server(login)
        key = (login, database or login.database)
        with server.lock:
            connection = _usable(server.open.get(key)) or self._connect(server, *key)
            server.open[key] = connection
            with _ineffective_grants_fail(connection):
                yield connection

    def leave(self, login: Login, database: str) -> None:
        """Close what is open to `database`, so that it can be dropped."""
        server = self._server(login)
        with server.lock:
            for key in [key for key in server.open if key[1] == database]:
                server.open.pop(key).close()

    def close(self) -> None:
        """Close every connection."""
        for server in self._servers.values():
            for connection in server.open.values():
                connection.close()
            if server.forwarder:
                server.forwarder.close()

    def _server(self, login: Login) -> _Server:
        with self._lock:
            return self._servers.setdefault((login.host, login.port), _Server())

    def _connect(self, server: _Server, login: Login, database: str) -> Connection:
        if not login.iam:
            raise DriverError(
                f"the provider for {login.host}:{login.port} has no awsRdsIamAuth: "
                "this engine logs in with IAM tokens only"
            )
        token = self._cloud.database_token(
            host=login.host,
            port=login.port,
            user=login.user,
            region=login.region,
            role=login.role,
        )
        try:
            return psycopg.connect(
                host=login.host,
                user=login.user,
                password=token,
                dbname=database,
                sslmode=login.sslmode,
                connect_timeout=login.connect_seconds,
                fallback_application_name="deploy",
                autocommit=True,
                **_route(server, login),
            )
        except psycopg.OperationalError as error:
            reason = server.forwarder and server.forwarder.error
            raise DriverError(reason or " ".join(str(error).split())) from error


def _usable(connection: Connection | None) -> Connection | None:
    """Return `connection` if it is alive: the server may have ended it, or been replaced."""
    if connection is None:
        return None
    try:
        connection.execute("SELECT 1")
    except psycopg.Error:
        connection.close()
        return None
    return connection


def _route(server: _Server, login: Login) -> dict[str, Any]:
    """Say where to dial: the server itself, or a forwarder while the name stays the server's."""
    options: dict[str, Any] = {"port": login.port}
    if login.sslrootcert:
        options["sslrootcert"] = login.sslrootcert
    if url := proxy_for(login.host):
        server.forwarder = server.forwarder or Forwarder(url, login.host, login.port)
        server.forwarder.error = None
        options["hostaddr"] = server.forwarder.address
        options["port"] = server.forwarder.port
    return options


@contextmanager
def _ineffective_grants_fail(connection: Connection) -> Iterator[None]:
    """PostgreSQL warns when a GRANT had no effect; here that is a failure."""
    warnings: list[str] = []

    def note(diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.sqlstate == NOTHING_GRANTED:
            warnings.append(diagnostic.message_primary or "no privileges were granted")

    connection.add_notice_handler(note)
    try:
        yield
    finally:
        with suppress(ValueError):
            connection.remove_notice_handler(note)
    if warnings:
        raise DriverError("; ".join(warnings))
