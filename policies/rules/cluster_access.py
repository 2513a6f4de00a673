"""Rules for who pods are to the cluster and to AWS, and what they may do in the cluster.

What an IAM role may do is judged where IAM is.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from policies.pods import CONFIG_MAP, POD_SOURCES, WORKLOADS, part_of, pods_of
from policies.resources import Resource, Stack
from policies.rule import Config, Severity, rule, rule_in_stack, rule_of_stack
from policies.rules.cluster import CLUSTER_ROLES, ROLE, ROLE_BINDING, SERVICE_ACCOUNT
from policies.values import Json, known

IAM_ROLE = "aws:iam/role:Role"
ROLE_ANNOTATION = "eks.amazonaws.com/role-arn"

_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+")


@rule_in_stack(
    "k8s-no-automount",
    of=POD_SOURCES,
    severity=Severity.HIGH,
    says="Only a pod whose account has a role in this stack gets a token of the Kubernetes API.",
    mend="Set automountServiceAccountToken of the pod to false, or bind a role to its account.",
    controls=("CIS K8s 5.1.6", "CKV_K8S_38"),
)
def k8s_no_automount(workload: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Absent is true, unless the account says otherwise: the pod has to say so itself."""
    for pod in pods_of(workload):
        token = pod.spec.value("automountServiceAccountToken")
        if token is True:
            account = (pod.namespace, pod.spec.value("serviceAccountName"))
            bindings = stack.of(ROLE_BINDING)
            if account not in [one for binding in bindings for one in bound_accounts(binding)]:
                yield "automountServiceAccountToken is true, but its account has no role here"
        elif token is not False:
            yield "automountServiceAccountToken is not false: whoever is in the pod has its token"


@rule_in_stack(
    "k8s-own-service-account",
    of=POD_SOURCES,
    severity=Severity.HIGH,
    says="Each workload has a service account of its own; a task's is chosen when it starts.",
    mend="Set serviceAccountName to an account of this stack that no other workload has.",
    controls=("CIS K8s 5.1.5", "CKV_K8S_41"),
)
def k8s_own_service_account(workload: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Absent is `default`, whose rights anybody in the namespace may widen."""
    for pod in pods_of(workload):
        name = pod.spec.value("serviceAccountName")
        if pod.spec.value("serviceAccount") not in (None, name):
            yield "serviceAccount is another than serviceAccountName: which one holds is unclear"
        if workload.type == CONFIG_MAP:
            if name is not None:
                yield f"serviceAccountName of tasks is {name}: each workflow's tasks have its own"
        elif name == "default" or not _declared(stack, SERVICE_ACCOUNT, name, pod.namespace):
            yield f"serviceAccountName is {name}, which is no account of this stack"
        else:
            for other in _workloads_of(stack, name, pod.namespace):
                if other != workload:
                    yield f"serviceAccountName {name} is {other.name}'s too: one is the other"


@rule(
    "k8s-account-no-token",
    of=(SERVICE_ACCOUNT,),
    severity=Severity.HIGH,
    says="A service account gives its pods no token of the Kubernetes API by itself.",
    mend="Set automountServiceAccountToken of the account to false.",
    controls=("CIS K8s 5.1.6",),
)
def k8s_account_no_token(account: Resource, _config: Config) -> Iterator[str]:
    """Absent is true: Kubernetes' default. The pods of tasks are made late, by code."""
    if account.value("automountServiceAccountToken") is not False:
        yield "automountServiceAccountToken is not false: a pod that says nothing gets one"


@rule(
    "k8s-service-account-role",
    of=(SERVICE_ACCOUNT,),
    severity=Severity.HIGH,
    says="The pods of each service account have an IAM role, instead of their node's.",
    mend=f"Annotate the account with {ROLE_ANNOTATION}, the ARN of a role.",
    controls=("CIS EKS 5.2.1",),
    later=("metadata.annotations",),
)
def k8s_service_account_role(account: Resource, _config: Config) -> Iterator[str]:
    """Absent, the pods have no identity of their own to AWS."""
    path = "metadata.annotations"
    annotations = account.value(path)
    given = annotations.get(ROLE_ANNOTATION) if isinstance(annotations, Mapping) else None
    known(given, f"{path}.{ROLE_ANNOTATION}")
    if not isinstance(given, str) or not _ROLE_ARN.fullmatch(given):
        yield f"{ROLE_ANNOTATION} is {given!r}, not the ARN of a role: its pods have the node's"


@rule_of_stack(
    "k8s-own-iam-role",
    of=(SERVICE_ACCOUNT,),
    severity=Severity.HIGH,
    says="No two service accounts have the same IAM role.",
    mend="Declare a role for each account.",
    later=("metadata.annotations",),
)
def k8s_own_iam_role(stack: Stack, _config: Config) -> Iterator[str]:
    """What an account's role comes from is known in a preview too."""
    of_role = defaultdict(list)
    for account in stack.of(SERVICE_ACCOUNT):
        roles = [one.urn for one in stack.origins(account, "metadata", type_=IAM_ROLE)]
        annotations = account.value("metadata.annotations")
        given = annotations.get(ROLE_ANNOTATION) if isinstance(annotations, Mapping) else None
        for role in roles or [known(given, f"metadata.annotations.{ROLE_ANNOTATION}")]:
            of_role[str(role)].append(account.name)
    for role, accounts in of_role.items():
        if len(accounts) > 1 and role != "None":
            yield f"{' and '.join(accounts)} have one IAM role: neither is kept from the other's"


@rule(
    "k8s-rbac-min",
    of=(ROLE,),
    severity=Severity.CRITICAL,
    says="A role allows what the executor does with pods, and nothing else.",
    mend="Take away what is not in the rule's list.",
    controls=(
        "CIS K8s 5.1.2",
        "CIS K8s 5.1.3",
        "CIS K8s 5.1.8",
        "CKV_K8S_49",
        "CKV_K8S_158",
        "CKV2_K8S_5",
    ),
    parameters={
        "allowed": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
            "default": {
                "pods": ["create", "get", "list", "watch", "patch", "delete"],
                "pods/log": ["get"],
            },
        }
    },
)
def k8s_rbac_min(role: Resource, config: Config) -> Iterator[str]:
    """No rules allow nothing; neither secrets, exec, attach nor a wildcard is in the list."""
    for allowance in part_of(role).parts("rules"):
        if allowance.items("apiGroups") != [""] or allowance.value("nonResourceURLs"):
            yield f"{allowance.path} is of {allowance.items('apiGroups')}, not of the core group"
        verbs = allowance.items("verbs")
        for resource in allowance.items("resources"):
            for verb in verbs:
                if verb not in config["allowed"].get(str(resource), ()):
                    yield f"{allowance.path} allows {verb} of {resource}: Airflow does without"


