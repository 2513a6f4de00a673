"""A pod is refused in Kubernetes' words before it exists, or admitted with what it left out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from kubernetes.client import ApiException

from local.cluster.admission import Admission
from local.cluster.errors import StatusError
from local.cluster.store import Pod
from tests.local.cluster_api_fixtures import NAMESPACE, Cluster, declared, task_pod

pytest_plugins = ["tests.local.cluster_api_fixtures"]

OBJECTS = declared()


def admit(pod: object, namespace: str = NAMESPACE) -> Pod:
    return Admission(lambda kind, where: OBJECTS.get((kind, where), [])).admit(pod, namespace)


def changed(change: Callable[[Pod, Pod], object]) -> Pod:
    """The good pod after a change to it, or to its container."""
    pod = task_pod()
    change(pod["spec"], pod["spec"]["containers"][0])
    return pod


def test_a_pod_without_a_service_account_is_refused_over_the_wire(cluster: Cluster) -> None:
    pod = task_pod()
    pod["spec"]["serviceAccountName"] = "workflow-ghost"
    with pytest.raises(ApiException) as error:
        cluster.core().create_namespaced_pod(NAMESPACE, pod)
    body = json.loads(error.value.body or "")
    assert (error.value.status, body["reason"]) == (403, "Forbidden")
    assert body["message"] == (
        'pods "billing-load-1" is forbidden: error looking up service account '
        'airflow-dev/workflow-ghost: serviceaccount "workflow-ghost" not found'
    )
    assert cluster.core().list_namespaced_pod(NAMESPACE).items == []


def test_a_pod_that_says_nothing_is_refused_in_kubernetes_words(cluster: Cluster) -> None:
    pod = {
        "metadata": {"name": "bare"},
        "spec": {"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "x"}]},
    }
    with pytest.raises(ApiException) as error:
        cluster.core().create_namespaced_pod(NAMESPACE, pod)
    assert json.loads(error.value.body or "")["message"] == (
        'pods "bare" is forbidden: violates PodSecurity "restricted:latest": '
        "allowPrivilegeEscalation != false "
        '(containers "a", "b" must set securityContext.allowPrivilegeEscalation=false), '
        "unrestricted capabilities "
        '(containers "a", "b" must set securityContext.capabilities.drop=["ALL"]), '
        'runAsNonRoot != true (pod or containers "a", "b" must set '
        "securityContext.runAsNonRoot=true), "
        'seccompProfile (pod or containers "a", "b" must set '
        'securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'
    )


HOST_PATH = {"name": "root", "hostPath": {"path": "/"}}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(
            lambda spec, _: spec["volumes"].append(HOST_PATH),
            'restricted volume types (volume "root" uses restricted volume type "hostPath")',
            id="hostPath",
        ),
        pytest.param(
            lambda spec, _: spec.update(hostNetwork=True, hostPID=True),
            "host namespaces (hostNetwork=true, hostPID=true)",
            id="host namespaces",
        ),
        pytest.param(
            lambda _, box: box.update(ports=[{"containerPort": 1, "hostPort": 8080}]),
            'hostPort (container "base" uses hostPort 8080)',
            id="hostPort",
        ),
        pytest.param(
            lambda _, box: box["securityContext"].update(privileged=True),
            'privileged (container "base" must not set securityContext.privileged=true)',
            id="privileged",
        ),
        pytest.param(
            lambda _, box: box["securityContext"].update(allowPrivilegeEscalation=True),
            "allowPrivilegeEscalation != false "
            '(container "base" must set securityContext.allowPrivilegeEscalation=false)',
            id="escalation",
        ),
        pytest.param(
            lambda _, box: box["securityContext"]["capabilities"].update(
                add=["SYS_ADMIN", "NET_BIND_SERVICE"]
            ),
            'unrestricted capabilities (container "base" must not include "SYS_ADMIN" '
            "in securityContext.capabilities.add)",
            id="capabilities",
        ),
        pytest.param(
            lambda spec, _: spec["securityContext"].update(runAsUser=0),
            "runAsUser=0 (pod must not set runAsUser=0)",
            id="root",
        ),
        pytest.param(
            lambda spec, _: spec["securityContext"].update(runAsUser="0", runAsNonRoot="no"),
            "runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false), "
            "runAsUser=0 (pod must not set runAsUser=0)",
            id="root as text",
        ),
        pytest.param(
            lambda _, box: box["securityContext"].update(runAsUser=0),
            'runAsUser=0 (container "base" must not set runAsUser=0)',
            id="root in the container",
        ),
        pytest.param(
            lambda _, box: box["securityContext"].update(runAsNonRoot=False),
            'runAsNonRoot != true (container "base" must not set '
            "securityContext.runAsNonRoot=false)",
            id="maybe root",
        ),
        pytest.param(
            lambda spec, _: spec["securityContext"].pop("runAsNonRoot"),
            'runAsNonRoot != true (pod or container "base" must set '
            "securityContext.runAsNonRoot=true)",
            id="no word on root",
        ),
        pytest.param(
            lambda spec, _: spec["securityContext"].pop("seccompProfile"),
            'seccompProfile (pod or container "base" must set '
            'securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
            id="no seccomp",
        ),
        pytest.param(
            lambda _, box: box["securityContext"].update(seccompProfile={"type": "Unconfined"}),
            'seccompProfile (container "base" must not set '
            'securityContext.seccompProfile.type to "Unconfined")',
            id="unconfined",
        ),
        pytest.param(
            lambda spec, box: spec.update(
                initContainers=[{**box, "name": "keys", "securityContext": {"privileged": True}}]
            ),
            'privileged (container "keys" must not set securityContext.privileged=true), '
            "allowPrivilegeEscalation != false "
            '(container "keys" must set securityContext.allowPrivilegeEscalation=false), '
            "unrestricted capabilities "
            '(container "keys" must set securityContext.capabilities.drop=["ALL"])',
            id="an init container",
        ),
    ],
)
def test_each_field_that_matters_is_held_to_restricted(
    change: Callable[[Pod, Pod], object], reason: str
) -> None:
    with pytest.raises(StatusError) as error:
        admit(changed(change))
    assert error.value.code == 403
    assert error.value.message == (
        f'pods "billing-load-1" is forbidden: violates PodSecurity "restricted:latest": {reason}'
    )


def test_a_namespace_without_a_level_takes_any_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    pod = changed(lambda spec, _: spec["volumes"].append(HOST_PATH))
    monkeypatch.setitem(OBJECTS, ("Namespace", ""), [{"metadata": {"name": NAMESPACE}}])
    assert admit(pod)["spec"]["volumes"][-1] == HOST_PATH


def test_what_a_pod_leaves_out_is_filled_in() -> None:
    pod = changed(lambda spec, _: spec.pop("serviceAccountName"))
    del pod["kind"], pod["apiVersion"]
    del pod["spec"]["terminationGracePeriodSeconds"], pod["spec"]["restartPolicy"]
    admitted = admit(pod)
    assert (admitted["kind"], admitted["apiVersion"]) == ("Pod", "v1")
    assert admitted["metadata"]["namespace"] == NAMESPACE
    assert admitted["status"] == {"phase": "Pending"}
    assert admitted["spec"]["serviceAccountName"] == "default"
    assert admitted["spec"]["terminationGracePeriodSeconds"] == 30
    assert admitted["spec"]["restartPolicy"] == "Always"
    assert "namespace" not in pod["metadata"]


def with_metadata(**metadata: Any) -> Pod:  # noqa: ANN401 - of a pod
    return task_pod(**metadata)


@pytest.mark.parametrize(
    ("pod", "code", "message"),
    [
        ([], 400, "is no Pod in version v1"),
        ({**task_pod(), "kind": "Job"}, 400, "is no Pod in version v1"),
        ({"metadata": {"name": "x"}}, 400, "is no Pod in version v1"),
        (with_metadata(namespace="airflow-qa"), 400, "namespace .* does not match"),
        (with_metadata(resourceVersion="7"), 400, "resourceVersion should not be set"),
        (with_metadata(labels={"try": 1}), 400, "every value has to be a string"),
        (task_pod("../../etc"), 422, "metadata.name: Invalid value"),
        (task_pod(""), 422, "metadata.name: Invalid value"),
        (task_pod("x" * 254), 422, "metadata.name: Invalid value"),
        (with_metadata(labels={"dag_id": "a b"}), 422, "metadata.labels: Invalid value"),
        (with_metadata(labels={"dag_id": "x" * 64}), 422, "metadata.labels: Invalid value"),
        (changed(lambda spec, _: spec.update(containers=[])), 422, "containers: Required value"),
        (changed(lambda _, box: box.pop("image")), 422, "image: Required value"),
        (changed(lambda _, box: box.update(name="../x")), 422, r"containers\[0\].name: Invalid"),
        (
            changed(lambda spec, box: spec.update(initContainers=[box])),
            422,
            r'containers\[0\].name: Duplicate value: "base"',
        ),
        (changed(lambda spec, _: spec.update(containers=["x"])), 400, "is no object"),
    ],
)
def test_what_is_no_valid_pod_is_said_so(pod: object, code: int, message: str) -> None:
    with pytest.raises(StatusError, match=message) as error:
        admit(pod)
    assert error.value.code == code


def test_a_namespace_has_to_be_there() -> None:
    with pytest.raises(StatusError, match='namespaces "elsewhere" not found') as error:
        admit(task_pod(), "elsewhere")
    assert error.value.code == 404
