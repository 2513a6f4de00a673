"""Asking the cluster's process itself, as its administrator: where it answers, and what it says."""

from __future__ import annotations

import contextlib
import http.client
import json
from pathlib import Path
from typing import TYPE_CHECKING

from local.cluster.place import ClusterError, cluster_folder

if TYPE_CHECKING:
    from local.paths import Paths

# A command in a pod is often an interpreter that imports all of Airflow.
_SECONDS = 120


def order(paths: Paths, route: str, **what: object) -> bytes:
    """Have the cluster do something, and return what it answers.

    Raises:
        ClusterError: it does not answer, or does not do it.
    """
    code, answer = ask(paths, "POST", route, json.dumps(what))
    if code >= http.client.BAD_REQUEST:
        raise ClusterError(answer.decode())
    return answer


def ask(paths: Paths, method: str, route: str, body: str | None = None) -> tuple[int, bytes]:
    """Ask the cluster; return the status and the content of its answer.

    Raises:
        ClusterError: it does not answer.
    """
    try:
        address = addresses(paths)["git"]
        token = (cluster_folder(paths) / "admin-token").read_text("utf-8").strip()
        headers = {"Authorization": f"Bearer {token}"}
        with contextlib.closing(http.client.HTTPConnection(address, timeout=_SECONDS)) as server:
            server.request(method, route, body, headers)
            response = server.getresponse()
            return response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        raise ClusterError(f"The cluster does not answer: {error}.") from None


def addresses(paths: Paths) -> dict[str, str]:
    """Where the Kubernetes API and the node's own server answer."""
    content: dict[str, str] = json.loads(address_file(paths).read_bytes())
    return content


def address_file(paths: Paths) -> Path:
    """The file that says so while the cluster runs."""
    return cluster_folder(paths) / "address"
