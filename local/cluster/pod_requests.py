"""What the API does with pods, one method for each verb."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from aiohttp import web

from local.cluster import logs
from local.cluster.admission import Admission
from local.cluster.errors import BadRequestError, ConflictError, ExpiredError, no_such_pod
from local.cluster.requests import Request, is_true
from local.cluster.selectors import Selection
from local.cluster.store import Pod, Store
from local.cluster.watches import Watch

Handler: TypeAlias = Callable[[Request, web.Request], Awaitable[web.StreamResponse]]

# Kubernetes ends watches after 30 to 60 minutes when the client does not say.
_WATCH_SECONDS = 1800
_PARTIAL = "as=PartialObjectMetadataList"


class PodRequests:
    """Answers requests about pods that are authorized already.

    Args:
        store: the pods.
        admission: decides on new ones.
        log_file: where containers' logs are.
    """

    def __init__(self, store: Store, admission: Admission, log_file: logs.LogFile) -> None:
        self._store = store
        self._admission = admission
        self._log_file = log_file

    @property
    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """The handler for each resource and verb that is served."""
        return {
            ("pods", "create"): self._create,
            ("pods", "get"): self._get,
            ("pods", "list"): self._list,
            ("pods", "watch"): self._watch,
            ("pods", "patch"): self._patch,
            ("pods", "delete"): self._delete,
            ("pods/log", "get"): self._log,
        }

    async def _create(self, asked: Request, request: web.Request) -> web.Response:
        pod = self._admission.admit(await _body(request), asked.namespace)
        return web.json_response(self._store.create(pod), status=201)

    async def _get(self, asked: Request, _: web.Request) -> web.Response:
        return web.json_response(self._existing(asked))

    async def _list(self, asked: Request, request: web.Request) -> web.Response:
        pods = self._store.select(_selection(asked, request))
        partial = _PARTIAL in request.headers.get("Accept", "")
        return web.json_response(
            {
                "kind": "PartialObjectMetadataList" if partial else "PodList",
                "apiVersion": "meta.k8s.io/v1" if partial else "v1",
                "metadata": {"resourceVersion": str(self._store.version)},
                "items": [_partial(pod) for pod in pods] if partial else pods,
            }
        )

    async def _watch(self, asked: Request, request: web.Request) -> web.StreamResponse:
        selection, since = _selection(asked, request), _number(request, "resourceVersion")
        seconds = _number(request, "timeoutSeconds") or _WATCH_SECONDS
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        try:
            watch = Watch(self._store, selection, since or None)
        except ExpiredError as error:
            await response.prepare(request)
            await response.write(_line({"type": "ERROR", "object": error.status()}))
            return response
        # A client that has gone, and the end of its time, are both a watch's ordinary end.
        with watch, contextlib.suppress(TimeoutError, ConnectionResetError):
            await response.prepare(request)
            async with asyncio.timeout(seconds):
                async for event in watch:
                    await response.write(_line(event))
        return response

    async def _patch(self, asked: Request, request: web.Request) -> web.Response:
        self._existing(asked)
        patch = await _body(request)
        return web.json_response(
            self._store.patch(asked.namespace, asked.name, patch, request.content_type)
        )

    async def _delete(self, asked: Request, request: web.Request) -> web.Response:
        options = await _body(request) if request.can_read_body else {}
        if not isinstance(options, dict):
            raise BadRequestError("the body of a deletion has to be DeleteOptions")
        grace = options.get("gracePeriodSeconds", _number(request, "gracePeriodSeconds"))
        if grace is not None and (not isinstance(grace, int) or grace < 0):
            raise BadRequestError(f"gracePeriodSeconds has to be a number from 0 on, not {grace!r}")
        _check_preconditions(self._existing(asked), options.get("preconditions") or {})
        pod = self._store.request_deletion(asked.namespace, asked.name, grace)
        return web.json_response(pod)

    async def _log(self, asked: Request, request: web.Request) -> web.StreamResponse:
        pod = self._existing(asked)
        container = logs.chosen_container(pod, request.query)
        lines = logs.tail_lines(request.query)
        file = logs.of_start(self._log_file(pod, container), request.query)
        follow = is_true(request.query.get("follow", ""))
        if not follow and not file.exists() and pod["status"].get("phase") == "Pending":
            raise BadRequestError(
                f'container "{container}" in pod "{asked.name}" is waiting to start: '
                "ContainerCreating",
                name=asked.name,
            )
        text, position = await asyncio.to_thread(logs.read_log, file, lines)
        if not follow:
            return web.Response(body=text, content_type="text/plain")
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})

        def current() -> Pod | None:
            now = self._store.get(asked.namespace, asked.name)
            # Another pod of this name has a log of its own.
            return now if now and now["metadata"]["uid"] == pod["metadata"]["uid"] else None

        with contextlib.suppress(ConnectionResetError):
            await response.prepare(request)
            await response.write(text)
            async for added in logs.follow_log(file, position, current, container):
                await response.write(added)
        return response

    def _existing(self, asked: Request) -> Pod:
        pod = self._store.get(asked.namespace, asked.name)
        if pod is None:
            raise no_such_pod(asked.name)
        return pod


def _selection(asked: Request, request: web.Request) -> Selection:
    return Selection.parse(
        asked.namespace or None,
        request.query.get("labelSelector", ""),
        request.query.get("fieldSelector", ""),
    )


def _number(request: web.Request, key: str) -> int | None:
    text = request.query.get(key, "")
    if not text:
        return None
    if not text.isdecimal():
        raise BadRequestError(f"{key} has to be a number from 0 on, not {text!r}")
    return int(text)


async def _body(request: web.Request) -> Any:  # noqa: ANN401 - whatever JSON the client sent
    try:
        return json.loads(await request.read())
    except ValueError:
        raise BadRequestError("the body of the request is not JSON") from None


def _check_preconditions(pod: Pod, preconditions: Mapping[str, Any]) -> None:
    name = pod["metadata"]["name"]
    for key in ("uid", "resourceVersion"):
        wanted, has = preconditions.get(key), pod["metadata"][key]
        if wanted not in (None, has):
            raise ConflictError(
                f'Operation cannot be fulfilled on pods "{name}": Precondition failed: {key} in '
                f"precondition: {wanted}, {key} in object meta: {has}",
                name=name,
            )


def _partial(pod: Pod) -> Pod:
    kind = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
    return {**kind, "metadata": pod["metadata"]}


def _line(event: Mapping[str, Any]) -> bytes:
    return json.dumps(event).encode() + b"\n"
