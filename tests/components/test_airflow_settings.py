"""What Airflow's own pods are told, which keys they hold, and as whom they log in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.components.airflow_example import (
    CONFIG_MAP,
    FOUR,
    MIGRATIONS,
    airflow,
    containers,
    environment,
    manifest,
    pods,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.deploy.record import Recording
    from tests.components.airflow_example import Pods
    from tests.conftest import Record

KEYS_FOLDER = "/run/airflow/keys"
DATABASE = "metadata.example:5433/airflow_prod?sslmode=verify-full"


@pytest.fixture(scope="module")
def recording(recorded: Record) -> Recording:
    return recorded(airflow)


@pytest.fixture(scope="module")
def templates(recording: Recording) -> Pods:
    return pods(recording)


@pytest.fixture(scope="module")
def own(templates: Pods) -> Mapping[str, Mapping[str, str]]:
    """By component the variables that only it has."""
    found = {}
    for component, pod in templates.items():
        (container,) = pod["spec"]["containers"]
        found[component] = environment(container)
    return found


def settings_of(recording: Recording) -> dict[str, str]:
    """The settings that all components share."""
    data: dict[str, str] = manifest(recording, CONFIG_MAP, "airflow-config")["data"]
    return data


def test_each_pod_holds_the_keys_it_needs_and_no_other(templates: Pods) -> None:
    fetched = {
        component: [
            argument
            for container in pod["spec"].get("initContainers", ())
            for argument in container["args"][3:]
        ]
        for component, pod in templates.items()
    }
    assert fetched == {
        "api-server": [
            "fernet=airflow/prod/keys/fernet",
            "jwt=airflow/prod/keys/jwt",
            "api=airflow/prod/keys/api",
        ],
        "scheduler": ["fernet=airflow/prod/keys/fernet", "jwt=airflow/prod/keys/jwt"],
        "dag-processor": ["fernet=airflow/prod/keys/fernet"],
        "triggerer": ["fernet=airflow/prod/keys/fernet"],
        MIGRATIONS: [],
    }


def test_airflow_reads_the_keys_from_memory(
    templates: Pods, own: Mapping[str, Mapping[str, str]]
) -> None:
    settings = {
        "fernet": ("AIRFLOW__CORE__FERNET_KEY_CMD", f"cat {KEYS_FOLDER}/fernet"),
        "jwt": ("AIRFLOW_CONFIG", f"{KEYS_FOLDER}/airflow.cfg"),
        "api": ("AIRFLOW__API__SECRET_KEY_CMD", f"cat {KEYS_FOLDER}/api"),
    }
    for component, pod in templates.items():
        init = pod["spec"].get("initContainers", ())
        held = [argument.partition("=")[0] for each in init for argument in each["args"][3:]]
        commands = {
            key: value for key, value in own[component].items() if key.endswith(("_CMD", "_CONFIG"))
        }
        assert commands == dict(settings[key] for key in held)
        volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
        (container,) = pod["spec"]["containers"]
        mounted = [each for each in container["volumeMounts"] if each["name"] == "keys"]
        if not held:
            assert component == MIGRATIONS
            assert ("keys" in volumes, mounted) == (False, [])
            continue
        (fetching,) = init
        assert fetching["command"] == ["python"]
        assert fetching["args"][:3] == [
            "/opt/airflow/config/fetch_keys.py",
            "--folder",
            KEYS_FOLDER,
        ]
        assert {"name": "keys", "mountPath": KEYS_FOLDER} in fetching["volumeMounts"]
        assert volumes["keys"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Mi"}
        assert mounted == [{"name": "keys", "mountPath": KEYS_FOLDER, "readOnly": True}]


def test_each_component_logs_in_as_itself_and_without_a_password(
    own: Mapping[str, Mapping[str, str]],
) -> None:
    for component in (*FOUR, MIGRATIONS):
        login = "airflow_prod_" + (
            "migration" if component == MIGRATIONS else component.replace("-", "_")
        )
        assert {
            key: value for key, value in own[component].items() if "SQL_ALCHEMY_CONN" in key
        } == {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg://{login}@{DATABASE}",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": (
                f"postgresql+psycopg_async://{login}@{DATABASE}"
            ),
        }


def test_pools_are_as_budgeted(own: Mapping[str, Mapping[str, str]]) -> None:
    pools = {
        component: (
            variables.get("AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_SIZE"),
            variables.get("AIRFLOW__DATABASE__SQL_ALCHEMY_MAX_OVERFLOW"),
        )
        for component, variables in own.items()
    }
    assert pools == {
        "api-server": ("6", "7"),
        "scheduler": ("5", "10"),
        "dag-processor": ("5", "10"),
        "triggerer": ("5", "10"),
        MIGRATIONS: (None, None),
    }


def test_each_component_is_told_the_rest_of_what_is_its_own(
    own: Mapping[str, Mapping[str, str]],
) -> None:
    common = (
        "_CMD",
        "_CONFIG",
        "SQL_ALCHEMY_CONN",
        "SQL_ALCHEMY_CONN_ASYNC",
        "POOL_SIZE",
        "MAX_OVERFLOW",
    )
    rest = {
        component: {key: value for key, value in variables.items() if not key.endswith(common)}
        for component, variables in own.items()
    }
    logs = {
        "AIRFLOW__LOGGING__REMOTE_LOGGING": "True",
        "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER": "s3://task-logs/prod",
    }
    assert rest == {
        "api-server": {
            "AIRFLOW__API__HOST": "0.0.0.0",  # noqa: S104  a setting of the pod
            "AIRFLOW__API__PORT": "8080",
            "AIRFLOW__API__WORKERS": "4",
            "AIRFLOW__EXECUTION_API__JWT_EXPIRATION_TIME": "1200",
            "AIRFLOW__API_AUTH__JWT_EXPIRATION_TIME": "86400",
            "METADATA_PATIENCE_SECONDS": "5",
            **logs,
        },
        "scheduler": {"AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30"},
        "dag-processor": {
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
            "AIRFLOW__LOGGING__DAG_PROCESSOR_LOG_TARGET": "stdout",
        },
        "triggerer": logs,
        MIGRATIONS: {},
    }


EXECUTOR = "AIRFLOW__KUBERNETES_EXECUTOR__"


def test_what_all_components_are_told(recording: Recording, templates: Pods) -> None:
    assert settings_of(recording) == {
        "AIRFLOW_CONN_GIT_DEFAULT": '{"conn_type":"git"}',
        "AIRFLOW_HOME": "/opt/airflow",
        "AIRFLOW__CORE__AUTH_MANAGER": "example.AuthManager",
        "AIRFLOW__CORE__EXECUTOR": "KubernetesExecutor",
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "pod_name.pod_name",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "80",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": (
            '[{"name":"dags","classpath":"airflow.providers.git.bundles.git.GitDagBundle",'
            '"kwargs":{"repo_url":"https://github.com/example/dags.git","tracking_ref":"v1.0.0",'
            '"subdir":"dags"}}]'
        ),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_RECYCLE": "900",
        f"{EXECUTOR}DELETE_WORKER_PODS": "True",
        f"{EXECUTOR}DELETE_WORKER_PODS_ON_FAILURE": "True",
        f"{EXECUTOR}NAMESPACE": "airflow-prod",
        f"{EXECUTOR}POD_TEMPLATE_FILE": "/opt/airflow/pod_templates/pod_template_file.yaml",
        f"{EXECUTOR}TASK_PUBLISH_MAX_RETRIES": "-1",
        f"{EXECUTOR}WORKER_PODS_CREATION_BATCH_SIZE": "16",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_REGION": "eu-west-1",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/etc/rds/ca.pem",
    }
    for pod in templates.values():
        for container in containers(pod):
            assert container["envFrom"] == [{"configMapRef": {"name": "airflow-config"}}]


def test_the_executor_may_be_told_of_a_kubeconfig(recorded: Record, recording: Recording) -> None:
    other = settings_of(recorded(lambda: airflow(executor_kubeconfig=True)))
    assert other.items() - settings_of(recording).items() == {
        (f"{EXECUTOR}IN_CLUSTER", "False"),
        (
            f"{EXECUTOR}CONFIG_FILE",
            "/var/run/secrets/kubernetes.io/serviceaccount/kubeconfig",
        ),
    }
