"""The official client creates, reads, lists, patches and deletes pods, and reads their logs."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kubernetes import dynamic
from kubernetes.client import ApiException, V1DeleteOptions

from tests.local.cluster_api_fixtures import NAMESPACE, OTHER, Cluster, task_pod

pytest_plugins = ["tests.local.cluster_api_fixtures"]


def refusal(error: pytest.ExceptionInfo[ApiException]) -> dict[str, Any]:
    """The Status object of a refusal."""
    body: dict[str, Any] = json.loads(error.value.body or "")
    assert (body["kind"], body["status"]) == ("Status", "Failure")
    assert body["code"] == error.value.status
    return body


def test_a_created_pod_has_what_the_server_gives_it(cluster: Cluster) -> None:
    pod = cluster.core().create_namespaced_pod(NAMESPACE, task_pod())
    assert pod.metadata.uid
    assert pod.metadata.creation_timestamp
    assert pod.metadata.namespace == NAMESPACE
    assert pod.status.phase == "Pending"
    read = cluster.core().read_namespaced_pod("billing-load-1", NAMESPACE)
    assert read.metadata.resource_version == pod.metadata.resource_version
    assert read.spec.containers[0].args[0] == "python"


def test_a_caller_cannot_choose_what_only_the_server_says(cluster: Cluster) -> None:
    pod = task_pod(uid="mine", deletionTimestamp="2026-11-22T00:00:00Z")
    pod["status"] = {"phase": "Succeeded"}
    made = cluster.core().create_namespaced_pod(NAMESPACE, pod)
    assert made.metadata.uid != "mine"
    assert made.metadata.deletion_timestamp is None
    assert made.status.phase == "Pending"


def test_a_name_is_there_once_in_a_namespace(cluster: Cluster) -> None:
    cluster.core().create_namespaced_pod(NAMESPACE, task_pod())
    with pytest.raises(ApiException) as error:
        cluster.core().create_namespaced_pod(NAMESPACE, task_pod())
    body = refusal(error)
    assert (body["code"], body["reason"]) == (409, "AlreadyExists")
    assert body["message"] == 'pods "billing-load-1" already exists'
    assert body["details"] == {"name": "billing-load-1", "kind": "pods"}
    cluster.admin().create_namespaced_pod(OTHER, task_pod())


def test_a_generated_name_is_a_new_one_each_time(cluster: Cluster) -> None:
    pods = [task_pod(name="", generateName="load-") for _ in range(2)]
    names = {cluster.core().create_namespaced_pod(NAMESPACE, pod).metadata.name for pod in pods}
    assert len(names) == 2
    assert all(name.startswith("load-") and len(name) == 10 for name in names)


@pytest.mark.parametrize("verb", ["read", "delete", "patch", "log"])
def test_what_is_not_there_is_not_found(cluster: Cluster, verb: str) -> None:
    core = cluster.core()
    calls: dict[str, Callable[[], object]] = {
        "read": lambda: core.read_namespaced_pod("gone", NAMESPACE),
        "delete": lambda: core.delete_namespaced_pod("gone", NAMESPACE),
        "patch": lambda: core.patch_namespaced_pod("gone", NAMESPACE, {"metadata": {}}),
        "log": lambda: core.read_namespaced_pod_log("gone", NAMESPACE),
    }
    with pytest.raises(ApiException) as error:
        calls[verb]()
    body = refusal(error)
    assert (body["code"], body["reason"]) == (404, "NotFound")
    assert body["message"] == 'pods "gone" not found'


def test_the_dynamic_client_discovers_pods_and_gets_metadata_only(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.core().create_namespaced_pod(NAMESPACE, task_pod())
    token = cluster.token("airflow-scheduler")
    make: Any = dynamic.DynamicClient  # its constructor has no annotations
    reader = make(cluster.api_client(token), cache_file=str(tmp_path / "discovery"))
    pods = reader.resources.get(api_version="v1", kind="Pod")
    found = reader.get(
        resource=pods,
        namespace=NAMESPACE,
        label_selector="kubernetes_executor=True,airflow-worker!=8,airflow_executor_done!=True",
        field_selector="status.phase!=Succeeded",
        header_params={
            "Accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
        },
    )
    assert [one.metadata.name for one in found.items] == ["billing-load-1"]
    assert found.items[0].kind == "PartialObjectMetadata"
    assert found.items[0].spec is None


def test_lists_are_of_a_selection(cluster: Cluster) -> None:
    core = cluster.core()
    for name, worker in (("one", "7"), ("two", "8"), ("three", "8")):
        core.create_namespaced_pod(NAMESPACE, task_pod(name, labels={"airflow-worker": worker}))
    cluster.admin().create_namespaced_pod(OTHER, task_pod("four", labels={"airflow-worker": "8"}))
    cluster.becomes("three", "Succeeded")

    def names(**selectors: str) -> list[str]:
        found = core.list_namespaced_pod(NAMESPACE, **selectors)
        return sorted(pod.metadata.name for pod in found.items)

    assert names() == ["one", "three", "two"]
    assert names(label_selector="airflow-worker=8") == ["three", "two"]
    assert names(label_selector="airflow-worker notin (8, 9)") == ["one"]
    assert names(label_selector="airflow-worker=8", field_selector="status.phase=Succeeded") == [
        "three"
    ]
    everywhere = cluster.admin().list_pod_for_all_namespaces(label_selector="airflow-worker=8")
    assert len(everywhere.items) == 3
    with pytest.raises(ApiException) as error:
        names(field_selector="spec.containers=x")
    assert refusal(error)["message"] == "field label not supported: spec.containers"


def test_a_patch_merges_labels_and_removes_those_that_are_null(cluster: Cluster) -> None:
    core = cluster.core()
    core.create_namespaced_pod(NAMESPACE, task_pod())
    patch = {"metadata": {"labels": {"airflow-worker": "8", "kubernetes_executor": None}}}
    pod = core.patch_namespaced_pod("billing-load-1", NAMESPACE, patch)
    assert pod.metadata.labels == {"airflow-worker": "8"}
    assert pod.metadata.annotations["dag_id"] == "billing"


@pytest.mark.parametrize(
    ("media_type", "patch"),
    [
        ("application/merge-patch+json", {"metadata": {"labels": {"done": "True"}}}),
        ("application/strategic-merge-patch+json", {"metadata": {"labels": {"done": "True"}}}),
        (
            "application/json-patch+json",
            [
                {"op": "test", "path": "/metadata/labels/airflow-worker", "value": "7"},
                {"op": "add", "path": "/metadata/labels/done", "value": "True"},
            ],
        ),
    ],
)
def test_each_kind_of_patch_is_understood(cluster: Cluster, media_type: str, patch: Any) -> None:  # noqa: ANN401
    core = cluster.core()
    core.create_namespaced_pod(NAMESPACE, task_pod())
    pod = core.patch_namespaced_pod("billing-load-1", NAMESPACE, patch, _content_type=media_type)
    assert pod.metadata.labels["done"] == "True"
    assert pod.metadata.labels["airflow-worker"] == "7"


def test_a_deletion_waits_for_the_node(cluster: Cluster) -> None:
    core = cluster.core()
    core.create_namespaced_pod(NAMESPACE, task_pod())
    cluster.becomes("billing-load-1", "Running")
    body = V1DeleteOptions(grace_period_seconds=3)
    pod = core.delete_namespaced_pod("billing-load-1", NAMESPACE, body=body)
    assert pod.metadata.deletion_grace_period_seconds == 3
    # Asked a second time, it is the same deletion still.
    again = core.delete_namespaced_pod("billing-load-1", NAMESPACE)
    assert again.metadata.resource_version == pod.metadata.resource_version
    with pytest.raises(ApiException) as error:
        core.create_namespaced_pod(NAMESPACE, task_pod())
    assert refusal(error)["code"] == 409
    cluster.do(lambda: cluster.store.remove(NAMESPACE, "billing-load-1"))
    with pytest.raises(ApiException) as error:
        core.delete_namespaced_pod("billing-load-1", NAMESPACE)
    assert refusal(error)["code"] == 404


def test_a_pod_that_has_ended_is_gone_with_its_deletion(cluster: Cluster) -> None:
    core = cluster.core()
    core.create_namespaced_pod(NAMESPACE, task_pod())
    cluster.becomes("billing-load-1", "Succeeded")
    pod = core.delete_namespaced_pod("billing-load-1", NAMESPACE)
    assert pod.metadata.deletion_timestamp
    assert core.list_namespaced_pod(NAMESPACE).items == []


def test_a_deletion_of_another_pod_of_this_name_is_a_conflict(cluster: Cluster) -> None:
    core = cluster.core()
    core.create_namespaced_pod(NAMESPACE, task_pod())
    body = {"preconditions": {"uid": "another"}}
    with pytest.raises(ApiException) as error:
        core.delete_namespaced_pod("billing-load-1", NAMESPACE, body=body)
    assert (refusal(error)["code"], refusal(error)["reason"]) == (409, "Conflict")


def test_a_log_is_read_as_a_whole_by_its_tail_and_while_it_grows(cluster: Cluster) -> None:
    core = cluster.core()
    core.create_namespaced_pod(NAMESPACE, task_pod())
    with pytest.raises(ApiException) as error:
        core.read_namespaced_pod_log("billing-load-1", NAMESPACE)
    assert "is waiting to start: ContainerCreating" in refusal(error)["message"]

    file = cluster.folder / "billing-load-1.base.log"
    file.write_text("one\ntwo\nthree\n")
    cluster.becomes("billing-load-1", "Running")

    def read(**options: Any) -> str:  # noqa: ANN401 - of a log
        return str(core.read_namespaced_pod_log("billing-load-1", NAMESPACE, **options))

    assert read() == "one\ntwo\nthree\n"
    assert read(container="base", tail_lines=2) == "two\nthree\n"
    assert read(tail_lines=0) == ""
    with pytest.raises(ApiException) as error:
        read(container="sidecar")
    assert refusal(error)["message"] == "container sidecar is not valid for pod billing-load-1"
    with pytest.raises(ApiException) as error:
        read(previous=True)
    assert "previous terminated container" in refusal(error)["message"]
    file.with_name(f"{file.name}.previous").write_text("of an earlier start\n")
    assert read(previous=True) == "of an earlier start\n"
    with pytest.raises(ApiException) as error:
        read(timestamps=True)
    assert refusal(error)["code"] == 400

    def go_on() -> None:
        time.sleep(0.3)
        with file.open("a") as log:
            log.write("four\n")
        cluster.becomes("billing-load-1", "Succeeded")

    writer = threading.Thread(target=go_on)
    writer.start()
    assert read(follow=True, tail_lines=1) == "three\nfour\n"
    writer.join()


def test_only_what_is_served_is_served(cluster: Cluster) -> None:
    admin = cluster.admin()
    admin.create_namespaced_pod(NAMESPACE, task_pod())
    with pytest.raises(ApiException) as error:
        admin.list_namespaced_secret(NAMESPACE)
    assert refusal(error)["reason"] == "NotFound"
    with pytest.raises(ApiException) as error:
        admin.replace_namespaced_pod("billing-load-1", NAMESPACE, task_pod())
    assert refusal(error)["reason"] == "MethodNotAllowed"
    with pytest.raises(ApiException) as error:
        admin.delete_collection_namespaced_pod(NAMESPACE)
    assert refusal(error)["reason"] == "MethodNotAllowed"
    with pytest.raises(ApiException) as error:
        admin.create_namespaced_pod(NAMESPACE, task_pod("dry"), dry_run="All")
    assert "dryRun is not served" in refusal(error)["message"]
    assert [pod.metadata.name for pod in admin.list_namespaced_pod(NAMESPACE).items] == [
        "billing-load-1"
    ]
