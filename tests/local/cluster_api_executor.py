"""What KubernetesExecutor does with the Kubernetes API, a command a line; run by Airflow's Python.

Each line of the input is a JSON list: a method of the executor's own scheduler, or one of the
functions below, and its arguments. Each line of the output is a JSON object: what came of it, or
what the executor's watcher process put into its queue.
"""

from __future__ import annotations

import json
import sys
import threading
from queue import Queue
from typing import Any

from airflow.providers.cncf.kubernetes.executors.kubernetes_executor import KubernetesExecutor
from airflow.providers.cncf.kubernetes.executors.kubernetes_executor_utils import (
    AirflowKubernetesScheduler,
)
from airflow.providers.cncf.kubernetes.kube_client import get_kube_client
from kubernetes.client import ApiException, V1ObjectMeta, V1Pod

_JOB_ID = "7"


def main() -> None:
    """Carry out the input's commands."""
    executor = KubernetesExecutor()
    executor.kube_client = get_kube_client()
    scheduler = AirflowKubernetesScheduler(
        executor.kube_config, Queue(), executor.kube_client, _JOB_ID
    )
    threading.Thread(target=_tell_what_is_watched, args=(scheduler,), daemon=True).start()
    _say(started=True)
    for line in sys.stdin:
        verb, *arguments = json.loads(line)
        try:
            _say(verb=verb, result=_carry_out(executor, scheduler, verb, arguments))
        except ApiException as error:
            _say(verb=verb, refused=error.status, message=json.loads(error.body or "{}")["message"])
    for watcher in scheduler.kube_watchers.values():
        watcher.terminate()


def _carry_out(executor: Any, scheduler: Any, verb: str, arguments: list[Any]) -> object:  # noqa: ANN401 - Airflow's
    if verb == "create":
        (pod,) = arguments
        made = V1Pod(
            api_version="v1",
            kind="Pod",
            metadata=V1ObjectMeta(**pod["metadata"]),
            spec=pod["spec"],
        )
        return scheduler.run_pod_async(made).metadata.name
    if verb == "list":
        return [pod.metadata.name for pod in executor._list_pods(*arguments)]
    if verb == "health":
        before = {name: one.pid for name, one in scheduler.kube_watchers.items()}
        scheduler._health_check_kube_watchers()
        return before != {name: one.pid for name, one in scheduler.kube_watchers.items()}
    if verb == "log":
        name, namespace = arguments
        answer = executor.kube_client.read_namespaced_pod_log(
            name=name, namespace=namespace, container="base", tail_lines=2, _preload_content=False
        )
        return b"".join(answer).decode()
    name, namespace = arguments
    getattr(scheduler, verb)(pod_name=name, namespace=namespace)
    return None


def _tell_what_is_watched(scheduler: Any) -> None:  # noqa: ANN401 - Airflow's
    while True:
        seen = scheduler.watcher_queue.get()
        details = seen.failure_details or {}
        _say(
            watched=seen.pod_name,
            state=None if seen.state is None else str(seen.state),
            exit_code=details.get("exit_code"),
        )


def _say(**line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
