"""Rules for what surrounds the pods: namespaces, services, how many there are and their budgets.

Accounts and roles are judged in `cluster_access`, network policies in `cluster_network`, the pods
themselves in `workloads`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.pods import DEPLOYMENT, POD_SOURCES, STATEFUL_SET, Pod, part_of, pods_of
from policies.resources import Resource, Stack
from policies.rule import Config, Severity, rule, rule_in_stack, rule_of_stack
from policies.values import Json, known

BUDGET = "kubernetes:policy/v1:PodDisruptionBudget"
NAMESPACE = "kubernetes:core/v1:Namespace"
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
ROLE = "kubernetes:rbac.authorization.k8s.io/v1:Role"
ROLE_BINDING = "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding"
CLUSTER_ROLES = (
    "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole",
    "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding",
)
SERVICE = "kubernetes:core/v1:Service"
SERVICE_ACCOUNT = "kubernetes:core/v1:ServiceAccount"

NAMESPACED = (
    *POD_SOURCES,
    BUDGET,
    NETWORK_POLICY,
    ROLE,
    ROLE_BINDING,
    SERVICE,
    SERVICE_ACCOUNT,
)
_LEVELS = ("enforce", "audit", "warn")


@rule_of_stack(
    "k8s-kinds",
    of=(),
    severity=Severity.CRITICAL,
    says="All objects in the cluster are of kinds that are judged here.",
    mend="Declare it natively, of one of the kinds that the rules name; secrets are AWS's to keep.",
)
def k8s_kinds(stack: Stack, _config: Config) -> Iterator[str]:
    """Charts, files, Secrets and older versions of a kind would pass by all other rules."""
    judged = {*NAMESPACED, *CLUSTER_ROLES, NAMESPACE}
    for one in stack.resources:
        if one.type.startswith("kubernetes:") and one.type not in judged:
            yield f"{one.name} is a {one.type.removeprefix('kubernetes:')}, which no rule judges"


@rule(
    "k8s-namespace-pod-security",
    of=(NAMESPACE,),
    severity=Severity.CRITICAL,
    says="The cluster itself refuses a pod that Pod Security's level `restricted` refuses.",
    mend="Label the namespace pod-security.kubernetes.io/enforce, audit and warn: restricted.",
    controls=("CIS K8s 5.2.1",),
)
def k8s_namespace_pod_security(namespace: Resource, _config: Config) -> Iterator[str]:
    """Absent is privileged: the pods of tasks are made late, and nobody judges them here."""
    labels = part_of(namespace).mapping("metadata.labels")
    for mode in _LEVELS:
        label = f"pod-security.kubernetes.io/{mode}"
        level, version = labels.get(label), labels.get(f"{label}-version")
        known([level, version], "metadata.labels")
        if level != "restricted":
            yield f"{label} is {level}, not restricted: pods are let in that nobody judged"
        if version not in (None, "latest"):
            yield f"{label}-version is {version}, not latest: what was learned since is not asked"


@rule_in_stack(
    "k8s-no-default-namespace",
    of=NAMESPACED,
    severity=Severity.HIGH,
    says="Each object is in a namespace of this stack.",
    mend="Set metadata.namespace to that of an environment.",
    controls=("CKV_K8S_21",),
)
def k8s_no_default_namespace(one: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Absent is `default`; in one that is not declared here, nobody shut the network."""
    namespace = one.value("metadata.namespace")
    if namespace not in [each.value("metadata.name") for each in stack.of(NAMESPACE)]:
        yield f"metadata.namespace is {namespace}, which is no namespace of this stack"


@rule(
    "k8s-service-internal",
    of=(SERVICE,),
    severity=Severity.CRITICAL,
    says="A service is reached from within the cluster only.",
    mend="Set the type to ClusterIP, and take externalIPs, externalName and nodePort away.",
)
def k8s_service_internal(service: Resource, _config: Config) -> Iterator[str]:
    """Absent is ClusterIP: Kubernetes' default; 0 is no port of the node."""
    if service.value("spec.type") not in (None, "ClusterIP"):
        yield f"type is {service.value('spec.type')}: it is reached from outside, or from anywhere"
    for key in ("externalIPs", "externalName", "loadBalancerIP", "loadBalancerClass"):
        if service.value(f"spec.{key}"):
            yield f"{key} is set: its traffic comes from or goes to somewhere else"
    for port in part_of(service).parts("spec.ports"):
        if port.value("nodePort") not in (None, 0):
            yield "nodePort is set: each node of the cluster answers for it"


