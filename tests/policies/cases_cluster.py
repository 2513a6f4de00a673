"""Cases of the rules in `policies/rules/cluster.py`."""

from __future__ import annotations

from dataclasses import replace

from policies.pods import CONFIG_MAP
from policies.rules.cluster import (
    BUDGET,
    NAMESPACE,
    NETWORK_POLICY,
    SERVICE,
    SERVICE_ACCOUNT,
)
from tests.policies.cases import HOLDS, Case, Change, drop, edit, gone, put
from tests.policies.cases_workloads import (
    SCHEDULER,
)

ACCOUNT = (SERVICE_ACCOUNT, "prod-airflow-workflow-billing")
SCHEDULER_BUDGET = (BUDGET, "prod-airflow-scheduler")
WEB = (SERVICE, "prod-airflow-api-server")
NAMESPACE_OF_PROD = (NAMESPACE, "prod-airflow-namespace")
CERTIFICATES = (CONFIG_MAP, "prod-airflow-rds-ca")
ENFORCE = "pod-security.kubernetes.io/enforce"


def retyped(type_: str) -> Change:
    """Let a resource be of another type."""
    return lambda resource: replace(resource, type=type_)


def labelled(label: str, value: object) -> Change:
    """Set a label."""
    return edit("metadata.labels", lambda labels: {**labels, label: value})


CASES = (
    Case(
        rule="k8s-kinds",
        at=CERTIFICATES,
        breaks=(
            retyped("kubernetes:core/v1:Secret"),
            retyped("kubernetes:helm.sh/v3:Release"),
            retyped("kubernetes:apps/v1beta1:Deployment"),
            retyped("kubernetes:networking.k8s.io/v1:Ingress"),
        ),
    ),
    Case(
        rule="k8s-namespace-pod-security",
        at=NAMESPACE_OF_PROD,
        path="metadata.labels",
        breaks=(
            labelled(ENFORCE, "baseline"),
            labelled(ENFORCE, None),
            labelled("pod-security.kubernetes.io/audit", "privileged"),
            labelled("pod-security.kubernetes.io/warn", ""),
            labelled(f"{ENFORCE}-version", "v1.0"),
        ),
        zero={},
    ),
    Case(
        rule="k8s-no-default-namespace",
        at=CERTIFICATES,
        path="metadata.namespace",
        breaks=(
            put("metadata.namespace", to="default"),
            put("metadata.namespace", to="kube-system"),
        ),
        zero="",
    ),
    Case(
        rule="k8s-no-default-namespace",
        at=ACCOUNT,
        breaks=(put("metadata.namespace", to="default"),),
    ),
    Case(
        rule="k8s-service-internal",
        at=WEB,
        path="spec.type",
        breaks=(
            put("spec.type", to="LoadBalancer"),
            put("spec.type", to="NodePort"),
            put("spec.type", to="ExternalName"),
            put("spec.externalIPs", to=["10.0.0.1"]),
            put("spec.externalName", to="example.org"),
            put("spec.ports.0.nodePort", to=30080),
        ),
        zero="",
        # Kubernetes' default is ClusterIP.
        absent=HOLDS,
        null=HOLDS,
    ),
    Case(
        rule="k8s-selects-own-pods",
        at=WEB,
        path="spec.selector",
        breaks=(
            put("spec.selector.component", to="web"),
            drop("spec.selector"),
        ),
        zero={},
    ),
    Case(
        rule="k8s-selects-own-pods",
        at=(NETWORK_POLICY, "prod-airflow-airflow-run-airflow-migrations"),
        breaks=(put("spec.podSelector.matchLabels.component", to="migration"),),
    ),
    Case(
        rule="k8s-replicas",
        at=SCHEDULER,
        path="spec.replicas",
        breaks=(put("spec.replicas", to=1), put("spec.replicas", to="2")),
        zero=0,
    ),
    Case(
        rule="k8s-replicas-pdb",
        at=SCHEDULER_BUDGET,
        path="spec.maxUnavailable",
        breaks=(
            gone,
            put("spec.maxUnavailable", to=0),
            put("spec.maxUnavailable", to=2),
            put("spec.maxUnavailable", to="50%"),
            put("spec", to={"minAvailable": 2, "selector": {"matchLabels": {"tier": "airflow"}}}),
            put("spec.selector.matchLabels", to={"tier": "airflow"}),
            put("metadata.namespace", to="default"),
        ),
        zero=0,
    ),
    Case(
        rule="k8s-pdb-lets-unhealthy-go",
        at=SCHEDULER_BUDGET,
        path="spec.unhealthyPodEvictionPolicy",
        breaks=(put("spec.unhealthyPodEvictionPolicy", to="IfHealthyBudget"),),
        zero="",
    ),
)
