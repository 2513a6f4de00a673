"""Network policies: the namespace is shut, and what is open is exactly this."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.components.airflow_example import CONFIG_MAP, NETWORK, airflow, manifest, pods

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.airflow.deployment import NetworkPaths
    from local.deploy.record import Recording
    from tests.conftest import Record

POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"

DNS = {"kube-system/k8s-app=kube-dns 53/TCP", "kube-system/k8s-app=kube-dns 53/UDP"}
METADATA = {"10.0.1.0/24 5433/TCP", "10.0.2.0/24 5433/TCP"}
APPLICATION = {"10.0.1.0/24 5434/TCP", "10.0.2.0/24 5434/TCP"}
AWS_APIS = {"10.0.8.0/24 443/TCP"}
GIT = {"140.82.112.0/20 443/TCP"}
KUBERNETES_API = {"172.20.0.1/32 443/TCP"}
API_SERVER = {"api-server 8080/TCP"}


@pytest.fixture(scope="module")
def recording(recorded: Record) -> Recording:
    return recorded(airflow)


def peer(given: Mapping[str, Any]) -> str:
    """One side of an opening, in a word; other forms of it are a mistake."""
    match given:
        case {"ipBlock": {"cidr": cidr, "except": [excepted]}} if len(given) == 1:
            return f"{cidr} without {excepted}"
        case {"ipBlock": {"cidr": cidr} as block} if len(given) == len(block) == 1:
            return str(cidr)
        case {"podSelector": {"matchLabels": labels}} if len(given) == 1:
            assert labels.keys() == {"tier", "component", "release"}
            return str(labels["component"])
        case {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "podSelector": {"matchLabels": labels},
        }:
            return f"{namespace}/" + ",".join(f"{key}={value}" for key, value in labels.items())
    raise AssertionError(given)


def openings(rules: list[Mapping[str, Any]], side: str) -> set[str]:
    """What rules open; one without a peer or a port would open everything."""
    for rule in rules:
        assert rule.keys() == {side, "ports"}
        assert rule[side]
        assert rule["ports"]
    return {
        f"{peer(each)} {int(port['port'])}/{port['protocol']}"
        for rule in rules
        for each in rule[side]
        for port in rule["ports"]
    }


def policies(recording: Recording) -> dict[str, tuple[dict[str, str], set[str], set[str]]]:
    """By name whom a policy is for, what is open outwards, and what inwards."""
    found = {}
    for one in recording.of_type(POLICY):
        spec = one.plain["spec"]
        assert spec["policyTypes"] == ["Ingress", "Egress"]
        found[one.plain["metadata"]["name"]] = (
            spec["podSelector"].get("matchLabels", {}),
            openings(spec["egress"], "to"),
            openings(spec["ingress"], "from"),
        )
    return found


def test_the_namespace_is_shut_both_ways(recording: Recording) -> None:
    assert policies(recording)["default-deny"] == ({}, set(), set())


def test_what_is_open_outwards(recording: Recording) -> None:
    outwards = {name: egress for name, (_, egress, _) in policies(recording).items()}
    assert outwards == {
        "default-deny": set(),
        "airflow-api-server": DNS | METADATA | AWS_APIS | KUBERNETES_API,
        "airflow-scheduler": DNS | METADATA | AWS_APIS | KUBERNETES_API,
        "airflow-dag-processor": DNS | METADATA | AWS_APIS | GIT,
        "airflow-triggerer": DNS | METADATA | AWS_APIS,
        "airflow-run-airflow-migrations": DNS | METADATA | AWS_APIS,
        "airflow-worker": DNS | APPLICATION | AWS_APIS | GIT | API_SERVER,
    }


def test_what_is_open_inwards(recording: Recording) -> None:
    inwards = {name: ingress for name, (_, _, ingress) in policies(recording).items() if ingress}
    assert inwards == {"airflow-api-server": {"worker 8080/TCP", "10.0.9.0/24 8080/TCP"}}


def test_each_kind_of_pod_has_a_policy_of_its_own(recording: Recording) -> None:
    labels = {component: pod["metadata"]["labels"] for component, pod in pods(recording).items()}
    labels["worker"] = {"tier": "airflow", "component": "worker", "release": "airflow"}
    for component, of_pod in labels.items():
        chosen = [
            name
            for name, (selector, _, _) in policies(recording).items()
            if selector and of_pod.items() >= selector.items()
        ]
        assert chosen == [f"airflow-{component}"]


def test_the_template_makes_pods_that_the_policy_is_for(recording: Recording) -> None:
    selector, _, _ = policies(recording)["airflow-worker"]
    template = manifest(recording, CONFIG_MAP, "airflow-pod-template")["data"]
    for key, value in selector.items():
        assert f'"{key}": "{value}"' in template["pod_template_file.yaml"]


@pytest.mark.parametrize(
    ("network", "shut"),
    [
        (replace(NETWORK, aws_api_cidrs=()), AWS_APIS),
        (replace(NETWORK, git_cidrs=()), GIT),
        (replace(NETWORK, kubernetes_api_cidrs=()), KUBERNETES_API),
        (replace(NETWORK, database_cidrs=()), APPLICATION | METADATA),
    ],
)
def test_no_address_opens_nothing_rather_than_everything(
    recorded: Record, recording: Recording, network: NetworkPaths, shut: set[str]
) -> None:
    found = policies(recorded(lambda: airflow(network=network)))
    for name, (_, egress, _) in policies(recording).items():
        assert found[name][1] == egress - shut


def test_without_the_web_only_tasks_reach_the_api_server(recorded: Record) -> None:
    found = policies(recorded(lambda: airflow(network=replace(NETWORK, web_cidrs=()))))
    assert found["airflow-api-server"][2] == {"worker 8080/TCP"}


@pytest.mark.parametrize(
    ("cidr", "opening"),
    [
        ("0.0.0.0/0", "0.0.0.0/0 without 169.254.0.0/16 443/TCP"),
        ("169.0.0.0/8", "169.0.0.0/8 without 169.254.0.0/16 443/TCP"),
        # Kubernetes takes only what is smaller than the range as an exception.
        ("169.254.0.0/16", "169.254.0.0/16 443/TCP"),
        ("52.94.0.0/16", "52.94.0.0/16 443/TCP"),
        ("::/0", "::/0 443/TCP"),
    ],
)
def test_a_wide_range_does_not_lead_to_the_nodes_credentials(
    recorded: Record, cidr: str, opening: str
) -> None:
    network = replace(NETWORK, aws_api_cidrs=(cidr,))
    _, egress, _ = policies(recorded(lambda: airflow(network=network)))["airflow-worker"]
    assert egress == DNS | APPLICATION | GIT | API_SERVER | {opening}
