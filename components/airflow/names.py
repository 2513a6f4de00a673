"""What Airflow's objects are called and how they are labelled, as by the official Helm chart.

The chart's release would be `airflow`. Namespaces and the service accounts of workflows are named
in `components.naming`, as IAM's trust depends on them.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Component: TypeAlias = Literal["api-server", "scheduler", "dag-processor", "triggerer"]

API_SERVER: Final = "api-server"
SCHEDULER: Final = "scheduler"
DAG_PROCESSOR: Final = "dag-processor"
TRIGGERER: Final = "triggerer"
COMPONENTS: Final[tuple[Component, ...]] = (API_SERVER, SCHEDULER, DAG_PROCESSOR, TRIGGERER)
"""Airflow's own components, which run all the time."""

MIGRATIONS: Final = "run-airflow-migrations"
"""The job that migrates the metadata database."""
MIGRATION_IDENTITY: Final = "migration"
"""The job's place among the identities."""
MIGRATION_ACCOUNT: Final = "airflow-migrate-database-job"
WORKER: Final = "worker"
"""Pods of tasks."""
CONFIG: Final = "config"
"""ConfigMaps, which belong to several components."""
NAMESPACE: Final = "namespace"
"""The namespace itself, and what holds for all of it."""

CONFIG_MAP: Final = "airflow-config"
HOME_MAP: Final = "airflow-home"
POD_TEMPLATE_MAP: Final = "airflow-pod-template"
CA_MAP: Final = "rds-ca"


def object_name(component: str) -> str:
    """Name of what belongs to `component`: its Deployment, Service, account, policy and budget."""
    return f"airflow-{component}"


def selector(component: str) -> dict[str, str]:
    """The labels that tell the pods of `component` from all others in the namespace.

    A Deployment's selector cannot be changed, so nothing is in it that may.
    """
    return {"tier": "airflow", "component": component, "release": "airflow"}


def labels(component: str) -> dict[str, str]:
    """All labels of what belongs to `component`."""
    return {
        **selector(component),
        "app.kubernetes.io/name": "airflow",
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": "airflow-postgres",
        "app.kubernetes.io/managed-by": "pulumi",
    }
