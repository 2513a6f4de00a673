"""The data plane of RDS on this machine: one PostgreSQL server and one endpoint per instance.

It knows instances only while they run; which ones exist is the account's to remember.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ipaddress
import re
import shutil
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from local.account.postgres import binaries
from local.account.postgres.endpoint import BACKLOG, Endpoint
from local.account.postgres.instance import InstanceError
from local.account.postgres.journal import Journal
from local.account.postgres.layout import Layout, make_own
from local.account.postgres.logins import Logins
from local.account.postgres.process import RunAs, end_orphan
from local.account.postgres.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path

    from local.account.postgres.identities import Identities
    from local.account.postgres.instance import InstanceSpec
    from local.account.tls import CertificateAuthority

T = TypeVar("T")
_LOOPBACK = ipaddress.IPv4Network("127.0.0.0/8")
_IDENTIFIER = re.compile(r"[a-z][a-z0-9-]{0,62}")  # RDS's rule
_FIXED = ("identifier", "major", "master_username")


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(kw_only=True)
class _Instance:
    """A running instance."""

    server: Server
    endpoint: Endpoint


class DataPlane:
    """Creates, starts, changes and deletes database instances; blocking and thread-safe.

    Files: as an ordinary user data directories lie in `folder` and only sockets in
    `runtime_folder`. As root the servers run as `nobody`, so everything lies in `runtime_folder`,
    which therefore needs parents that everyone may enter (not 0700). Its path has to be short: a
    socket's path has at most 107 bytes. `remove_files` removes both.

    Args:
        folder: an instance's folder each; made when missing.
        runtime_folder: a short folder of our own, see above; made when missing.
        address: the loopback address at which every endpoint listens.
        authority: issues the endpoints' certificates.
        identities: who holds which access key, and what they may.
        log_folder: `<identifier>.log`, JSON lines: who came in and who was refused, and why.
        now: the clock that tokens' ages are measured with.

    Raises:
        InstanceError: `address` is not loopback, or `runtime_folder` is not ours.
    """

    def __init__(
        self,
        *,
        folder: Path,
        runtime_folder: Path,
        address: str,
        authority: CertificateAuthority,
        identities: Identities,
        log_folder: Path,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        _check_loopback(address)
        self._run_as = RunAs.for_servers()
        make_own(runtime_folder, mode=0o711 if self._run_as.is_another else 0o700)
        log_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._home = runtime_folder if self._run_as.is_another else folder
        self._runtime_folder = runtime_folder
        self._address = address
        self._authority = authority
        self._identities = identities
        self._log_folder = log_folder
        self._now = now
        self._instances: dict[str, _Instance] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="endpoints", daemon=True
        )
        self._thread.start()

    def create(self, spec: InstanceSpec, master_password: str) -> None:
        """Make a new instance and start it; returns when clients can log in.

        Raises:
            InstanceError: it exists, its port is taken, or PostgreSQL does not take its settings.
        """
        with self._lock(spec.identifier), _bound(self._address, spec.port) as listening:
            server = self._server(spec)
            server.create(master_password)
            self._open(server, listening)

    def start(self, spec: InstanceSpec) -> None:
        """Start an instance that was made before, after a crash of this process too.

        Raises:
            InstanceError: there is no such instance, its port is taken, or it does not come up.
        """
        with self._lock(spec.identifier):
            if spec.identifier in self._instances:
                raise InstanceError(f"The instance {spec.identifier} runs already.")
            with _bound(self._address, spec.port) as listening:
                server = self._server(spec)
                server.start()
                self._open(server, listening)

    def exists(self, identifier: str) -> bool:
        """Whether the instance was made to its end, running or not."""
        return self._layout(identifier).complete.exists()

    def modify(self, spec: InstanceSpec, master_password: str | None = None) -> None:
        """Apply what differs in `spec`; static parameters wait for `restart`, as on RDS.

        Args:
            spec: the instance as it shall be; another port moves the endpoint, sessions go on.
            master_password: the master user's new password, if it shall have one.

        Raises:
            InstanceError: it does not run, or something is changed that cannot be.
        """
        with self._lock(spec.identifier):
            instance = self._running(spec.identifier)
            before = instance.server.spec
            for name in _FIXED:
                if getattr(spec, name) != getattr(before, name):
                    raise InstanceError(
                        f"{name} of the instance {spec.identifier} is {getattr(before, name)} and "
                        f"cannot become {getattr(spec, name)} on this machine: make a new instance."
                    )
            with contextlib.ExitStack() as stack:
                listening = None
                if spec.port != before.port:
                    listening = stack.enter_context(_bound(self._address, spec.port))
                instance.server.configure(spec)
                instance.server.reload()
                if master_password is not None:
                    instance.server.set_master_password(master_password)
                self._call(instance.endpoint.change(spec, listening))

    def pending_restart(self, identifier: str) -> tuple[str, ...]:
        """The names of static parameters that wait for `restart`."""
        with self._lock(identifier):
            return self._running(identifier).server.pending_restart()

    def restart(self, identifier: str) -> None:
        """Reboot the instance: sessions end, static parameters take effect."""
        with self._lock(identifier):
            self._running(identifier).server.restart()

    def stop(self, identifier: str) -> None:
        """Stop the instance, keeping its data; nothing happens when it does not run."""
        with self._lock(identifier):
            self._stop(identifier)

    def delete(self, identifier: str) -> None:
        """Stop the instance and remove its files; its endpoint's log stays."""
        with self._lock(identifier):
            self._stop(identifier)
            self._layout(identifier).remove()

    def stop_all(self) -> None:
        """Stop every instance, keeping their data; the plane is not used after it."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(self.stop, list(self._instances)))
        self._call(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextlib.contextmanager
    def _lock(self, identifier: str) -> Iterator[None]:
        """One change at a time for each instance; different ones go side by side."""
        if not _IDENTIFIER.fullmatch(identifier):
            raise InstanceError(
                f"The instance identifier {identifier!r} is not valid: at most 63 small letters, "
                "digits and dashes, a letter first."
            )
        with self._guard:
            lock = self._locks.setdefault(identifier, threading.Lock())
        with lock:
            yield

    def _layout(self, identifier: str) -> Layout:
        # The dots keep these apart from instances' folders, whose names have none.
        sockets = f"{hashlib.sha256(identifier.encode()).hexdigest()[:8]}.s"
        return Layout(home=self._home / identifier, sockets=self._runtime_folder / sockets)

    def _server(self, spec: InstanceSpec) -> Server:
        programs = binaries.find(spec.major)
        if self._run_as.is_another:
            with self._guard:
                programs = programs.copy_to(self._runtime_folder / ".programs")
        return Server(
            spec, binaries=programs, layout=self._layout(spec.identifier), run_as=self._run_as
        )

    def _open(self, server: Server, listening: socket.socket) -> None:
        """Let clients in to a server that runs."""
        certificate = self._authority.issue(self._address, server.layout.home)
        journal = Journal(self._log_folder / f"{server.spec.identifier}.log", self._now)

        async def listen() -> Endpoint:
            endpoint = Endpoint(
                spec=server.spec,
                address=self._address,
                server=server.layout.socket,
                certificate=certificate,
                logins=Logins(server.conninfo()),
                identities=self._identities,
                journal=journal,
                now=self._now,
            )
            endpoint.listen(listening)
            return endpoint

        endpoint = self._call(listen())
        self._instances[server.spec.identifier] = _Instance(server=server, endpoint=endpoint)

    def _stop(self, identifier: str) -> None:
        instance = self._instances.pop(identifier, None)
        if instance is not None:
            instance.server.stop()
            self._call(instance.endpoint.close())

    def _running(self, identifier: str) -> _Instance:
        try:
            return self._instances[identifier]
        except KeyError:
            raise InstanceError(f"The instance {identifier} does not run: start it.") from None

    def _call(self, coroutine: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


def remove_files(*, folder: Path, runtime_folder: Path) -> None:
    """Remove all instances of a data plane that runs no more, and end servers it left behind."""
    for home in (folder, runtime_folder):
        for data in home.glob("*/data"):
            end_orphan(data)
        shutil.rmtree(home, ignore_errors=True)


def _check_loopback(address: str) -> None:
    try:
        loopback = ipaddress.IPv4Address(address) in _LOOPBACK
    except ValueError:
        loopback = False
    if not loopback:
        raise InstanceError(
            f"The address {address} is not allowed: endpoints listen on loopback only, 127.0.0.0/8."
        )


@contextlib.contextmanager
def _bound(address: str, port: int) -> Iterator[socket.socket]:
    """A listening socket, closed again if what follows fails; clients wait until it is served."""
    listening = socket.socket()
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((address, port))
            listening.listen(BACKLOG)
        except OSError as cause:
            raise InstanceError(
                f"Port {port} of {address} cannot be listened on ({cause.strerror}): "
                "choose another port for the instance."
            ) from cause
        yield listening
    except BaseException:
        listening.close()
        raise
