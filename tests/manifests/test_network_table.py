"""Every path between Airflow's pods, the databases and the world: those wanted, and no other.

`WAYS` is the whole table, as people would write it. What the policies of a stack allow is computed
and must be exactly that. A service outside the cluster is an address range and a port, so whatever
else lies in that range at that port is within reach, too, and counts as wanted.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from local.judging.foreign.manifests import of_kind, pods_of
from stacks.airflow_checks import git_port
from stacks.settings import load_stack_file
from tests.manifests.network_paths import Network, Outside, Pod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from local.judging.foreign.manifests import Manifest
    from tests.manifests.network_paths import End

    Manifests = Callable[[str], list[Manifest]]

ROOT = Path(__file__).resolve().parents[2]
STACKS = ("local", "dev", "prod")
DATABASES = "10.0.0.0/24"
"""What tests/conftest.py answers for the databases' subnets."""
LINK_LOCAL = ipaddress.ip_network("169.254.0.0/16")
API_SERVER_PORT = 8080
# The log servers of Airflow, the scheduler's health server; all are off, or for the pod itself.
OTHER_PORTS = (80, 8793, 8794, 8974)

WAYS: dict[str, set[str]] = {
    "api-server": {"metadata", "AWS", "Kubernetes", "DNS"},
    "scheduler": {"metadata", "AWS", "Kubernetes", "DNS"},
    "dag-processor": {"metadata", "AWS", "git", "DNS"},
    "triggerer": {"metadata", "AWS", "DNS"},
    "run-airflow-migrations": {"metadata", "AWS", "DNS"},
    # Not the metadata database, and not the Kubernetes API.
    "worker": {"application", "AWS", "git", "api-server", "DNS"},
    # A pod that is none of them, whatever it is.
    "other": set(),
    "web": {"api-server"},
}

Way: TypeAlias = tuple[str, str, int, str]
"""From, to, port, protocol."""


@dataclass(frozen=True)
class Service:
    """What answers at one port of some address ranges."""

    cidrs: tuple[str, ...]
    port: int

    def is_at(self, end: End, port: int) -> bool:
        """Tell whether `end` at `port` cannot be told from this."""
        address = ipaddress.ip_address(end.address)
        return (
            port == self.port
            and address not in LINK_LOCAL
            and any(address in ipaddress.ip_network(cidr) for cidr in self.cidrs)
        )


@dataclass(frozen=True)
class Surroundings:
    """What is around the pods of a stack, as its settings say."""

    services: Mapping[str, Service]
    web: tuple[str, ...]

    @property
    def ports(self) -> set[int]:
        """All ports that anything listens at."""
        return {API_SERVER_PORT, 53, *OTHER_PORTS, *(one.port for one in self.services.values())}

    def outside(self) -> dict[str, End]:
        """Return an address of each service, of the web's clients, and some that are forbidden."""
        services = {name: _first(one.cidrs[0]) for name, one in self.services.items()}
        return {
            **services,
            "web": _first(self.web[0]),
            "internet": Outside(address="203.0.113.7"),
            "instance metadata": Outside(address="169.254.169.254"),
            "pod identity agent": Outside(address="169.254.170.23"),
        }


def _first(cidr: str) -> Outside:
    network = ipaddress.ip_network(cidr)
    return Outside(address=str(network[1] if network.num_addresses > 1 else network[0]))


def surroundings(stack: str) -> Surroundings:
    """Read what is around a stack's pods from its file."""
    settings = load_stack_file(ROOT, stack, today=date(2026, 11, 22))
    networks = settings.networks
    # RDS Proxy answers at PostgreSQL's own port only.
    application = 5432 if settings.connection_proxy else settings.application.port
    return Surroundings(
        services={
            "metadata": Service((DATABASES,), settings.metadata.port),
            "application": Service((DATABASES,), application),
            "AWS": Service(tuple(networks.aws_apis), 443),
            "Kubernetes": Service(tuple(networks.kubernetes_api), 443),
            "git": Service(tuple(networks.git), git_port(settings.airflow.dags.repository)),
        },
        web=tuple(networks.web),
    )


def inside(manifests: list[Manifest]) -> dict[str, End]:
    """Return a pod of each component in each namespace, and strangers in another one."""
    found = {
        f"{one.namespace}/{one.metadata['labels']['component']}": (
            one.namespace,
            one.metadata["labels"],
        )
        for one in pods_of(manifests)
    }
    like_a_task = next(labels for _, labels in found.values() if labels["component"] == "worker")
    ends: dict[str, tuple[str, dict[str, str]]] = {
        **found,
        **{f"{namespace}/other": (namespace, {}) for namespace, _ in found.values()},
        "default/worker": ("default", like_a_task),
        "kube-system/DNS": ("kube-system", {"k8s-app": "kube-dns"}),
    }
    return {
        name: Pod(namespace=namespace, labels=labels, address=f"10.99.0.{number}")
        for number, (name, (namespace, labels)) in enumerate(ends.items(), start=1)
    }


def network(manifests: list[Manifest]) -> Network:
    """Return the policies of a stack's cluster."""
    return Network(
        policies=of_kind(manifests, "NetworkPolicy"),
        namespaces={
            one["metadata"]["name"]: one["metadata"].get("labels", {})
            for one in of_kind(manifests, "Namespace")
        },
    )


