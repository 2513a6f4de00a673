"""The pod of a task: what is in it, what must not be, and that Airflow makes pods from it.

The last part asks Airflow itself, in the environment that pods run in on this machine.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from components import naming
from tests.components.airflow_example import (
    CONFIG_MAP,
    IMAGE,
    airflow,
    environment,
    manifest,
    pods,
)

if TYPE_CHECKING:
    from local.deploy.record import Recording
    from tests.conftest import Record

ROOT = Path(__file__).resolve().parents[2]
AIRFLOW = ROOT / ".venv-airflow" / "bin" / "python"

CONSTRUCT = """
import json, sys
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
given = json.load(sys.stdin)
pod = PodGenerator.construct_pod(
    dag_id="billing.load", task_id="extract", pod_id="billing-load-extract", try_number=1,
    kube_image=None, date=None, args=["python", "-m", "airflow.sdk.execution_time"],
    pod_override_object=None, namespace="airflow-prod", scheduler_job_id="7",
    base_worker_pod=PodGenerator.deserialize_model_file(given["template"]),
)
from airflow.configuration import conf
known = [f"AIRFLOW__{section.upper()}__{option.upper()}"
         for section, about in conf.configuration_description.items()
         for option in about["options"]]
sensitive = [f"AIRFLOW__{s.upper()}__{o.upper()}_CMD" for s, o in conf.sensitive_config_values]
print(json.dumps({"pod": PodGenerator.serialize_pod(pod), "known": known + sensitive}))
"""


@pytest.fixture(scope="module")
def recording(recorded: Record) -> Recording:
    return recorded(airflow)


def text_of(recording: Recording) -> str:
    """The template file, as it is mounted."""
    data = manifest(recording, CONFIG_MAP, "airflow-pod-template")["data"]
    assert list(data) == ["pod_template_file.yaml"]
    text: str = data["pod_template_file.yaml"]
    return text


@pytest.fixture(scope="module")
def template(recording: Recording) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(text_of(recording))
    return loaded


@pytest.fixture(scope="module")
def airflows(
    recording: Recording, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """What Airflow makes of the template, and the settings that it knows."""
    if not AIRFLOW.exists():
        pytest.skip(f"{AIRFLOW.parent.parent.name} is not there")
    folder = tmp_path_factory.mktemp("airflow")
    file = folder / "pod_template_file.yaml"
    file.write_text(text_of(recording), "utf-8")
    done = subprocess.run(
        [str(AIRFLOW), "-c", CONSTRUCT],
        input=json.dumps({"template": str(file)}),
        env={"AIRFLOW_HOME": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
        text=True,
        timeout=120,
    )
    answer: dict[str, dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_a_task_is_told_this_and_nothing_else(template: dict[str, Any]) -> None:
    (container,) = template["spec"]["containers"]
    assert "envFrom" not in container
    assert environment(container) == {
        "AIRFLOW_CONN_GIT_DEFAULT": '{"conn_type":"git"}',
        "AIRFLOW_HOME": "/opt/airflow",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": "http://airflow-api-server:8080/execution/",
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "pod_name.pod_name",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": (
            '[{"name":"dags","classpath":"airflow.providers.git.bundles.git.GitDagBundle",'
            '"kwargs":{"repo_url":"https://github.com/example/dags.git","tracking_ref":"v1.0.0",'
            '"subdir":"dags"}}]'
        ),
        "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER": "s3://task-logs/prod",
        "AIRFLOW__LOGGING__REMOTE_LOGGING": "True",
        "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "25",
        "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "10",
        "AIRFLOW__WORKERS__SECRETS_BACKEND": "workflow_secrets.WorkflowSecretsBackend",
        "AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS": (
            '{"connections_prefix":"airflow/prod/connections"}'
        ),
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_REGION": "eu-west-1",
        "CONNECTION_CHECK_MAX_COUNT": "0",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/etc/rds/ca.pem",
    }


@pytest.mark.parametrize(
    "word", ["SQL_ALCHEMY", "metadata.example", "FERNET", "JWT", "SECRET_KEY", "keys", "initCont"]
)
def test_a_task_knows_no_key_and_no_way_to_the_metadata(recording: Recording, word: str) -> None:
    assert word not in text_of(recording)


def test_a_task_holds_nothing_of_anybody(template: dict[str, Any]) -> None:
    spec = template["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in spec
    assert spec["restartPolicy"] == "Never"
    assert spec["volumes"] == [
        {"name": "home", "emptyDir": {}},
        {"name": "tmp", "emptyDir": {}},
        {"name": "config", "configMap": {"name": "airflow-home"}},
        {"name": "ca", "configMap": {"name": "rds-ca"}},
    ]


def test_a_task_is_locked_down_as_airflow_itself(
    recording: Recording, template: dict[str, Any]
) -> None:
    triggerer = pods(recording)["triggerer"]["spec"]
    (task,), (other,) = template["spec"]["containers"], triggerer["containers"]
    for field in ("securityContext", "enableServiceLinks"):
        assert template["spec"][field] == triggerer[field]
    for field in ("securityContext", "image", "imagePullPolicy"):
        assert task[field] == other[field]
    assert task["volumeMounts"] == [
        each for each in other["volumeMounts"] if each["name"] != "keys"
    ]


def test_a_task_is_labelled_as_one_and_not_moved(template: dict[str, Any]) -> None:
    metadata = template["metadata"]
    assert metadata["labels"] == {
        "tier": "airflow",
        "component": "worker",
        "release": "airflow",
        "app.kubernetes.io/name": "airflow",
        "app.kubernetes.io/component": "worker",
        "app.kubernetes.io/part-of": "airflow-postgres",
        "app.kubernetes.io/managed-by": "pulumi",
    }
    assert metadata["annotations"] == {
        "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
        "karpenter.sh/do-not-disrupt": "true",
    }


def test_connections_are_looked_up_where_they_are_put(template: dict[str, Any]) -> None:
    variables = environment(template["spec"]["containers"][0])
    backend = json.loads(variables["AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS"])
    assert naming.connection_secret("prod", "billing") == (
        f"{backend['connections_prefix']}/billing"
    )


def test_airflow_makes_pods_of_it(
    airflows: dict[str, dict[str, Any]], template: dict[str, Any]
) -> None:
    pod = airflows["pod"]
    (made,), (base,) = pod["spec"].pop("containers"), template["spec"]["containers"]
    # Without an image of its own, the executor leaves the template's.
    assert made["image"] == IMAGE
    assert environment(made) == environment(base) | {"AIRFLOW_IS_K8S_EXECUTOR_POD": "True"}
    untouched = base.keys() - {"env"}
    assert {key: made[key] for key in untouched} == {key: base[key] for key in untouched}
    expected = {key: value for key, value in template["spec"].items() if key != "containers"}
    assert pod["spec"] == expected
    assert pod["metadata"]["labels"].items() >= template["metadata"]["labels"].items()
    assert pod["metadata"]["annotations"].items() >= template["metadata"]["annotations"].items()


def test_airflow_knows_each_setting(
    recorded: Record, airflows: dict[str, dict[str, Any]], template: dict[str, Any]
) -> None:
    recording = recorded(lambda: airflow(executor_kubeconfig=True))
    used = {
        *manifest(recording, CONFIG_MAP, "airflow-config")["data"],
        *environment(template["spec"]["containers"][0]),
    }
    for pod in pods(recording).values():
        used |= environment(pod["spec"]["containers"][0]).keys()
    settings = {name for name in used if name.startswith("AIRFLOW__")}
    assert len(settings) > 25
    assert settings - set(airflows["known"]) == set()
