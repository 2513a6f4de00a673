"""Whether a connection is possible, computed from NetworkPolicies alone.

A connection needs both ends: the policies of the pod that opens it (egress) and those of the pod
that takes it (ingress). A pod that no policy selects in a direction is open in that direction, as
Kubernetes has it. What answers a connection comes back, so answers need no policy.

It knows nothing of Services (policies see the pods behind them), of hostNetwork pods and of the
kubelet, which policies do not bind, nor of security groups, which are a second fence on AWS.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Manifest: TypeAlias = Mapping[str, Any]


class UnknownFieldError(ValueError):
    """A policy says something that is not computed here; nothing is guessed."""


@dataclass(frozen=True, kw_only=True)
class Pod:
    """One end of a connection inside the cluster."""

    namespace: str
    labels: Mapping[str, str]
    address: str
    """Its IP address. On EKS pods have addresses of the VPC, so that an ipBlock can mean a pod."""
    ports: Mapping[str, int] = field(default_factory=dict)
    """Named container ports, TCP."""


@dataclass(frozen=True, kw_only=True)
class Outside:
    """One end of a connection outside the cluster, such as a database."""

    address: str


End: TypeAlias = Pod | Outside


@dataclass(frozen=True, kw_only=True)
class Network:
    """The policies of a cluster, and the labels of its namespaces."""

    policies: Sequence[Manifest]
    namespaces: Mapping[str, Mapping[str, str]]

    def allows(self, source: End, target: End, port: int, protocol: str = "TCP") -> bool:
        """Tell whether `source` may open a connection to `port` of `target`."""
        return self._lets(source, target, target, port, protocol, "Egress") and self._lets(
            target, source, target, port, protocol, "Ingress"
        )

    def _lets(
        self, end: End, peer: End, target: End, port: int, protocol: str, direction: str
    ) -> bool:
        if isinstance(end, Outside):
            return True
        selecting = [one for one in self.policies if _selects(one, end, direction)]
        side = "to" if direction == "Egress" else "from"
        rules = [
            (policy, rule)
            for policy in selecting
            for rule in policy["spec"].get(direction.lower()) or ()
        ]
        return not selecting or any(
            self._means(policy, rule.get(side), peer)
            and _opens(rule.get("ports"), target, port, protocol)
            for policy, rule in rules
        )

    def _means(self, policy: Manifest, peers: Sequence[Manifest] | None, end: End) -> bool:
        """Tell whether the peers of a rule include `end`; no peers are all there are."""
        return not peers or any(self._is(policy, peer, end) for peer in peers)

    def _is(self, policy: Manifest, peer: Manifest, end: End) -> bool:
        _known(peer, {"ipBlock", "podSelector", "namespaceSelector"})
        if "ipBlock" in peer:
            return _within(peer["ipBlock"], end.address)
        if isinstance(end, Outside):
            return False
        if "namespaceSelector" in peer:
            labels = self.namespaces.get(end.namespace, {})
            own = {"kubernetes.io/metadata.name": end.namespace}
            here = matches(peer["namespaceSelector"], {**labels, **own})
        else:
            here = end.namespace == policy["metadata"]["namespace"]
        return here and matches(peer.get("podSelector") or {}, end.labels)


def matches(selector: Manifest, labels: Mapping[str, str]) -> bool:
    """Tell whether a label selector selects; an empty one selects everything."""
    _known(selector, {"matchLabels", "matchExpressions"})
    wanted = selector.get("matchLabels") or {}
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _holds(expression, labels) for expression in selector.get("matchExpressions") or ()
    )


def _holds(expression: Manifest, labels: Mapping[str, str]) -> bool:
    present = expression["key"] in labels
    listed = labels.get(expression["key"]) in (expression.get("values") or ())
    answers = {"In": listed, "NotIn": not listed, "Exists": present, "DoesNotExist": not present}
    if expression["operator"] not in answers:
        raise UnknownFieldError(f"operator {expression['operator']} of a selector is not known")
    return answers[expression["operator"]]


def _selects(policy: Manifest, pod: Pod, direction: str) -> bool:
    spec = policy["spec"]
    _known(spec, {"podSelector", "policyTypes", "ingress", "egress"})
    # Kubernetes' default: always ingress; egress where there are such rules.
    default = ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return (
        direction in (spec.get("policyTypes") or default)
        and policy["metadata"]["namespace"] == pod.namespace
        and matches(spec.get("podSelector") or {}, pod.labels)
    )


def _within(block: Manifest, address: str) -> bool:
    def holds(cidr: str) -> bool:
        return ipaddress.ip_address(address) in ipaddress.ip_network(cidr)

    return holds(block["cidr"]) and not any(holds(one) for one in block.get("except") or ())


def _opens(ports: Iterable[Manifest] | None, target: End, port: int, protocol: str) -> bool:
    """Tell whether the ports of a rule include this one; no ports are all there are."""
    named = target.ports if isinstance(target, Pod) else {}

    def includes(rule: Manifest) -> bool:
        _known(rule, {"port", "endPort", "protocol"})
        if rule.get("protocol", "TCP") != protocol:
            return False
        first = rule.get("port")
        if first is None:
            return True
        if isinstance(first, str):
            return named.get(first) == port
        return bool(first <= port <= rule.get("endPort", first))

    ports = list(ports or ())
    return not ports or any(includes(rule) for rule in ports)


def _known(part: Manifest, fields: set[str]) -> None:
    if unknown := sorted(part.keys() - fields):
        raise UnknownFieldError(f"{', '.join(unknown)} of a network policy is not known here")
