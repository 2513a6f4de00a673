"""Airflow's own four components as Deployments, and the API server's Service.

How many there are, and how many connections each holds, is budgeted by the settings; a rollout
starts one more of each before it ends an old one.
"""

from __future__ import annotations

from collections.abc import Mapping

import pulumi_kubernetes as kubernetes
from pulumi import Resource, ResourceOptions

from components.airflow import paths
from components.airflow.config_maps import ConfigMaps, checksums
from components.airflow.configuration import (
    KEYS_OF,
    database_environment,
    key_environment,
    own_environment,
    pool_environment,
)
from components.airflow.deployment_args import API_SERVER_PORT, AirflowDeploymentArgs
from components.airflow.names import (
    API_SERVER,
    CA_MAP,
    CONFIG_MAP,
    DAG_PROCESSOR,
    HOME_MAP,
    POD_TEMPLATE_MAP,
    SCHEDULER,
    TRIGGERER,
    Component,
    labels,
    object_name,
    selector,
)
from components.airflow.pods import PodArgs, pod
from components.airflow.resources import component_resources

ARGUMENTS: Mapping[Component, list[str]] = {
    API_SERVER: ["api-server"],
    # Logs of tasks are in S3; nobody asks the components for them.
    SCHEDULER: ["scheduler", "--skip-serve-logs"],
    DAG_PROCESSOR: ["dag-processor"],
    TRIGGERER: ["triggerer", "--skip-serve-logs"],
}
RUN_COMPONENT = ["python", f"{paths.CONFIG}/run_component.py"]
"""Runs `airflow` with a loop that a failover of the metadata database does not end."""
GRACE_SECONDS = 60
"""A scheduler was seen to take 23 s to end: it waits for its watch on pods."""
UNROUTED_SECONDS = 5
"""How long an API server that ends still answers, until all nodes have heard that it does."""
KUBERNETES_API_USERS = frozenset({SCHEDULER, API_SERVER})
"""The executor is in both: one starts pods, the other reads the logs of running ones."""
OLD_VERSIONS_KEPT = 3


def declare_workload(
    name: str,
    component: Component,
    args: AirflowDeploymentArgs,
    contents: ConfigMaps,
    opts: ResourceOptions,
) -> Resource:
    """Declare the Deployment of a component."""
    size = args.sizes[component]
    return kubernetes.apps.v1.Deployment(
        f"{name}-{component}",
        metadata=kubernetes.meta.v1.ObjectMetaArgs(
            name=object_name(component), namespace=args.namespace, labels=labels(component)
        ),
        spec=kubernetes.apps.v1.DeploymentSpecArgs(
            replicas=size.replicas,
            revision_history_limit=OLD_VERSIONS_KEPT,
            selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=selector(component)),
            strategy=kubernetes.apps.v1.DeploymentStrategyArgs(
                type="RollingUpdate",
                rolling_update=kubernetes.apps.v1.RollingUpdateDeploymentArgs(
                    max_surge=1, max_unavailable=0
                ),
            ),
            template=pod(_pod_args(component, args, contents)),
        ),
        opts=opts,
    )


def declare_service(name: str, namespace: str, opts: ResourceOptions) -> Resource:
    """Declare the address of the API server, for tasks and for whatever serves the web."""
    return kubernetes.core.v1.Service(
        f"{name}-{API_SERVER}",
        metadata=kubernetes.meta.v1.ObjectMetaArgs(
            name=object_name(API_SERVER), namespace=namespace, labels=labels(API_SERVER)
        ),
        spec=kubernetes.core.v1.ServiceSpecArgs(
            type="ClusterIP",
            selector=selector(API_SERVER),
            ports=[
                kubernetes.core.v1.ServicePortArgs(
                    name=API_SERVER,
                    port=API_SERVER_PORT,
                    target_port=API_SERVER_PORT,
                    protocol="TCP",
                )
            ],
        ),
        opts=opts,
    )


