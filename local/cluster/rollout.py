"""What `kubectl rollout restart`, `rollout status` and `exec` do on a real cluster."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from local.cluster import control, service
from local.cluster.asking import order
from local.cluster.execution import Executed

if TYPE_CHECKING:
    from local.paths import Paths

READY_SECONDS = 300
"""Within which a Deployment has to be ready again; a busy machine of two cores takes a minute."""


def restart(paths: Paths, namespace: str, name: str) -> None:
    """Replace the pods of a Deployment, and wait until the new ones are ready.

    Raises:
        ClusterError: the cluster has no such Deployment, or its pods do not become ready.
    """
    order(paths, control.RESTART, namespace=namespace, name=name)
    service.wait_ready(paths, READY_SECONDS, only=name)


def execute(paths: Paths, namespace: str, name: str, command: Sequence[str]) -> Executed:
    """Run a command in a pod of a Deployment.

    Raises:
        ClusterError: no pod of the Deployment is ready, or the command cannot be started.
    """
    answer = order(paths, control.EXECUTE, namespace=namespace, name=name, command=[*command])
    return Executed(**json.loads(answer))
