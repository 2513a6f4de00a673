"""A watch tells what happens to the pods of its selection: each change once, in order."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from ssl import create_default_context
from typing import Any
from urllib.parse import urlencode

import pytest
from kubernetes import watch as kubernetes_watch
from kubernetes.client import ApiException
from urllib3.exceptions import HTTPError

from tests.local.cluster_api_fixtures import NAMESPACE, OTHER, Cluster, task_pod

pytest_plugins = ["tests.local.cluster_api_fixtures"]

MINE = "airflow-worker=7,airflow_executor_done!=True"
POD = "billing-load-1"
# Its constructor has no annotations.
new_watch: Any = kubernetes_watch.Watch
Seen = tuple[str, str, str | None]
WATCHED_SECONDS = 3
"""Long enough for what happens meanwhile, also on a busy machine."""


class Watching:
    """The official client's watch in a thread; what it saw is in `seen`."""

    def __init__(
        self,
        cluster: Cluster,
        timeout_seconds: int = WATCHED_SECONDS,
        **options: Any,  # noqa: ANN401 - of a watch
    ) -> None:
        self.seen: list[Seen] = []
        self.events: list[dict[str, Any]] = []
        self.error: ApiException | HTTPError | None = None
        self._core = cluster.core()
        options["timeout_seconds"] = timeout_seconds
        self._thread = threading.Thread(target=self._run, args=(options,))
        self._thread.start()

    def _run(self, options: dict[str, Any]) -> None:
        stream = new_watch().stream(self._core.list_namespaced_pod, NAMESPACE, **options)
        try:
            for event in stream:
                pod = event["object"]
                self.events.append(event["raw_object"])
                self.seen.append((event["type"], pod.metadata.name, pod.status.phase))
        except (ApiException, HTTPError) as error:
            self.error = error

    def wait(self, count: int) -> list[Seen]:
        """Wait until it has seen so many events."""
        end = time.monotonic() + 5
        while len(self.seen) < count and time.monotonic() < end:
            time.sleep(0.01)
        return self.seen

    def end(self) -> list[Seen]:
        """Wait for the end of its time."""
        self._thread.join(10)
        assert not self._thread.is_alive()
        return self.seen


def raw_events(cluster: Cluster, **query: str) -> list[dict[str, Any]]:
    """The lines of a watch, as they go over the wire."""
    options = urlencode({"watch": "1", "timeoutSeconds": "1", **query})
    request = urllib.request.Request(
        f"https://{cluster.address}:{cluster.port}/api/v1/namespaces/{NAMESPACE}/pods?{options}",
        headers={"Authorization": f"Bearer {cluster.token('airflow-scheduler')}"},
    )
    context = create_default_context(cafile=str(cluster.authority.certificate_file))
    with urllib.request.urlopen(request, context=context, timeout=10) as response:  # noqa: S310 - https
        return [json.loads(line) for line in response]


def versions(events: list[dict[str, Any]]) -> list[int]:
    return [int(pod["metadata"]["resourceVersion"]) for pod in events]


def test_version_0_begins_with_what_there_is_and_goes_on(cluster: Cluster) -> None:
    core = cluster.core()
    core.create_namespaced_pod(NAMESPACE, task_pod("one"))
    core.create_namespaced_pod(NAMESPACE, task_pod("foreign", labels={"airflow-worker": "8"}))
    cluster.becomes("one", "Running")
    watching = Watching(
        cluster,
        label_selector=MINE,
        resource_version="0",
        _request_timeout=30,
    )
    watching.wait(1)
    core.create_namespaced_pod(NAMESPACE, task_pod("two"))
    cluster.admin().create_namespaced_pod(OTHER, task_pod("three"))
    cluster.becomes("two", "Running")
    assert watching.end() == [
        ("ADDED", "one", "Running"),
        ("ADDED", "two", "Pending"),
        ("MODIFIED", "two", "Running"),
    ]
    assert versions(watching.events) == sorted(set(versions(watching.events)))


def test_a_version_goes_on_after_it(cluster: Cluster) -> None:
    core = cluster.core()
    core.create_namespaced_pod(NAMESPACE, task_pod("one"))
    since = core.list_namespaced_pod(NAMESPACE).metadata.resource_version
    core.create_namespaced_pod(NAMESPACE, task_pod("two"))
    cluster.becomes("one", "Running")
    watching = Watching(cluster, resource_version=since)
    assert watching.end() == [("ADDED", "two", "Pending"), ("MODIFIED", "one", "Running")]