@rule(
    "k8s-no-cluster-role",
    of=CLUSTER_ROLES,
    severity=Severity.CRITICAL,
    says="Nothing is allowed in the whole cluster.",
    mend="Declare a Role and a RoleBinding in the namespace.",
    controls=("CIS K8s 5.1.1",),
)
def k8s_no_cluster_role(_role: Resource, _config: Config) -> Iterator[str]:
    """Whatever it allows: it allows it in all namespaces, or to nodes."""
    yield "it allows something outside of Airflow's namespace"


@rule_in_stack(
    "k8s-role-bound",
    of=(ROLE_BINDING,),
    severity=Severity.CRITICAL,
    says="A role of this stack is bound to service accounts of this stack, in their namespace.",
    mend="Name a Role and ServiceAccounts that are declared in the binding's namespace.",
    controls=("CIS K8s 5.1.1", "CIS K8s 5.1.5", "CKV_K8S_42"),
)
def k8s_role_bound(binding: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """A ClusterRole that exists in each cluster, such as cluster-admin, may be bound here too."""
    namespace = binding.value("metadata.namespace")
    kind, role = binding.value("roleRef.kind"), binding.value("roleRef.name")
    if kind != "Role" or not _declared(stack, ROLE, role, namespace):
        yield f"roleRef is {kind} {role}, which is no Role of this stack"
    subjects = part_of(binding).parts("subjects")
    named = [(one.value("kind"), one.value("namespace"), one.value("name")) for one in subjects]
    if not named:
        yield "subjects is empty: the role is nobody's"
    for kind, where, name in named:
        is_here = kind == "ServiceAccount" and where == namespace and name != "default"
        if not is_here or not _declared(stack, SERVICE_ACCOUNT, name, where):
            yield f"subjects has {kind} {name} of {where}, which is no account of this stack"


def bound_accounts(binding: Resource) -> list[tuple[Json, Json]]:
    """Namespace and name of each service account that a role is bound to."""
    return [
        (one.value("namespace"), one.value("name"))
        for one in part_of(binding).parts("subjects")
        if one.value("kind") == "ServiceAccount"
    ]


def _declared(stack: Stack, type_: str, name: Json, namespace: Json) -> bool:
    return any(
        one.value("metadata.name") == name and one.value("metadata.namespace") == namespace
        for one in stack.of(type_)
    )


def _workloads_of(stack: Stack, account: Json, namespace: Json) -> list[Resource]:
    return [
        one
        for one in stack.of(*WORKLOADS)
        for pod in pods_of(one)
        if pod.namespace == namespace and pod.spec.value("serviceAccountName") == account
    ]
