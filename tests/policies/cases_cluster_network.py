"""Cases of the rules in `policies/rules/cluster_network.py`."""

from __future__ import annotations

from policies.rules.cluster import NETWORK_POLICY
from tests.policies.cases import HOLDS, LATER, Case, Change, drop, edit, gone, put

DENY = (NETWORK_POLICY, "prod-airflow-default-deny")
WORKER = (NETWORK_POLICY, "prod-airflow-airflow-worker")
WEB = (NETWORK_POLICY, "prod-airflow-airflow-api-server")
EVERYWHERE = {"cidr": "0.0.0.0/0"}
ALL_BUT_NODE = {**EVERYWHERE, "except": ["169.254.0.0/16"]}
HTTPS = [{"port": 443, "protocol": "TCP"}]
# Of the worker's ways out, that to AWS.
AWS = "spec.egress.3"


def _opens(**opening: object) -> Change:
    return edit("spec.egress", lambda given: [*given, opening])


def _lets_in(**opening: object) -> Change:
    return edit("spec.ingress", lambda given: [*given, opening])


CASES = (
    Case(
        rule="k8s-netpol-default-deny",
        at=DENY,
        path="spec.podSelector",
        breaks=(
            gone,
            put("spec.podSelector.matchExpressions", to=[{"key": "tier", "operator": "Exists"}]),
            put("spec.podSelector.matchLabels", to={"tier": "airflow"}),
            put("spec.policyTypes", to=["Ingress"]),
            put("spec.policyTypes", to="Ingress"),
            put("spec.egress", to=[{}]),
            put("spec.ingress", to=[{}]),
            put("metadata.namespace", to="default"),
        ),
        zero={},
        # No selector, and an empty one, are all pods.
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
    ),
    Case(
        rule="k8s-netpol-each-pod",
        at=WORKER,
        path="spec.podSelector.matchLabels",
        breaks=(
            put("spec.podSelector.matchLabels", to={"tier": "airflow"}),
            put("spec.podSelector", to={}),
        ),
        zero={},
    ),
    Case(
        rule="k8s-netpol-no-empty-rule",
        at=WORKER,
        path="spec.policyTypes",
        breaks=(
            put("spec.policyTypes", to=["Ingress"]),
            put("spec.policyTypes", to=["Egress"]),
            _lets_in(),
            _lets_in(ports=HTTPS),
            _lets_in(**{"from": [{}], "ports": HTTPS}),
            _lets_in(**{"from": [{"namespaceSelector": {}}], "ports": HTTPS}),
            _opens(),
            _opens(to=[], ports=HTTPS),
            _opens(to=[{}], ports=HTTPS),
            _opens(to=["10.0.0.0/8"], ports=HTTPS),
            _opens(to=[{"ipBlock": {}}], ports=HTTPS),
            _opens(to=[{"podSelector": {}}], ports=HTTPS),
            _opens(to=[{"podSelector": {"matchLabels": {}}}], ports=HTTPS),
            _opens(to=[{"namespaceSelector": {"matchLabels": {"a": "b"}}}], ports=HTTPS),
            drop(f"{AWS}.ports"),
            put(f"{AWS}.ports", to=[]),
            put(f"{AWS}.ports", to=[{"protocol": "TCP"}]),
            put(f"{AWS}.ports", to=["443"]),
            put(f"{AWS}.ports.0.endPort", to=65535),
            drop(f"{AWS}.to"),
        ),
        zero=[],
    ),
    Case(
        rule="k8s-netpol-no-empty-rule",
        at=WEB,
        path="spec.ingress.0.from",
        breaks=(put("spec.ingress.0.from", to=[{"podSelector": {}}]),),
        zero=[],
    ),
    Case(
        rule="k8s-netpol-narrow",
        at=WORKER,
        path=f"{AWS}.to.0.ipBlock.cidr",
        breaks=(
            put(f"{AWS}.to.0.ipBlock", to=ALL_BUT_NODE),
            put(f"{AWS}.to.0.ipBlock", to={**ALL_BUT_NODE, "cidr": "128.0.0.0/1"}),
            put(f"{AWS}.to.0.ipBlock", to={"cidr": "::/0"}),
            put(f"{AWS}.to.0.ipBlock", to={"cidr": "everywhere"}),
            put(f"{AWS}.to.0.ipBlock.cidr", to=["10.0.0.0/8"]),
        ),
        zero="",
        unknown=LATER,
    ),
    Case(
        rule="k8s-netpol-narrow",
        at=(NETWORK_POLICY, "dev-airflow-airflow-api-server"),
        stack="dev",
        breaks=(put("spec.ingress.0.from", to=[{"ipBlock": EVERYWHERE}]),),
    ),
    Case(
        rule="k8s-netpol-no-link-local",
        at=WORKER,
        path=f"{AWS}.to.0.ipBlock.cidr",
        breaks=(
            put(f"{AWS}.to.0.ipBlock.cidr", to="169.254.169.254/32"),
            put(f"{AWS}.to.0.ipBlock", to={"cidr": "169.0.0.0/8", "except": ["169.254.1.0/24"]}),
            put(f"{AWS}.to.0.ipBlock", to=EVERYWHERE),
        ),
        zero="",
        # What is no range is refused elsewhere.
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
        unknown=LATER,
    ),
    Case(
        rule="k8s-task-no-metadata-database",
        at=WORKER,
        path="spec.egress.2.ports.0.port",
        breaks=(
            put("spec.egress.2.ports.0.port", to=5433),
            put("spec.egress.2.ports.0.port", to=5433.0),
            put("spec.egress.2.ports.0.port", to="postgresql"),
            put("spec.egress.2.ports", to=[]),
        ),
        zero=0,
        at_zero=HOLDS,
    ),
    Case(
        rule="k8s-task-no-metadata-database",
        at=(NETWORK_POLICY, "prod-airflow-airflow-triggerer"),
        breaks=(put("spec.podSelector.matchLabels", to={"component": "worker"}),),
    ),
)
