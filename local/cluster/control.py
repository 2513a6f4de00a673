"""The node's own HTTP server: the git repository of the DAGs, and what the operator asks.

The repository is open to everybody on this machine, read-only; all else takes the administrator's
token.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from local.cluster.place import ClusterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.cluster.node import Node
    from local.cluster.services import Services

HEALTH = "/healthz"
STATUS = "/status"
APPLY = "/apply"
RESTART = "/restart"
EXECUTE = "/exec"
REPOSITORY = "dags.git"


class Control:
    """Answers the operator.

    Args:
        node: the node.
        services: its Services.
        token: the administrator's.
        users: why pods are no users of their own; None when they are.
    """

    def __init__(self, node: Node, services: Services, token: str, users: str | None) -> None:
        self._node = node
        self._services = services
        self._token = token
        self._users = users

    def application(self, repository: Path) -> web.Application:
        """Make the application that serves this, and the repository."""
        served = web.Application()
        served.router.add_get(HEALTH, self._health)
        served.router.add_get(STATUS, self._status)
        served.router.add_post(APPLY, self._apply)
        served.router.add_post(RESTART, self._restart)
        served.router.add_post(EXECUTE, self._execute)
        served.router.add_static(f"/{REPOSITORY}", repository)
        return served

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"pid": os.getpid()})

    async def _status(self, request: web.Request) -> web.Response:
        self._check(request.headers)
        answer: dict[str, Any] = {
            "components": [asdict(component) for component in self._node.components()],
            "services": self._services.urls(),
            "users": self._users,
        }
        return web.json_response(answer)

    async def _apply(self, request: web.Request) -> web.Response:
        self._check(request.headers)
        try:
            await self._node.apply()
        except ClusterError as error:
            return web.Response(status=422, text=str(error))
        return web.Response(status=204)

    async def _restart(self, request: web.Request) -> web.Response:
        self._check(request.headers)
        asked = await request.json()
        try:
            await self._node.restart(asked["namespace"], asked["name"])
        except ClusterError as error:
            return web.Response(status=422, text=str(error))
        return web.Response(status=204)

    async def _execute(self, request: web.Request) -> web.Response:
        self._check(request.headers)
        asked = await request.json()
        try:
            ended = await self._node.execute(asked["namespace"], asked["name"], asked["command"])
        except (ClusterError, OSError) as error:
            return web.Response(status=422, text=str(error))
        return web.json_response(asdict(ended))

    def _check(self, headers: Mapping[str, str]) -> None:
        given = headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            raise web.HTTPUnauthorized(text="This takes the administrator's token.")
