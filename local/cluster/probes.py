"""Startup, readiness and liveness probes: by a command, by HTTP and by TCP.

One difference to the kubelet: until it first succeeds, a startup or readiness probe is asked at
least once a second, so that nobody waits for nothing. How long a start may take is as declared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import aiohttp

from local.cluster.execution import Inside, execute

if TYPE_CHECKING:
    from local.cluster.manifests import Object

# A command is a process, and often an interpreter; a connection is nearly nothing.
_FIRST_PERIOD_SECONDS = {True: 1.0, False: 0.1}


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is probed.

    Attributes:
        address: the pod's address.
        ports: the container's named ports.
        inside: what a command finds in the container.
    """

    address: str
    ports: Mapping[str, int]
    inside: Inside


class Tell(Protocol):
    """Is told what a probe found."""

    def __call__(self, *, ready: bool) -> None:
        """Take it in."""


class Probe:
    """One probe of a container.

    Args:
        declared: the probe as the manifest has it.
        target: what it asks.
    """

    def __init__(self, declared: Object, target: Target) -> None:
        self._declared = declared
        self._target = target
        self._timeout = float(declared.get("timeoutSeconds") or 1)
        self.period = float(declared.get("periodSeconds") or 10)
        self.delay = float(declared.get("initialDelaySeconds") or 0)
        self.failures = int(declared.get("failureThreshold") or 3)
        self.successes = int(declared.get("successThreshold") or 1)
        self._first_period = min(self.period, _FIRST_PERIOD_SECONDS["exec" in declared])

    async def until_first_success(self) -> bool:
        """Ask until it succeeds; False when it did not in the time that the manifest gives."""
        await asyncio.sleep(self.delay)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.period * self.failures
        while not await self.succeeds():
            if loop.time() >= deadline:
                return False
            await asyncio.sleep(self._first_period)
        return True

    async def follow(self, tell: Tell) -> None:
        """Ask for ever, and tell each time the thresholds are met."""
        await asyncio.sleep(self.delay)
        in_a_row, was_good, ever_good = 0, None, False
        while True:
            good = await self.succeeds()
            in_a_row = in_a_row + 1 if good == was_good else 1
            was_good, ever_good = good, ever_good or good
            if in_a_row >= (self.successes if good else self.failures):
                tell(ready=good)
            await asyncio.sleep(self.period if ever_good else self._first_period)

    async def survives(self) -> None:
        """Ask until it has failed as often in a row as the manifest allows."""
        await asyncio.sleep(self.delay)
        failed = 0
        while failed < self.failures:
            failed = 0 if await self.succeeds() else failed + 1
            if failed < self.failures:
                await asyncio.sleep(self.period)

    async def succeeds(self) -> bool:
        """Ask once."""
        asked: Awaitable[bool]
        if "exec" in self._declared:
            asked = self._command(self._declared["exec"]["command"])
        elif "httpGet" in self._declared:
            asked = self._http(self._declared["httpGet"])
        else:
            asked = self._tcp(self._declared["tcpSocket"])
        try:
            async with asyncio.timeout(self._timeout):
                return await asked
        except (TimeoutError, OSError, aiohttp.ClientError):
            return False

    async def _command(self, command: list[str]) -> bool:
        return (await execute(command, self._target.inside)).code == 0

    async def _http(self, request: Object) -> bool:
        host = self._target.inside.translate(request.get("host") or "") or self._target.address
        scheme = (request.get("scheme") or "HTTP").lower()
        path = "/" + (request.get("path") or "/").lstrip("/")
        url = f"{scheme}://{host}:{self._port(request['port'])}{path}"
        headers = {one["name"]: one["value"] for one in request.get("httpHeaders") or []}
        # The kubelet does not check certificates either.
        connector = aiohttp.TCPConnector(ssl=False)
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get(url, headers=headers, allow_redirects=False) as response,
        ):
            return 200 <= response.status < 400

    async def _tcp(self, request: Object) -> bool:
        host = self._target.inside.translate(request.get("host") or "") or self._target.address
        _, writer = await asyncio.open_connection(host, self._port(request["port"]))
        writer.close()
        return True

    def _port(self, port: int | str) -> int:
        return self._target.ports.get(str(port)) or int(port)