@rule_in_stack(
    "k8s-selects-own-pods",
    of=(BUDGET, DEPLOYMENT, NETWORK_POLICY, SERVICE),
    severity=Severity.HIGH,
    says="What selects pods by labels selects some of this stack.",
    mend="Set matchLabels, or a service's selector, to labels of a workload in its namespace.",
)
def k8s_selects_own_pods(one: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """What selects none protects none. A network policy may select all, with no label."""
    labels, namespace = selected_by(one), one.value("metadata.namespace")
    if not labels and one.type != NETWORK_POLICY:
        yield "its selector names no label: it is for no pod, or for any"
    elif not any(selects(labels, pod) for pod in pods_in(stack, namespace)):
        yield f"its selector {labels} fits no pod of this stack: it is for none, or for others'"
    for path in ("spec.selector.matchExpressions", "spec.podSelector.matchExpressions"):
        if one.value(path):
            yield f"{path} is set, which no rule here reads"


@rule(
    "k8s-replicas",
    of=(DEPLOYMENT, STATEFUL_SET),
    severity=Severity.HIGH,
    says="A component of Airflow goes on when one of its pods, or its node, is gone.",
    mend="Raise the component's replicas, or lower the rule's atLeast for this environment.",
    parameters={"atLeast": {"type": "integer", "minimum": 1, "default": 2}},
)
def k8s_replicas(workload: Resource, config: Config) -> Iterator[str]:
    """Absent is 1, and zero none at all."""
    replicas = _replicas(workload)
    if replicas < config["atLeast"]:
        yield f"replicas is {replicas:g}, but {config['atLeast']} are wanted here"


@rule_in_stack(
    "k8s-replicas-pdb",
    of=(DEPLOYMENT, STATEFUL_SET),
    severity=Severity.HIGH,
    says="Nodes can be drained: of several replicas one may go, but not all; of one, that one.",
    mend="Declare one PodDisruptionBudget for its labels, with maxUnavailable 1.",
)
def k8s_replicas_pdb(workload: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """A single replica needs no budget; two budgets for a pod let nobody evict it."""
    replicas, budgets = _replicas(workload), _budgets(stack, workload)
    if len(budgets) > 1 or (replicas > 1 and not budgets):
        yield f"{len(budgets)} budgets are for its pods, not 1: all, or none, would be let go"
    for budget in budgets:
        most, least = budget.number("spec.maxUnavailable"), budget.number("spec.minAvailable")
        let_go = most if most is not None else replicas - (replicas if least is None else least)
        if let_go < 1 or let_go >= max(replicas, 2):
            yield f"{budget.name} lets {let_go:g} of {replicas:g} go: 1 has to, and 1 to stay"


@rule(
    "k8s-pdb-lets-unhealthy-go",
    of=(BUDGET,),
    severity=Severity.MEDIUM,
    says="A pod that is not healthy anyway does not hold its node up.",
    mend="Set unhealthyPodEvictionPolicy to AlwaysAllow.",
)
def k8s_pdb_lets_unhealthy_go(budget: Resource, _config: Config) -> Iterator[str]:
    """Absent is IfHealthyBudget: Kubernetes' default."""
    if budget.value("spec.unhealthyPodEvictionPolicy") != "AlwaysAllow":
        yield "unhealthyPodEvictionPolicy is not AlwaysAllow: a pod that fails keeps its node"


def selected_by(one: Resource) -> dict[str, Json]:
    """The labels that a budget, a deployment, a network policy or a service selects pods by."""
    path = {SERVICE: "spec.selector", NETWORK_POLICY: "spec.podSelector.matchLabels"}
    labels = part_of(one).mapping(path.get(one.type, "spec.selector.matchLabels"))
    return dict(known(labels, "spec"))


def selects(labels: Mapping[str, Json], pod: Pod) -> bool:
    """Tell whether labels select a pod; none select any."""
    return all(pod.labels.get(key) == value for key, value in labels.items())


def pods_in(stack: Stack, namespace: Json) -> list[Pod]:
    """The pods of a namespace, tasks' among them."""
    found = [pod for one in stack.of(*POD_SOURCES) for pod in pods_of(one)]
    return [pod for pod in found if pod.namespace == namespace]


def _replicas(workload: Resource) -> float:
    number = workload.number("spec.replicas")
    return 1 if number is None else number


def _budgets(stack: Stack, workload: Resource) -> list[Resource]:
    pods = list(pods_of(workload))
    return [
        one
        for one in stack.of(BUDGET)
        if one.value("metadata.namespace") == workload.value("metadata.namespace")
        and any(selects(selected_by(one), pod) for pod in pods)
    ]
