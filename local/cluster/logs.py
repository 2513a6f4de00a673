"""A container's log as the API gives it: all of it, its last lines, or as it grows.

Logs are plain files without times, so nothing that asks for times is served.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from local.cluster.errors import BadRequestError

LogFile: TypeAlias = Callable[[Mapping[str, Any], str], Path]
"""Gives the file that a pod's container writes its log to; it need not be there yet."""

_UNSERVED = ("timestamps", "sinceSeconds", "sinceTime", "limitBytes", "stream")
_OFF = ("false", "False", "0")
_POLL_SECONDS = 0.2
_BLOCK_BYTES = 65_536
_ENDED = ("Succeeded", "Failed")


def chosen_container(pod: Mapping[str, Any], query: Mapping[str, str]) -> str:
    """The container whose log is asked for.

    Raises:
        BadRequestError: the pod has no such container, or several and none is named, or the
            request asks for what is not served.
    """
    name = pod["metadata"]["name"]
    for key in _UNSERVED:
        if query.get(key, "false") not in _OFF:
            raise BadRequestError(f"{key} is not served for logs by this cluster", name=name)
    spec = pod["spec"]
    containers = [one["name"] for one in spec["containers"]]
    initial = [one["name"] for one in spec.get("initContainers") or ()]
    wanted = query.get("container", "")
    if not wanted and len(containers) > 1:
        raise BadRequestError(
            f"a container name must be specified for pod {name}, choose one of: "
            f"[{' '.join(containers)}]",
            name=name,
        )
    if wanted and wanted not in (*containers, *initial):
        raise BadRequestError(f"container {wanted} is not valid for pod {name}", name=name)
    return wanted or str(containers[0])


def of_start(file: Path, query: Mapping[str, str]) -> Path:
    """The log of the container's present start, or with `previous` that of the one before.

    Raises:
        BadRequestError: it was never started again.
    """
    if query.get("previous", "false") in _OFF:
        return file
    earlier = file.with_name(f"{file.name}.previous")
    if not earlier.exists():
        raise BadRequestError(f"previous terminated container {file.parent.name!r} not found")
    return earlier


def tail_lines(query: Mapping[str, str]) -> int | None:
    """How many of the last lines are asked for; None is all of them.

    Raises:
        BadRequestError: it is no number of lines.
    """
    text = query.get("tailLines")
    if text is None:
        return None
    if not text.isdecimal():
        raise BadRequestError(f"tailLines has to be a number from 0 on, not {text!r}")
    return int(text)


def read_log(file: Path, lines: int | None) -> tuple[bytes, int]:
    """Read a log to its present end.

    Args:
        file: need not be there.
        lines: how many of the last ones; None is all.

    Returns:
        The text, and where in the file it ends.
    """
    if not file.exists():
        return b"", 0
    with file.open("rb") as log:
        text = log.read() if lines is None else b"".join(deque(log, maxlen=lines))
        return text, log.tell()


async def follow_log(
    file: Path, position: int, pod: Callable[[], Mapping[str, Any] | None], container: str
) -> AsyncIterator[bytes]:
    """Give what is added to a log, until its container has ended.

    Args:
        file: need not be there yet.
        position: where to go on.
        pod: gives the pod as it is now, or None when it is gone.
        container: the container that writes it.
    """
    while True:
        # Asked before reading: what was written before the end is then in the file.
        ended = has_ended(pod(), container)
        while added := await asyncio.to_thread(_read_from, file, position):
            position += len(added)
            yield added
        if ended:
            return
        await asyncio.sleep(_POLL_SECONDS)


def has_ended(pod: Mapping[str, Any] | None, container: str) -> bool:
    """Tell whether a container writes no more, unless it is started again."""
    if pod is None or pod.get("status", {}).get("phase") in _ENDED:
        return True
    status = pod.get("status", {})
    states = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    return any(
        one["name"] == container and "terminated" in (one.get("state") or {}) for one in states
    )


def _read_from(file: Path, position: int) -> bytes:
    if not file.exists():
        return b""
    with file.open("rb") as log:
        log.seek(position)
        return log.read(_BLOCK_BYTES)