def declare_disruption_budget(
    name: str, component: Component, namespace: str, opts: ResourceOptions
) -> Resource:
    """Let nodes be drained, one pod of a component at a time.

    As what may be missing and not as what must be there: with one replica the latter would forbid
    to drain its node, for ever. A pod that is not healthy anyway does not hold a node up either.
    """
    return kubernetes.policy.v1.PodDisruptionBudget(
        f"{name}-{component}",
        metadata=kubernetes.meta.v1.ObjectMetaArgs(
            name=object_name(component), namespace=namespace, labels=labels(component)
        ),
        spec=kubernetes.policy.v1.PodDisruptionBudgetSpecArgs(
            max_unavailable=1,
            unhealthy_pod_eviction_policy="AlwaysAllow",
            selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=selector(component)),
        ),
        opts=opts,
    )


def _pod_args(component: Component, args: AirflowDeploymentArgs, contents: ConfigMaps) -> PodArgs:
    size = args.sizes[component]
    is_scheduler, is_api_server = component == SCHEDULER, component == API_SERVER
    return PodArgs(
        component=component,
        account=object_name(component),
        image=args.image,
        # The API server has no such loop: it answers that it cannot, and is asked again.
        command=["airflow"] if is_api_server else RUN_COMPONENT,
        arguments=ARGUMENTS[component],
        environment={
            **database_environment(args, args.identities[component]),
            **pool_environment(size),
            **key_environment(KEYS_OF[component]),
            **own_environment(component, args),
        },
        key_secrets={key: args.key_secrets[key] for key in KEYS_OF[component]},
        checksums=checksums(
            contents,
            [CONFIG_MAP, HOME_MAP, CA_MAP, *([POD_TEMPLATE_MAP] if is_scheduler else [])],
        ),
        resources=component_resources(component, size.workers),
        grace_seconds=GRACE_SECONDS,
        kubernetes_api=component in KUBERNETES_API_USERS,
        launches_tasks=is_scheduler,
        spread=size.replicas > 1,
        ports={API_SERVER: API_SERVER_PORT} if is_api_server else {},
        probes=_api_server_probes() if is_api_server else _heartbeat_probes(component),
        lifecycle=_leave_routes() if is_api_server else None,
    )


def _api_server_probes() -> dict[str, kubernetes.core.v1.ProbeArgs]:
    # While the database is away it is not ready, which restarts nothing; alive is who answers.
    return {
        "startup_probe": _probe(API_SERVER, period=2, timeout=10, failures=90),
        "readiness_probe": _probe(API_SERVER, period=10, timeout=10, failures=3),
        "liveness_probe": _probe(f"{API_SERVER}-alive", period=20, timeout=10, failures=6),
    }


def _heartbeat_probes(component: Component) -> dict[str, kubernetes.core.v1.ProbeArgs]:
    # Nobody connects to them. Being ready is what a rollout waits for, and what alarms look at.
    beating = _probe(component, period=30, timeout=5, failures=3)
    return {
        "startup_probe": _probe(component, period=2, timeout=5, failures=90),
        "readiness_probe": beating,
        "liveness_probe": beating,
    }


def _probe(what: str, *, period: int, timeout: int, failures: int) -> kubernetes.core.v1.ProbeArgs:
    """Ask in the pod, every `period` seconds, until it fails `failures` times in a row."""
    return kubernetes.core.v1.ProbeArgs(
        exec_=kubernetes.core.v1.ExecActionArgs(
            command=["python", f"{paths.CONFIG}/probe_health.py", what]
        ),
        period_seconds=period,
        timeout_seconds=timeout,
        failure_threshold=failures,
    )


def _leave_routes() -> kubernetes.core.v1.LifecycleArgs:
    return kubernetes.core.v1.LifecycleArgs(
        pre_stop=kubernetes.core.v1.LifecycleHandlerArgs(
            sleep=kubernetes.core.v1.SleepActionArgs(seconds=UNROUTED_SECONDS)
        )
    )