def test_a_version_outlives_a_restart_when_nothing_happened_since(cluster: Cluster) -> None:
    core = cluster.core()
    core.create_namespaced_pod(NAMESPACE, task_pod("one"))
    since = core.list_namespaced_pod(NAMESPACE).metadata.resource_version
    cluster.restart()
    cluster.becomes("one", "Running")
    watching = Watching(cluster, resource_version=since)
    assert watching.end() == [("MODIFIED", "one", "Running")]
    assert versions(watching.events)[0] > int(since)


def test_a_version_that_is_not_remembered_is_gone(cluster: Cluster) -> None:
    core = cluster.core()
    for name in ("one", "two"):
        core.create_namespaced_pod(NAMESPACE, task_pod(name))
    cluster.restart()
    for since in ("1", "99999"):
        (error,) = raw_events(cluster, resourceVersion=since)
        assert error["type"] == "ERROR"
        assert (error["object"]["code"], error["object"]["reason"]) == (410, "Expired")
        assert error["object"]["message"] == f"too old resource version: {since} (2)"
    watching = Watching(cluster, resource_version="1")
    watching.end()
    assert isinstance(watching.error, ApiException)
    assert watching.error.status == 410
    # Without a time limit the client goes on by itself, from the beginning.
    with pytest.raises(ApiException, match="Expired: too old resource version"):
        next(new_watch().stream(core.list_namespaced_pod, NAMESPACE, resource_version="1"))


def test_a_pod_that_leaves_the_selection_is_deleted_for_the_watch_only(cluster: Cluster) -> None:
    core = cluster.core()
    core.create_namespaced_pod(NAMESPACE, task_pod())
    leaving = Watching(cluster, label_selector=MINE)
    joining = Watching(cluster, label_selector="airflow-worker=8")
    leaving.wait(1)
    core.patch_namespaced_pod(POD, NAMESPACE, {"metadata": {"labels": {"airflow-worker": "8"}}})
    assert leaving.end() == [("ADDED", POD, "Pending"), ("DELETED", POD, "Pending")]
    assert joining.end() == [("ADDED", POD, "Pending")]
    # This is how the executor tells an adopted pod from a deleted one.
    assert "deletionTimestamp" not in leaving.events[1]["metadata"]
    assert leaving.events[1]["metadata"]["labels"]["airflow-worker"] == "7"
    assert versions(leaving.events)[1] == versions(joining.events)[0]


def test_a_deletion_is_seen_twice_and_each_time_with_its_moment(cluster: Cluster) -> None:
    core = cluster.core()
    core.create_namespaced_pod(NAMESPACE, task_pod())
    cluster.becomes(POD, "Running")
    watching = Watching(cluster, label_selector=MINE)
    watching.wait(1)
    core.delete_namespaced_pod(POD, NAMESPACE)
    cluster.do(lambda: cluster.store.remove(NAMESPACE, POD))
    assert [kind for kind, _, _ in watching.end()] == ["ADDED", "MODIFIED", "DELETED"]
    assert all("deletionTimestamp" in pod["metadata"] for pod in watching.events[1:])


def test_a_pod_that_ended_is_deleted_with_its_moment(cluster: Cluster) -> None:
    core = cluster.core()
    core.create_namespaced_pod(NAMESPACE, task_pod())
    cluster.becomes(POD, "Succeeded")
    watching = Watching(cluster, label_selector=MINE)
    watching.wait(1)
    core.delete_namespaced_pod(POD, NAMESPACE)
    assert watching.end() == [("ADDED", POD, "Succeeded"), ("DELETED", POD, "Succeeded")]
    assert "deletionTimestamp" in watching.events[1]["metadata"]


def test_a_watch_ends_in_its_time_and_says_nothing_meanwhile(cluster: Cluster) -> None:
    start = time.monotonic()
    assert raw_events(cluster) == []
    assert 0.9 < time.monotonic() - start < 8


def test_a_client_that_leaves_is_forgotten(cluster: Cluster) -> None:
    def stay() -> Iterator[Any]:
        yield from new_watch().stream(
            cluster.core().list_namespaced_pod, NAMESPACE, _request_timeout=0.3
        )

    with pytest.raises(Exception, match="Read timed out"):
        list(stay())
    end = time.monotonic() + 5
    while cluster.do(lambda: cluster.store.subscribers) and time.monotonic() < end:
        time.sleep(0.05)
    assert cluster.do(lambda: cluster.store.subscribers) == 0


def test_a_watch_does_not_hold_up_the_end_of_the_server(cluster: Cluster) -> None:
    watching = Watching(cluster, timeout_seconds=60)
    end = time.monotonic() + 5
    while not cluster.do(lambda: cluster.store.subscribers) and time.monotonic() < end:
        time.sleep(0.02)
    start = time.monotonic()
    cluster.stop()
    assert time.monotonic() - start < 30
    watching.end()
