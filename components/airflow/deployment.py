"""One environment's Airflow in Kubernetes: a namespace of its own, and all that is in it.

Objects are declared one by one, named and labelled as by the official Helm chart. What is outside
of the cluster comes in as text: logins, IAM roles, names of secrets, addresses. How people get to
the web interface (an ingress, a load balancer) is the cluster's business, not declared here.
"""

from __future__ import annotations

import pulumi_kubernetes as kubernetes
from pulumi import ComponentResource, Output, Resource, ResourceOptions

from components.airflow.accounts import declare_accounts
from components.airflow.config_maps import config_maps, declare_config_maps
from components.airflow.deployment_args import (
    AirflowDeploymentArgs,
    ComponentSize,
    GitBundle,
    NetworkPaths,
    WorkflowTasks,
)
from components.airflow.identity import ComponentIdentity
from components.airflow.migration import declare_migration
from components.airflow.names import (
    API_SERVER,
    COMPONENTS,
    DAG_PROCESSOR,
    NAMESPACE,
    SCHEDULER,
    TRIGGERER,
    labels,
    object_name,
)
from components.airflow.network_policies import declare_network_policies
from components.airflow.workloads import (
    declare_disruption_budget,
    declare_service,
    declare_workload,
)

__all__ = [
    "AirflowDeployment",
    "AirflowDeploymentArgs",
    "ComponentIdentity",
    "ComponentSize",
    "GitBundle",
    "NetworkPaths",
    "WorkflowTasks",
]

POD_SECURITY = {
    f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")
}


class AirflowDeployment(ComponentResource):
    """Airflow's components, the pods of its tasks, and what each of them may do and reach."""

    namespace: Output[str]
    """The namespace that all of it is in."""
    image: Output[str]
    """What runs."""
    service: Output[str]
    """Name of the API server's Service, which also serves the web interface."""

    def __init__(
        self, name: str, args: AirflowDeploymentArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("airflow-postgres:components:AirflowDeployment", name, None, opts)
        namespace = self._namespace(name, args.namespace)
        inside = self._after([namespace])
        contents = config_maps(args)

        beforehand = [
            *declare_network_policies(name, args, inside),
            *declare_accounts(name, args, inside),
            *declare_config_maps(name, args.namespace, contents, inside),
        ]
        migrated = declare_migration(name, args, self._after([*beforehand, *args.after]))
        # Tasks of the next version are started by the next scheduler. An API server understands
        # tasks of its own version and of former ones.
        serving = declare_workload(name, API_SERVER, args, contents, self._after([migrated]))
        declare_workload(name, SCHEDULER, args, contents, self._after([migrated, serving]))
        for component in (DAG_PROCESSOR, TRIGGERER):
            declare_workload(name, component, args, contents, self._after([migrated]))
        for component in COMPONENTS:
            declare_disruption_budget(name, component, args.namespace, inside)
        declare_service(name, args.namespace, inside)

        self.namespace = Output.from_input(args.namespace)
        self.image = Output.from_input(args.image)
        self.service = Output.from_input(object_name(API_SERVER))
        self.register_outputs(
            {"namespace": self.namespace, "image": self.image, "service": self.service}
        )

    def _namespace(self, name: str, namespace: str) -> Resource:
        return kubernetes.core.v1.Namespace(
            f"{name}-{NAMESPACE}",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name=namespace, labels={**labels(NAMESPACE), **POD_SECURITY}
            ),
            opts=ResourceOptions(parent=self),
        )

    def _after(self, resources: list[Resource]) -> ResourceOptions:
        return ResourceOptions(parent=self, depends_on=resources)
