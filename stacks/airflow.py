"""The wiring of Airflow: what the environments of a stack share, and the Airflow of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components import naming
from components.airflow.configuration import KEYS_OF
from components.airflow.deployment import (
    AirflowDeployment,
    AirflowDeploymentArgs,
    ComponentSize,
    GitBundle,
    NetworkPaths,
    WorkflowTasks,
)
from components.airflow.keys import AirflowKeys, AirflowKeysArgs
from components.airflow.metadata_access import MetadataAccess, MetadataAccessArgs
from components.airflow.names import (
    API_SERVER,
    DAG_PROCESSOR,
    MIGRATION_IDENTITY,
    SCHEDULER,
    TRIGGERER,
)
from components.airflow.task_logs import TaskLogs, TaskLogsArgs
from stacks.airflow_checks import git_port
from stacks.budget import MIGRATION_CONNECTIONS, airflow_connections
from stacks.kubernetes_access import kubernetes_provider

if TYPE_CHECKING:
    import pulumi_kubernetes as kubernetes

    from components.database_server import DatabaseServer
    from components.postgres_instance import PostgresInstance
    from components.provisioner import Provisioner
    from components.workflow import Workflow
    from stacks.settings import Airflow, AirflowComponent
    from stacks.site import Site

HOME = "airflow_home"
"""Folder of what runs inside Airflow, relative to the project's root."""


@dataclass(frozen=True, kw_only=True)
class AirflowFoundation:
    """What the Airflows of all environments of a stack share."""

    metadata: PostgresInstance
    provisioner: Provisioner
    task_logs: TaskLogs
    keys: AirflowKeys
    kubernetes: kubernetes.Provider
    ca_certificates: str
    home: Mapping[str, str]


def declare_airflow_foundation(
    site: Site, metadata: PostgresInstance, provisioner: Provisioner
) -> AirflowFoundation:
    """Declare what is there once for all environments."""
    settings = site.settings
    task_logs = TaskLogs(
        "task-logs",
        TaskLogsArgs(
            prefix=site.prefix,
            region=settings.region,
            account=settings.account,
            retention_days=settings.log_retention_days,
            protected=settings.metadata.protected,
        ),
        opts=site.options(),
    )
    keys = AirflowKeys(
        "airflow-keys",
        AirflowKeysArgs(
            prefix=site.prefix,
            region=settings.region,
            account=settings.account,
            environments=settings.environments,
            package=f"build/{site.stack}/airflow_keys.zip",
            log_retention_days=settings.log_retention_days,
            protected=settings.metadata.protected,
        ),
        opts=site.options(),
    )
    return AirflowFoundation(
        metadata=metadata,
        provisioner=provisioner,
        task_logs=task_logs,
        keys=keys,
        kubernetes=kubernetes_provider(site),
        ca_certificates=site.ca_certificates,
        home={file.name: file.read_text("utf-8") for file in sorted(Path(HOME).glob("*.py"))},
    )


def declare_airflow(
    site: Site,
    environment: str,
    foundation: AirflowFoundation,
    workflows: Mapping[str, Workflow],
    applications: Iterable[DatabaseServer],
) -> Mapping[str, Any]:
    """Declare the Airflow of `environment`, and return what the stack exports of it.

    Args:
        site: where.
        environment: whose.
        foundation: what all environments share.
        workflows: the environment's.
        applications: what they connect to.
    """
    settings, keys = site.settings, foundation.keys
    access = _metadata_access(site, environment, foundation)
    endpoint = foundation.metadata.endpoint
    deployment = AirflowDeployment(
        f"{environment}-airflow",
        AirflowDeploymentArgs(
            environment=environment,
            namespace=naming.namespace(environment),
            image=settings.airflow.image,
            auth_manager=settings.airflow.auth_manager,
            region=settings.region,
            identities=access.identities,
            sizes={name: _size(each) for name, each in _components(settings.airflow).items()},
            metadata_host=endpoint.address,
            metadata_port=endpoint.port,
            metadata_database=naming.metadata_database(environment),
            connection_recycle_seconds=settings.airflow.connection_recycle_seconds,
            ca_certificates=foundation.ca_certificates,
            home=foundation.home,
            key_secrets={name: each.name for name, each in keys.secrets(environment).items()},
            task_logs=foundation.task_logs.url(environment),
            dags=GitBundle(
                repository=settings.airflow.dags.repository,
                ref=settings.airflow.dags.ref,
                folder=settings.airflow.dags.folder,
            ),
            workflows=[
                WorkflowTasks(name=name, slots=each.pool.slots, iam_role_arn=each.iam_role_arn)
                for name, each in workflows.items()
            ],
            network=_network(site, foundation.metadata, applications),
            executor_kubeconfig=settings.kubernetes == "local-node",
            # What pods use without being given an output of it: rights, values of secrets.
            after=[access, keys, foundation.task_logs, *workflows.values()],
        ),
        opts=site.options(foundation.kubernetes),
    )
    return {
        "namespace": deployment.namespace,
        "service": deployment.service,
        "image": deployment.image,
        "taskLogs": foundation.task_logs.url(environment),
    }


def _metadata_access(site: Site, environment: str, foundation: AirflowFoundation) -> MetadataAccess:
    logs, keys = foundation.task_logs, foundation.keys
    database = naming.metadata_database(environment)
    policies = {
        component: {f"read-{name}-key": keys.read_policy(environment, name) for name in names}
        for component, names in KEYS_OF.items()
        if names
    }
    policies[API_SERVER]["read-task-logs"] = logs.read_policy(environment)
    # What a task that waits in the triggerer says belongs to its log.
    policies[TRIGGERER]["write-task-logs"] = logs.write_policy(environment)
    return MetadataAccess(
        f"{environment}-metadata",
        MetadataAccessArgs(
            environment=environment,
            server=foundation.metadata,
            database=database,
            connection_limits={
                MIGRATION_IDENTITY: MIGRATION_CONNECTIONS,
                **{
                    name: airflow_connections(each, api_server=name == API_SERVER)
                    for name, each in _components(site.settings.airflow).items()
                },
            },
            policies=policies,
            oidc_provider_arn=site.cluster.oidc_provider_arn,
            oidc_issuer=site.cluster.oidc_issuer,
            protected=site.settings.metadata.protected,
        ),
        opts=site.options(foundation.provisioner.provider(database)),
    )


def _components(airflow: Airflow) -> Mapping[str, AirflowComponent]:
    return {
        API_SERVER: airflow.api_server,
        SCHEDULER: airflow.scheduler,
        DAG_PROCESSOR: airflow.dag_processor,
        TRIGGERER: airflow.triggerer,
    }


def _size(component: AirflowComponent) -> ComponentSize:
    return ComponentSize(
        replicas=component.replicas,
        workers=component.workers,
        pool_size=component.pool_size,
        max_overflow=component.max_overflow,
    )


def _network(
    site: Site, metadata: PostgresInstance, applications: Iterable[DatabaseServer]
) -> NetworkPaths:
    networks = site.settings.networks
    return NetworkPaths(
        database_cidrs=site.database_cidrs,
        metadata_port=metadata.endpoint.port,
        application_ports=sorted({server.endpoint.port for server in applications}),
        aws_api_cidrs=networks.aws_apis,
        git_cidrs=networks.git,
        git_port=git_port(site.settings.airflow.dags.repository),
        kubernetes_api_cidrs=networks.kubernetes_api,
        web_cidrs=networks.web,
    )
