"""The Kubernetes API of this machine: the part of it that is about pods.

Who calls is proven, and what they may do decided, here and for every path, before anything else
looks at a request. Objects other than pods come from the manifests and are not served.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from local.account.tls import CertificateAuthority
from local.cluster.admission import Admission
from local.cluster.errors import (
    BadRequestError,
    MethodNotAllowedError,
    NotFoundError,
    RequestEntityTooLargeError,
    StatusError,
    UnsupportedMediaTypeError,
)
from local.cluster.logs import LogFile
from local.cluster.pod_requests import PodRequests
from local.cluster.rbac import Authorizer
from local.cluster.requests import Request, understand
from local.cluster.store import Store
from local.cluster.tokens import Authenticator, User

log = logging.getLogger(__name__)

# Kubernetes' limit for a request.
_BODY_BYTES = 3 * 1024 * 1024
# Watches do not end by themselves, and clients open them again.
_SHUTDOWN_SECONDS = 0.5
_HEALTH = ("/livez", "/readyz", "/healthz")
_VERBS = ["create", "delete", "get", "list", "patch", "watch"]
_DOCUMENTS: Mapping[str, Mapping[str, Any]] = {
    "/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.0-local"},
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [
            {
                "name": "pods",
                "singularName": "pod",
                "namespaced": True,
                "kind": "Pod",
                "verbs": _VERBS,
            },
            {
                "name": "pods/log",
                "singularName": "",
                "namespaced": True,
                "kind": "Pod",
                "verbs": ["get"],
            },
        ],
    },
}


class Api:
    """Answers every request of the application."""

    def __init__(
        self, authenticator: Authenticator, authorizer: Authorizer, pods: PodRequests
    ) -> None:
        self._authenticator = authenticator
        self._authorizer = authorizer
        self._handlers = pods.handlers

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a request; a refusal is a Status object, and is logged with who asked."""
        if request.path in _HEALTH:
            return web.Response(text="ok")
        who = "nobody known"
        try:
            user = self._authenticator.authenticate(request.headers.get("Authorization", ""))
            who = user.name
            return await self._carry_out(user, request)
        except StatusError as refusal:
            error = refusal
        except web.HTTPRequestEntityTooLarge:
            error = RequestEntityTooLargeError(f"limit is {_BODY_BYTES}")
        except Exception:
            log.exception("%s %s", request.method, request.path)
            error = StatusError("Internal error occurred: see the cluster's log")
        log.info("%s: %s %s: %d %s", who, request.method, request.path, error.code, error.message)
        return web.json_response(error.status(), status=error.code)

    async def _carry_out(self, user: User, request: web.Request) -> web.StreamResponse:
        asked = understand(request.method, request.path, request.query)
        self._authorizer.authorize(user, asked)
        if not asked.resource:
            return _document(asked)
        handler = self._handlers.get((asked.full_resource, asked.verb))
        if handler is None or (asked.verb not in ("list", "watch") and not asked.namespace):
            raise _unserved(asked, {resource for resource, _ in self._handlers})
        if "dryRun" in request.query:
            raise BadRequestError("dryRun is not served by this cluster: leave it out")
        if asked.verb == "create":
            _check_media_type(request)
        return await handler(asked, request)


def application(
    *,
    store: Store,
    authenticator: Authenticator,
    authorizer: Authorizer,
    admission: Admission,
    log_file: LogFile,
) -> web.Application:
    """Make the application that serves the API.

    Args:
        store: the pods.
        authenticator: tells who calls.
        authorizer: decides what they may.
        admission: decides which pods may be created.
        log_file: tells where a container's log is.
    """
    api = Api(authenticator, authorizer, PodRequests(store, admission, log_file))
    served = web.Application(client_max_size=_BODY_BYTES)
    served.router.add_route("*", "/{path:.*}", api.answer)
    return served


async def serve(
    served: web.Application,
    *,
    address: str,
    port: int,
    authority: CertificateAuthority,
    folder: Path,
) -> web.AppRunner:
    """Serve the application over TLS until the runner's `cleanup`.

    Args:
        served: what `application` made.
        address: a loopback address.
        port: where to listen.
        authority: signs the server's certificate; clients verify it with its `ca.pem`.
        folder: gets the certificate and its key; it has to exist.

    Raises:
        OSError: the port is taken.
    """
    issued = authority.issue(address, folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    # Without cancellation a watch would live on after its client, until its time is over.
    runner = web.AppRunner(
        served, access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_SECONDS
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, address, port, ssl_context=context).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner


def _document(asked: Request) -> web.Response:
    document = _DOCUMENTS.get(asked.path.rstrip("/"))
    if document is None or asked.verb != "get":
        raise NotFoundError("the server could not find the requested resource")
    return web.json_response(document)


def _check_media_type(request: web.Request) -> None:
    # Without one it is JSON: the official client for Python sends none.
    if "Content-Type" in request.headers and request.content_type != "application/json":
        raise UnsupportedMediaTypeError(
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json"
        )


def _unserved(asked: Request, resources: set[str]) -> StatusError:
    if asked.full_resource in resources:
        return MethodNotAllowedError(
            "the server does not allow this method on the requested resource"
        )
    return NotFoundError("the server could not find the requested resource")
