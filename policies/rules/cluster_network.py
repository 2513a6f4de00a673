"""Rules for network policies: a shut namespace, openings that say to whom and at which port.

A network policy knows no names: addresses are ranges. Whether the cluster's network heeds policies
at all is the cluster's, and not judged here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping

from policies.pods import CONFIG_MAP, Part, part_of, pods_of
from policies.resources import Resource, Stack
from policies.rule import Config, Severity, rule, rule_in_stack, rule_of_stack
from policies.rules.cluster import NAMESPACE, NETWORK_POLICY, pods_in, selected_by, selects
from policies.rules.databases import INSTANCE
from policies.values import Json

LINK_LOCAL = ipaddress.IPv4Network("169.254.0.0/16")
"""Where a node answers its pods, with its own credentials."""

_WAYS = {"ingress": "from", "egress": "to"}


@rule_of_stack(
    "k8s-netpol-default-deny",
    of=(NAMESPACE,),
    severity=Severity.CRITICAL,
    says="A namespace is shut both ways for all of its pods, but for what other policies open.",
    mend="Declare a NetworkPolicy with an empty podSelector, both policyTypes and no rules.",
    controls=("CIS K8s 5.3.2", "CKV2_K8S_6"),
)
def k8s_netpol_default_deny(stack: Stack, _config: Config) -> Iterator[str]:
    """A pod that no policy selects may reach anything, and anything it."""
    for namespace in stack.of(NAMESPACE):
        name = namespace.value("metadata.name")
        if not any(_shuts(one, name) for one in stack.of(NETWORK_POLICY)):
            yield f"no network policy shuts {name}: a pod with other labels reaches anything"


@rule_in_stack(
    "k8s-netpol-each-pod",
    of=(NETWORK_POLICY,),
    severity=Severity.HIGH,
    says="A network policy that opens something is for the pods of one component.",
    mend="Name the component's labels in podSelector.",
)
def k8s_netpol_each_pod(policy: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """With no label, or too few, what one component needs is open to the others too."""
    if not any(part_of(policy).items(f"spec.{way}") for way in _WAYS):
        return
    labels, namespace = selected_by(policy), policy.value("metadata.namespace")
    fitting = [one for one in pods_in(stack, namespace) if selects(labels, one)]
    components = sorted({one.component for one in fitting})
    if not labels or len(components) > 1:
        yield f"podSelector fits {' and '.join(components)}: what one needs is open to all of them"


@rule(
    "k8s-netpol-no-empty-rule",
    of=(NETWORK_POLICY,),
    severity=Severity.CRITICAL,
    says="An opening says to or from whom, and at which ports; what it does not open is shut.",
    mend="Set both policyTypes, and in each rule from or to, and ports with a number each.",
    controls=("CIS K8s 5.3.2",),
)
def k8s_netpol_no_empty_rule(policy: Resource, _config: Config) -> Iterator[str]:
    """No rules are right; an empty rule, peer or selector, and no ports, are anything."""
    types = part_of(policy).items("spec.policyTypes")
    for way in ("Ingress", "Egress"):
        if way not in types:
            yield f"policyTypes lacks {way}: that way is open"
    for way, whom in _WAYS.items():
        for opening in _openings(policy, way):
            yield from _anybody(opening, whom)
            yield from _any_port(opening)


@rule(
    "k8s-netpol-narrow",
    of=(NETWORK_POLICY,),
    severity=Severity.HIGH,
    says="No opening is as wide as the internet.",
    mend="Name the ranges that are needed, or lower the rule's prefix for that way.",
    later=("spec.ingress", "spec.egress"),
    parameters={way: {"type": "integer", "minimum": 0, "default": 8} for way in _WAYS},
)
def k8s_netpol_narrow(policy: Resource, config: Config) -> Iterator[str]:
    """By the length of a range's prefix; what is no range at all is refused too."""
    for way in _WAYS:
        for block in _blocks(policy, way):
            network = _network(block.value("cidr"))
            if network is None or network.prefixlen < config[way]:
                yield f"{block.path}.cidr is {block.value('cidr')}, not /{config[way]} or narrower"


