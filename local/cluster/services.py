"""Services: the node listens at a Service's address and passes connections on to ready pods.

It is what kube-proxy does, for TCP and without session affinity. Where no pod is ready, a
connection is closed at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import TYPE_CHECKING

from local.cluster.place import ClusterError
from local.cluster.status import is_ready

if TYPE_CHECKING:
    from local.cluster.addresses import Addresses
    from local.cluster.manifests import Manifests, Object
    from local.cluster.store import Store

_BLOCK_BYTES = 65_536


class Services:
    """Listens for every Service that is declared.

    Args:
        addresses: gives each Service its address.
        store: knows which pods are ready.
    """

    def __init__(self, addresses: Addresses, store: Store) -> None:
        self._addresses = addresses
        self._store = store
        self._servers: dict[tuple[str, int], asyncio.Server] = {}
        self._declared: dict[str, Object] = {}
        self._turn = itertools.count()

    async def apply(self, manifests: Manifests) -> None:
        """Listen for what is declared now, and no longer for what was.

        Raises:
            ClusterError: a port is taken.
        """
        self._declared = {key_of(service): service for service in manifests.all("Service")}
        for key in self._declared:
            self._addresses.of_service(key)
        if not self._addresses.many:
            return  # The pod itself listens where its Service would.
        wanted = {
            (key, int(port["port"]))
            for key, service in self._declared.items()
            for port in service["spec"].get("ports") or []
        }
        for known in self._servers.keys() - wanted:
            self._servers.pop(known).close()
        for key, port in wanted - self._servers.keys():
            await self._listen(key, port)

    def close(self) -> None:
        """Listen no more."""
        for server in self._servers.values():
            server.close()
        self._servers.clear()

    def urls(self) -> dict[str, str]:
        """Service as `namespace/name` -> where its first port answers."""
        return {
            key: f"http://{self._addresses.services[key]}:{ports[0]['port']}"
            for key, service in self._declared.items()
            if (ports := service["spec"].get("ports"))
        }

    async def _listen(self, key: str, port: int) -> None:
        address = self._addresses.of_service(key)

        async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._pass_on(key, port, reader, writer)

        try:
            server = await asyncio.start_server(passed_on, address, port)
        except OSError:
            raise ClusterError(
                f"Port {port} at {address}, for Service {key}, is taken: end what listens there."
            ) from None
        self._servers[key, port] = server

    async def _pass_on(
        self, key: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Connect a client with one of the ready pods, each in its turn."""
        with contextlib.closing(writer):
            targets = self._targets(self._declared[key], port) if key in self._declared else []
            if not targets:
                return
            address, target = targets[next(self._turn) % len(targets)]
            try:
                back, forth = await asyncio.open_connection(address, target)
            except OSError:
                return
            with contextlib.closing(forth):
                await asyncio.gather(_copy(reader, forth), _copy(back, writer))

    def _targets(self, service: Object, port: int) -> list[tuple[str, int]]:
        """Address and port of every ready pod of a Service."""
        selector = ",".join(
            f"{name}={value}" for name, value in (service["spec"].get("selector") or {}).items()
        )
        declared = next(one for one in service["spec"]["ports"] if int(one["port"]) == port)
        pods = self._store.list(service["metadata"]["namespace"], selector)
        return [
            (pod["status"]["podIP"], _port_of(pod, declared.get("targetPort") or port))
            for pod in pods
            if selector and is_ready(pod)
        ]


def key_of(entry: Object) -> str:
    """An object's namespace and name, as one text."""
    return f"{entry['metadata']['namespace']}/{entry['metadata']['name']}"


def _port_of(pod: Object, port: int | str) -> int:
    """A port's number; pods may name their ports."""
    for container in pod["spec"]["containers"]:
        for declared in container.get("ports") or []:
            if declared.get("name") == port:
                return int(declared["containerPort"])
    return int(port)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Copy until the source ends, then say so to the target."""
    with contextlib.suppress(ConnectionError):
        while block := await source.read(_BLOCK_BYTES):
            target.write(block)
            await target.drain()
    with contextlib.suppress(OSError):
        target.write_eof()
