"""An environment's Airflow as the tests declare it, and its manifests as the cluster gets them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from components.airflow.deployment import (
    AirflowDeployment,
    AirflowDeploymentArgs,
    ComponentIdentity,
    ComponentSize,
    GitBundle,
    NetworkPaths,
    WorkflowTasks,
)
from components.airflow.names import COMPONENTS

if TYPE_CHECKING:
    from local.deploy.record import Recording

Pods: TypeAlias = Mapping[str, Mapping[str, Any]]
"""By component its pods' metadata and spec."""

FOUR = ("api-server", "scheduler", "dag-processor", "triggerer")
MIGRATIONS = "run-airflow-migrations"
NAME = "prod-airflow"
IMAGE = f"apache/airflow:3.3.2@sha256:{'0123456789abcdef' * 4}"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
JOB = "kubernetes:batch/v1:Job"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"

NETWORK = NetworkPaths(
    database_cidrs=("10.0.1.0/24", "10.0.2.0/24"),
    metadata_port=5433,
    application_ports=[5434],
    aws_api_cidrs=("10.0.8.0/24",),
    git_cidrs=("140.82.112.0/20",),
    git_port=443,
    kubernetes_api_cidrs=("172.20.0.1/32",),
    web_cidrs=("10.0.9.0/24",),
)


def airflow_args(**changed: Any) -> AirflowDeploymentArgs:  # noqa: ANN401 - any of the fields
    """Production with two workflows, one component with several replicas; some of it changed."""
    sizes = {
        component: ComponentSize(replicas=1, workers=1, pool_size=5, max_overflow=10)
        for component in COMPONENTS
    }
    fields: dict[str, Any] = {
        "environment": "prod",
        "namespace": "airflow-prod",
        "image": IMAGE,
        "auth_manager": "example.AuthManager",
        "region": "eu-west-1",
        "identities": {
            component: ComponentIdentity(
                user=f"airflow_prod_{component.replace('-', '_')}",
                iam_role_arn=f"arn:component/{component}",
            )
            for component in (*COMPONENTS, "migration")
        },
        "sizes": sizes
        | {"api-server": ComponentSize(replicas=3, workers=4, pool_size=6, max_overflow=7)},
        "metadata_host": "metadata.example",
        "metadata_port": 5433,
        "metadata_database": "airflow_prod",
        "connection_recycle_seconds": 900,
        "ca_certificates": "certificates of the databases",
        "home": {"airflow_local_settings.py": "hooks\n"},
        "key_secrets": {key: f"airflow/prod/keys/{key}" for key in ("fernet", "jwt", "api")},
        "task_logs": "s3://task-logs/prod",
        "dags": GitBundle(
            repository="https://github.com/example/dags.git", ref="v1.0.0", folder="dags"
        ),
        "workflows": (
            WorkflowTasks(name="billing", slots=60, iam_role_arn="arn:workflow/billing"),
            WorkflowTasks(name="reference", slots=20, iam_role_arn="arn:workflow/reference"),
        ),
        "network": NETWORK,
        "executor_kubeconfig": False,
    }
    return AirflowDeploymentArgs(**{**fields, **changed})


def airflow(**changed: Any) -> AirflowDeployment:  # noqa: ANN401 - as above
    """The component; inside a program."""
    return AirflowDeployment(NAME, airflow_args(**changed))


def manifest(recording: Recording, type_: str, name: str) -> Mapping[str, Any]:
    """The object of this type that is called `name` in the cluster.

    Raises:
        LookupError: there is none, or more than one.
    """
    found = [one.plain for one in recording.of_type(type_) if one.plain["metadata"]["name"] == name]
    if len(found) != 1:
        raise LookupError(f"{len(found)} of {type_} are called {name}")
    return found[0]


def pods(recording: Recording) -> dict[str, Mapping[str, Any]]:
    """By component the pods' metadata and spec, of Airflow's components and of the migration."""
    return {
        one.plain["metadata"]["labels"]["component"]: one.plain["spec"]["template"]
        for type_ in (DEPLOYMENT, JOB)
        for one in recording.of_type(type_)
    }


def containers(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All containers of a pod, those that run first too."""
    return [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]


def environment(container: Mapping[str, Any]) -> dict[str, str]:
    """A container's own variables; what it takes from ConfigMaps is not among them."""
    return {variable["name"]: variable["value"] for variable in container.get("env", ())}
