"""The pod of a task, made by Airflow's own generator: whose it is, and what nobody gets."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.home import PYTHON, make_home, needs_image

pytestmark = needs_image

TEMPLATE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "task",
        "labels": {"tier": "airflow", "component": "worker"},
        "annotations": {"karpenter.sh/do-not-disrupt": "true"},
    },
    "spec": {
        "automountServiceAccountToken": False,
        "restartPolicy": "Never",
        "securityContext": {"runAsNonRoot": True, "runAsUser": 50000},
        "containers": [
            {
                "name": "base",
                "image": "apache/airflow:3.3.2@sha256:1",
                "env": [{"name": "AIRFLOW_HOME", "value": "/opt/airflow"}],
                "resources": {
                    "requests": {"cpu": "100m", "memory": "256Mi"},
                    "limits": {"memory": "1Gi"},
                },
                "securityContext": {"readOnlyRootFilesystem": True},
                "volumeMounts": [{"name": "home", "mountPath": "/opt/airflow"}],
            }
        ],
        "volumes": [{"name": "home", "emptyDir": {}}],
    },
}


def _spec(text: str) -> str:
    return f"k8s.V1Pod(spec=k8s.V1PodSpec(containers=[], {text}))"


def _base(text: str) -> str:
    return f"k8s.V1Pod(spec=k8s.V1PodSpec(containers=[k8s.V1Container(name='base', {text})]))"


def _metadata(text: str) -> str:
    return f"k8s.V1Pod(metadata=k8s.V1ObjectMeta({text}))"


RESOURCES = (
    "resources=k8s.V1ResourceRequirements(requests={'memory': '2Gi'}, limits={'memory': '4Gi'})"
)
REFUSED = {
    "another service account": (
        _spec("service_account_name='workflow-billing'"),
        'spec.serviceAccountName "workflow-billing", but the template\'s is null',
    ),
    "the old name of it": (
        _spec("service_account='workflow-billing'"),
        'spec.serviceAccount "workflow-billing"',
    ),
    "a token of the Kubernetes API": (
        _spec("automount_service_account_token=True"),
        "spec.automountServiceAccountToken true, but the template's is false",
    ),
    "the node's network": (_spec("host_network=True"), "spec.hostNetwork true"),
    "the node's disk": (
        _spec("volumes=[k8s.V1Volume(name='h', host_path=k8s.V1HostPathVolumeSource(path='/'))]"),
        "spec.volumes",
    ),
    "root": (
        _spec("security_context=k8s.V1PodSecurityContext(run_as_user=0)"),
        "spec.securityContext.runAsNonRoot null, but the template's is true",
    ),
    "another image": (_base("image='evil'"), 'spec.containers[0].image "evil"'),
    "another command": (_base("command=['sh']"), 'spec.containers[0].command ["sh"]'),
    "another environment": (
        _base("env=[k8s.V1EnvVar(name='AWS_ROLE_ARN', value='x')]"),
        "spec.containers[0].env",
    ),
    "a device": (
        _base("resources=k8s.V1ResourceRequirements(claims=[k8s.CoreV1ResourceClaim(name='d')])"),
        "resources.claims",
    ),
    "an init container": (
        _spec("init_containers=[k8s.V1Container(name='first', image='evil')]"),
        "spec.initContainers",
    ),
    "a second container": (
        _base("), k8s.V1Container(name='other', image='evil'"),
        "spec.containers",
    ),
    "another component's label": (
        _metadata("labels={'component': 'api-server'}"),
        'metadata.labels.component "api-server", but the template\'s is "worker"',
    ),
    "an annotation": (_metadata("annotations={'a': 'b'}"), "metadata.annotations.a"),
    "another namespace": (_metadata("namespace='kube-system'"), "metadata.namespace"),
    "a finalizer": (_metadata("finalizers=['x']"), "metadata.finalizers"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = make_home(tmp_path_factory.mktemp("pods") / "home")
    (home / "template.yaml").write_text(json.dumps(TEMPLATE))
    cases = {
        "billing": ("billing", "billing/a.py", "None"),
        "marketing": ("marketing.report", "marketing/deep/a.py", "None"),
        "resources": ("billing", "billing/a.py", _base(RESOURCES)),
        "foreign id": ("billing", "marketing/a.py", "None"),
        "foreign file": ("marketing", "marketing/../billing/a.py", "None"),
        "unknown": ("sales", "sales/a.py", "None"),
        "another program": ("billing", "billing/a.py", _base("args=['sh', '-c', 'id']")),
        **{what: ("marketing", "marketing/a.py", text) for what, (text, _) in REFUSED.items()},
    }
    given = [
        dict(zip(("dag_id", "file", "override"), case, strict=True)) for case in cases.values()
    ]
    done = subprocess.run(
        [PYTHON, Path(__file__).with_name("pods_of_tasks.py")],
        input=json.dumps(given),
        env={
            "PATH": "/usr/bin:/bin",
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__KUBERNETES_EXECUTOR__POD_TEMPLATE_FILE": str(home / "template.yaml"),
            "AIRFLOW__KUBERNETES_EXECUTOR__NAMESPACE": "airflow-test",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(cases, json.loads(done.stdout.splitlines()[-1]), strict=True))


@pytest.mark.parametrize("workflow", ["billing", "marketing"])
def test_it_runs_as_the_workflow_of_its_file(made: dict[str, Any], workflow: str) -> None:
    pod = made[workflow]
    assert pod["spec"].pop("serviceAccountName") == f"workflow-{workflow}"
    base = pod["spec"]["containers"][0]
    assert base.pop("args")[:3] == ["python", "-m", "airflow.sdk.execution_time.execute_workload"]
    assert base["env"].pop() == {"name": "AIRFLOW_IS_K8S_EXECUTOR_POD", "value": "True"}
    assert pod["spec"] == TEMPLATE["spec"]
    assert pod["metadata"]["labels"].items() > TEMPLATE["metadata"]["labels"].items()
    assert pod["metadata"]["labels"]["airflow-worker"] == "7"
    assert pod["metadata"]["namespace"] == "airflow-test"


def test_its_resources_may_be_its_own(made: dict[str, Any]) -> None:
    assert made["resources"]["spec"]["containers"][0]["resources"] == {
        "requests": {"cpu": "100m", "memory": "2Gi"},
        "limits": {"memory": "4Gi"},
    }


@pytest.mark.parametrize("what", REFUSED)
def test_but_nothing_else(made: dict[str, Any], what: str) -> None:
    refused = made[what]["refused"]
    assert refused.startswith("PodRefusedError: A task of DAG 'marketing' asks for a pod with ")
    assert REFUSED[what][1] in refused
    assert "runs as service account workflow-marketing" in refused
    assert "a-token" not in refused


def test_a_dag_of_no_workflow_gets_no_pod(made: dict[str, Any]) -> None:
    assert "is a file of workflow 'marketing'" in made["foreign id"]["refused"]
    assert "in no workflow's folder" in made["foreign file"]["refused"]
    assert "no workflow 'sales' is declared" in made["unknown"]["refused"]


def test_a_pod_that_executes_no_task_is_not_made(made: dict[str, Any]) -> None:
    assert "does not execute a task" in made["another program"]["refused"]
