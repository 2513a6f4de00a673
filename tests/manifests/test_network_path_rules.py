"""How paths are computed from policies, on policies made for it.

The cases are those of Kubernetes' documentation of NetworkPolicy.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.manifests.network_paths import Network, Outside, Pod, UnknownFieldError, matches

NAMESPACES = {"a": {"team": "one"}, "b": {"team": "two"}}
WEB = Pod(namespace="a", labels={"app": "web"}, address="10.0.0.1", ports={"http": 8080})
WORKER = Pod(namespace="a", labels={"app": "worker"}, address="10.0.0.2")
STRANGER = Pod(namespace="b", labels={"app": "web"}, address="10.0.0.3")
INTERNET = Outside(address="203.0.113.1")


def policy(spec: dict[str, Any], namespace: str = "a") -> dict[str, Any]:
    """A policy of one namespace."""
    return {"metadata": {"name": "p", "namespace": namespace}, "spec": spec}


def network(*specs: dict[str, Any]) -> Network:
    """The network with these policies in namespace `a`."""
    return Network(policies=[policy(spec) for spec in specs], namespaces=NAMESPACES)


DENY = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
WEB_SELECTOR = {"matchLabels": {"app": "web"}}


def into_web(*, peers: list[dict[str, Any]], **rule: Any) -> dict[str, Any]:  # noqa: ANN401 - ports of a rule, as JSON
    """Let `peers` into the web pods."""
    return {"podSelector": WEB_SELECTOR, "ingress": [{"from": peers, **rule}]}


def test_without_policies_everything_is_open() -> None:
    assert network().allows(STRANGER, WEB, 1)
    assert network().allows(WEB, INTERNET, 443)


def test_default_deny_closes_both_ways_and_only_its_namespace() -> None:
    closed = network(DENY)
    assert not closed.allows(WEB, WORKER, 8080)
    assert not closed.allows(STRANGER, WEB, 8080)
    assert not closed.allows(WEB, INTERNET, 443)
    assert closed.allows(STRANGER, INTERNET, 443)


def test_both_ends_must_allow() -> None:
    ingress = into_web(peers=[{"podSelector": {}}])
    egress = {"podSelector": {"matchLabels": {"app": "worker"}}, "egress": [{}]}
    assert not network(DENY, ingress).allows(WORKER, WEB, 8080)
    assert not network(DENY, egress).allows(WORKER, WEB, 8080)
    assert network(DENY, ingress, egress).allows(WORKER, WEB, 8080)


def test_ingress_alone_leaves_egress_open_unless_it_is_named() -> None:
    assert network({"podSelector": {}}).allows(WEB, INTERNET, 443)
    assert not network({"podSelector": {}, "policyTypes": ["Egress"]}).allows(WEB, INTERNET, 443)
    assert network({"podSelector": {}, "policyTypes": ["Egress"]}).allows(INTERNET, WEB, 443)


def test_a_pod_selector_means_its_own_namespace() -> None:
    allowed = network(into_web(peers=[{"podSelector": WEB_SELECTOR}]))
    assert not allowed.allows(STRANGER, WEB, 8080)
    assert not allowed.allows(WORKER, WEB, 8080)
    assert allowed.allows(WEB, WEB, 8080)


def test_namespace_and_pod_selector_in_one_peer_are_both_needed() -> None:
    two = {"matchLabels": {"team": "two"}}
    both = network(into_web(peers=[{"namespaceSelector": two, "podSelector": WEB_SELECTOR}]))
    either = network(into_web(peers=[{"namespaceSelector": two}, {"podSelector": {}}]))
    other = {"matchLabels": {"app": "other"}}
    none = network(into_web(peers=[{"namespaceSelector": two, "podSelector": other}]))
    assert both.allows(STRANGER, WEB, 8080)
    assert not both.allows(WORKER, WEB, 8080)
    assert either.allows(STRANGER, WEB, 8080)
    assert either.allows(WORKER, WEB, 8080)
    assert not none.allows(STRANGER, WEB, 8080)


def test_a_namespace_has_its_name_as_a_label() -> None:
    name = {"matchLabels": {"kubernetes.io/metadata.name": "b"}}
    assert network(into_web(peers=[{"namespaceSelector": name}])).allows(STRANGER, WEB, 8080)
    assert not network(into_web(peers=[{"namespaceSelector": name}])).allows(WORKER, WEB, 8080)


def test_an_address_block_means_pods_too_and_has_exceptions() -> None:
    block = {"ipBlock": {"cidr": "10.0.0.0/24", "except": ["10.0.0.2/32"]}}
    allowed = network(into_web(peers=[block]))
    assert allowed.allows(STRANGER, WEB, 8080)
    assert not allowed.allows(WORKER, WEB, 8080)
    assert not allowed.allows(INTERNET, WEB, 8080)


@pytest.mark.parametrize(
    ("ports", "open_ports"),
    [
        ([{"port": 8080}], {8080}),
        ([{"port": "http"}], {8080}),
        ([{"port": "https"}], set()),
        ([{"port": 8079, "endPort": 8081}], {8079, 8080, 8081}),
        ([{"protocol": "UDP", "port": 8080}], set()),
        ([{"protocol": "TCP"}], {8078, 8079, 8080, 8081}),
        ([], {8078, 8079, 8080, 8081}),
    ],
)
def test_ports(ports: list[dict[str, Any]], open_ports: set[int]) -> None:
    allowed = network(into_web(peers=[{"podSelector": {}}], ports=ports))
    assert {port for port in range(8078, 8082) if allowed.allows(WORKER, WEB, port)} == open_ports


@pytest.mark.parametrize(
    ("expression", "selected"),
    [
        ({"operator": "In", "values": ["web", "api"]}, True),
        ({"operator": "In", "values": ["api"]}, False),
        ({"operator": "NotIn", "values": ["api"]}, True),
        ({"operator": "Exists"}, True),
        ({"operator": "DoesNotExist"}, False),
    ],
)
def test_expressions(expression: dict[str, Any], *, selected: bool) -> None:
    selector = {"matchExpressions": [{"key": "app", **expression}]}
    assert matches(selector, WEB.labels) is selected


@pytest.mark.parametrize(
    "peer", [{"serviceAccountSelector": {}}, {"podSelector": {"matchNames": {}}}]
)
def test_what_is_not_known_is_not_guessed(peer: dict[str, Any]) -> None:
    with pytest.raises(UnknownFieldError, match="is not known"):
        network(into_web(peers=[peer])).allows(WORKER, WEB, 8080)
