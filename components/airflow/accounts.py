"""Service accounts, and the two of them that may use the Kubernetes API.

Each account is annotated with the IAM role that its pods assume. Pods get a token of the Kubernetes
API only where they say so themselves; the role's web identity comes as a token of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi_kubernetes as kubernetes
from pulumi import Input, Resource, ResourceOptions

from components import naming
from components.airflow.deployment_args import AirflowDeploymentArgs
from components.airflow.names import (
    API_SERVER,
    COMPONENTS,
    MIGRATION_ACCOUNT,
    MIGRATION_IDENTITY,
    MIGRATIONS,
    SCHEDULER,
    WORKER,
    labels,
    object_name,
)

ROLE_ANNOTATION = "eks.amazonaws.com/role-arn"
"""Read by the webhook of EKS that gives pods their web identity."""

POD_LAUNCHER = "airflow-pod-launcher"
POD_LOG_READER = "airflow-pod-log-reader"


def declare_accounts(
    name: str, args: AirflowDeploymentArgs, opts: ResourceOptions
) -> list[Resource]:
    """Declare all service accounts, and what they may do."""
    accounts = [
        *(
            (component, object_name(component), args.identities[component].iam_role_arn)
            for component in COMPONENTS
        ),
        (MIGRATIONS, MIGRATION_ACCOUNT, args.identities[MIGRATION_IDENTITY].iam_role_arn),
        *(
            (WORKER, naming.service_account(workflow.name), workflow.iam_role_arn)
            for workflow in args.workflows
        ),
    ]
    return [
        *(_account(name, args.namespace, *account, opts=opts) for account in accounts),
        # The executor starts the pods of tasks, follows them and takes them away.
        *_role(
            name,
            args.namespace,
            SCHEDULER,
            POD_LAUNCHER,
            [_rule("pods", "create", "get", "list", "watch", "patch", "delete")],
            opts,
        ),
        # The log of a task that still runs is its pod's; the pod is found by its labels.
        *_role(
            name,
            args.namespace,
            API_SERVER,
            POD_LOG_READER,
            [_rule("pods", "list"), _rule("pods/log", "get")],
            opts,
        ),
    ]


def _account(
    name: str,
    namespace: str,
    component: str,
    account: str,
    role_arn: Input[str],
    *,
    opts: ResourceOptions,
) -> kubernetes.core.v1.ServiceAccount:
    return kubernetes.core.v1.ServiceAccount(
        f"{name}-{account}",
        metadata=kubernetes.meta.v1.ObjectMetaArgs(
            name=account,
            namespace=namespace,
            labels=labels(component),
            annotations={ROLE_ANNOTATION: role_arn},
        ),
        automount_service_account_token=False,
        opts=opts,
    )


def _rule(resource: str, *verbs: str) -> kubernetes.rbac.v1.PolicyRuleArgs:
    return kubernetes.rbac.v1.PolicyRuleArgs(
        api_groups=[""], resources=[resource], verbs=list(verbs)
    )


def _role(
    name: str,
    namespace: str,
    component: str,
    role: str,
    rules: Sequence[kubernetes.rbac.v1.PolicyRuleArgs],
    opts: ResourceOptions,
) -> tuple[Resource, Resource]:
    """Declare a role, and bind the account of `component` to it."""

    def metadata(suffix: str) -> kubernetes.meta.v1.ObjectMetaArgs:
        return kubernetes.meta.v1.ObjectMetaArgs(
            name=f"{role}-{suffix}", namespace=namespace, labels=labels(component)
        )

    return (
        kubernetes.rbac.v1.Role(
            f"{name}-{role}", metadata=metadata("role"), rules=list(rules), opts=opts
        ),
        kubernetes.rbac.v1.RoleBinding(
            f"{name}-{role}",
            metadata=metadata("rolebinding"),
            role_ref=kubernetes.rbac.v1.RoleRefArgs(
                api_group="rbac.authorization.k8s.io", kind="Role", name=f"{role}-role"
            ),
            subjects=[
                kubernetes.rbac.v1.SubjectArgs(
                    kind="ServiceAccount", name=object_name(component), namespace=namespace
                )
            ],
            opts=opts,
        ),
    )