@rule(
    "k8s-netpol-no-link-local",
    of=(NETWORK_POLICY,),
    severity=Severity.CRITICAL,
    says="No pod reaches the address where its node tells its own credentials.",
    mend=f"Have {LINK_LOCAL} among the exceptions of the range.",
    later=("spec.egress",),
)
def k8s_netpol_no_link_local(policy: Resource, _config: Config) -> Iterator[str]:
    """Only IPv4: the node's service answers at fd00:ec2::254 only where it is switched on."""
    for block in _blocks(policy, "egress"):
        network = _network(block.value("cidr"))
        if isinstance(network, ipaddress.IPv4Network) and network.overlaps(LINK_LOCAL):
            excepted = [_network(one) for one in block.items("except")]
            if not any(_holds_link_local(one) for one in excepted):
                yield f"{block.path}.cidr {network} has {LINK_LOCAL} in it: pods could be the node"


@rule_in_stack(
    "k8s-task-no-metadata-database",
    of=(CONFIG_MAP,),
    severity=Severity.CRITICAL,
    says="No network policy opens a way from the pods of tasks to the metadata instance.",
    mend="Take the metadata instance's port away from the policies that are for tasks' labels.",
)
def k8s_task_no_metadata_database(
    config_map: Resource, stack: Stack, _config: Config
) -> Iterator[str]:
    """By its port: the instances are in the same ranges, and a policy knows no names."""
    ports = [one.value("port") for one in stack.of(INSTANCE) if one.name == "metadata"]
    for pod in pods_of(config_map):
        if not ports:
            yield "no instance is called metadata: nobody can tell which port tasks must not reach"
        for policy in stack.of(NETWORK_POLICY):
            is_here = policy.value("metadata.namespace") == pod.namespace
            if is_here and selects(selected_by(policy), pod):
                for opening in _openings(policy, "egress"):
                    for port in ports:
                        if _reaches(opening, port):
                            yield f"{policy.name} opens port {port} to tasks: it is the metadata's"


def _shuts(policy: Resource, namespace: Json) -> bool:
    """Whether a policy selects all pods of a namespace and opens nothing to them."""
    part = part_of(policy)
    return (
        policy.value("metadata.namespace") == namespace
        and not selected_by(policy)
        and not policy.value("spec.podSelector.matchExpressions")
        and {"Ingress", "Egress"} <= set(map(str, part.items("spec.policyTypes")))
        and not part.items("spec.ingress")
        and not part.items("spec.egress")
    )


def _openings(policy: Resource, way: str) -> Iterator[Part]:
    return part_of(policy).parts(f"spec.{way}")


def _blocks(policy: Resource, way: str) -> Iterator[Part]:
    for opening in _openings(policy, way):
        for peer in opening.parts(_WAYS[way]):
            block = peer.value("ipBlock")
            if block is not None:
                yield Part(block, f"{peer.path}.ipBlock")


def _anybody(opening: Part, whom: str) -> Iterator[str]:
    peers = opening.items(whom)
    if not peers:
        yield f"{opening.path}.{whom} is empty: it is anybody"
    for number, peer in enumerate(peers):
        named = peer if isinstance(peer, Mapping) else {}
        block, pods, namespaces = map(named.get, ("ipBlock", "podSelector", "namespaceSelector"))
        if isinstance(block, Mapping) and block.get("cidr"):
            continue
        if not _selects_some(pods) or (namespaces is not None and not _selects_some(namespaces)):
            yield f"{opening.path}.{whom}.{number} names no labels of pods: it is any pod"


def _selects_some(selector: Json) -> bool:
    return isinstance(selector, Mapping) and bool(selector.get("matchLabels"))


def _any_port(opening: Part) -> Iterator[str]:
    ports = opening.items("ports")
    if not ports:
        yield f"{opening.path}.ports is empty: it is any port"
    for number, port in enumerate(ports):
        named = port if isinstance(port, Mapping) else {}
        if not _is_number(named.get("port")) or named.get("endPort") is not None:
            yield f"{opening.path}.ports.{number} is not one number: it is more than was meant"


def _reaches(opening: Part, port: Json) -> bool:
    """Whether an opening to addresses has a port, or may have it."""
    peers = opening.items("to")
    to_pods = peers and all(isinstance(one, Mapping) and "ipBlock" not in one for one in peers)
    ports = [
        one.get("port") if isinstance(one, Mapping) else None for one in opening.items("ports")
    ]
    sure = [one for one in ports if _is_number(one)]
    return not to_pods and (port in ports or not sure or len(sure) < len(ports))


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _holds_link_local(network: ipaddress.IPv4Network | ipaddress.IPv6Network | None) -> bool:
    return isinstance(network, ipaddress.IPv4Network) and LINK_LOCAL.subnet_of(network)


def _network(text: Json) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(str(text), strict=False)
    except ValueError:
        return None