def asked(manifests: list[Manifest], around: Surroundings) -> Iterator[tuple[Way, End, End]]:
    """Yield every way between two ends, of which at least one is a pod of Airflow's."""
    ends = {**inside(manifests), **around.outside()}
    for source, first in ends.items():
        for target, second in ends.items():
            if source != target and any(one.startswith("airflow-") for one in (source, target)):
                for port in around.ports:
                    yield (source, target, port, "TCP"), first, second
                yield (source, target, 53, "UDP"), first, second


def allowed(manifests: list[Manifest], around: Surroundings) -> set[Way]:
    """Return the ways that the policies leave open."""
    policies = network(manifests)
    return {
        way
        for way, first, second in asked(manifests, around)
        if policies.allows(first, second, *way[2:])
    }


def wanted(manifests: list[Manifest], around: Surroundings) -> set[Way]:
    """Return the ways of the table."""
    return {
        way
        for way, first, second in asked(manifests, around)
        if _is_wanted(way, first, second, around)
    }


def _is_wanted(way: Way, first: End, second: End, around: Surroundings) -> bool:
    source, target, port, protocol = way
    namespace, _, component = source.rpartition("/")
    mine = WAYS[component] if namespace.startswith("airflow-") else set()
    if target.startswith("airflow-"):
        # Into a namespace: only to its API server, from its tasks and from people.
        people = Service(around.web, port).is_at(first, port) and "api-server" in WAYS["web"]
        tasks = target.startswith(f"{namespace}/") and "api-server" in mine
        at_api_server = target.endswith("/api-server") and port == API_SERVER_PORT
        return at_api_server and protocol == "TCP" and (people or tasks)
    if target == "kube-system/DNS" and port == 53:
        return "DNS" in mine
    services = [one for name, one in around.services.items() if name in mine]
    return protocol == "TCP" and any(one.is_at(second, port) for one in services)


@pytest.mark.parametrize("stack", STACKS)
def test_exactly_the_ways_of_the_table_are_open(stack: str, manifests: Manifests) -> None:
    rendered, around = manifests(stack), surroundings(stack)
    open_ways, table = allowed(rendered, around), wanted(rendered, around)
    assert sorted(open_ways - table) == []
    assert sorted(table - open_ways) == []


@pytest.mark.parametrize("stack", STACKS)
def test_every_way_of_the_table_is_found_in_every_stack(stack: str, manifests: Manifests) -> None:
    rendered = manifests(stack)
    found = {(source, target) for source, target, *_ in wanted(rendered, surroundings(stack))}
    for namespace in (one["metadata"]["name"] for one in of_kind(rendered, "Namespace")):
        for source, targets in WAYS.items():
            places = {"api-server": f"{namespace}/api-server", "DNS": "kube-system/DNS"}
            first = source if source == "web" else f"{namespace}/{source}"
            assert {(first, places.get(one, one)) for one in targets} <= found


@pytest.mark.parametrize("stack", STACKS)
def test_what_must_never_be_reached(stack: str, manifests: Manifests) -> None:
    around = surroundings(stack)
    open_ways = {
        (source.rpartition("/")[2], *way) for source, *way in allowed(manifests(stack), around)
    }
    metadata, application = around.services["metadata"].port, around.services["application"].port
    to_databases = {(source, port) for source, target, port, _ in open_ways if target == "metadata"}
    # One address, two ports: the instances lie in the same subnets.
    assert {source for source, port in to_databases if port == application} == {"worker"}
    assert "worker" not in {source for source, port in to_databases if port == metadata}
    reached = {target for _, target, *_ in open_ways}
    assert not reached & {"instance metadata", "pod identity agent"}
    assert "default/worker" not in {source for source, *_ in allowed(manifests(stack), around)}


def policy(manifests: list[Manifest], component: str) -> dict[str, Any]:
    """The specification of a component's policy."""
    spec: dict[str, Any] = next(
        one["spec"]
        for one in of_kind(manifests, "NetworkPolicy")
        if one["metadata"]["name"] == component
    )
    return spec


MUTATIONS: dict[str, Callable[[list[Manifest]], object]] = {
    "nothing is shut by default": lambda all_: policy(all_, "default-deny").update(policyTypes=[]),
    "a task may go anywhere": lambda all_: policy(all_, "airflow-worker")["egress"].append({}),
    "a task loses its database": lambda all_: policy(all_, "airflow-worker")["egress"].pop(2),
    "any port of the databases": lambda all_: policy(all_, "airflow-worker")["egress"][2].pop(
        "ports"
    ),
    "anyone may call the API server": lambda all_: policy(all_, "airflow-api-server")["ingress"][
        0
    ].pop("from"),
    "any port of the API server": lambda all_: policy(all_, "airflow-api-server")["ingress"][0].pop(
        "ports"
    ),
    "the scheduler takes calls": lambda all_: policy(all_, "airflow-scheduler")["ingress"].append(
        {}
    ),
    "the scheduler's policy is for tasks": lambda all_: policy(all_, "airflow-scheduler").update(
        podSelector={"matchLabels": {"component": "worker"}}
    ),
    "the scheduler's policy is for all": lambda all_: policy(all_, "airflow-scheduler").update(
        podSelector={}
    ),
    "link-local within a wide range": lambda all_: policy(all_, "airflow-worker")["egress"].append(
        {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 80}]}
    ),
}


@pytest.mark.parametrize("what", MUTATIONS)
def test_a_changed_policy_is_noticed(what: str, manifests: Manifests) -> None:
    rendered, around = manifests("prod"), surroundings("prod")
    MUTATIONS[what](rendered)
    assert allowed(rendered, around) != wanted(rendered, around)
