"""Which connections the pods of the namespace may open and take; all others are shut.

Ports and address ranges, no names: a NetworkPolicy has none. Nodes reach the pods that run on them
in any case, so probes need no opening here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence

import pulumi_kubernetes as kubernetes
from pulumi import Input, Resource, ResourceOptions

from components.airflow.deployment_args import (
    API_SERVER_PORT,
    HTTPS_PORT,
    AirflowDeploymentArgs,
    NetworkPaths,
)
from components.airflow.names import (
    API_SERVER,
    DAG_PROCESSOR,
    MIGRATIONS,
    NAMESPACE,
    SCHEDULER,
    TRIGGERER,
    WORKER,
    labels,
    object_name,
    selector,
)

DENY_ALL = "default-deny"
DNS_PORT = 53
LINK_LOCAL = ipaddress.IPv4Network("169.254.0.0/16")
"""Where a node answers its pods: with its own credentials, if it is asked."""

_Egress = kubernetes.networking.v1.NetworkPolicyEgressRuleArgs
_Ingress = kubernetes.networking.v1.NetworkPolicyIngressRuleArgs
_Peer = kubernetes.networking.v1.NetworkPolicyPeerArgs
_Port = kubernetes.networking.v1.NetworkPolicyPortArgs


def declare_network_policies(
    name: str, args: AirflowDeploymentArgs, opts: ResourceOptions
) -> list[Resource]:
    """Declare the shut namespace, and the openings of each component."""
    return [
        _policy(name, args.namespace, NAMESPACE, DENY_ALL, {}, opts),
        *(
            _policy(
                name,
                args.namespace,
                component,
                object_name(component),
                selector(component),
                opts,
                egress=[_dns(), *egress],
                ingress=_api_server_clients(args.network) if component == API_SERVER else (),
            )
            for component, egress in _ways_out(args.network).items()
        ),
    ]


def _ways_out(network: NetworkPaths) -> Mapping[str, Sequence[_Egress]]:
    aws_apis = _to(network.aws_api_cidrs, HTTPS_PORT)
    metadata = _to(network.database_cidrs, network.metadata_port)
    kubernetes_api = _to(network.kubernetes_api_cidrs, HTTPS_PORT)
    git = _to(network.git_cidrs, network.git_port)
    return {
        API_SERVER: [*metadata, *aws_apis, *kubernetes_api],
        SCHEDULER: [*metadata, *aws_apis, *kubernetes_api],
        DAG_PROCESSOR: [*metadata, *aws_apis, *git],
        TRIGGERER: [*metadata, *aws_apis],
        MIGRATIONS: [*metadata, *aws_apis],
        WORKER: [
            _Egress(to=[_pods_of(API_SERVER)], ports=[_tcp(API_SERVER_PORT)]),
            *_to(network.database_cidrs, *network.application_ports),
            *aws_apis,
            *git,
        ],
    }


def _api_server_clients(network: NetworkPaths) -> list[_Ingress]:
    peers = [_pods_of(WORKER), *_blocks(network.web_cidrs)]
    return [_Ingress(from_=peers, ports=[_tcp(API_SERVER_PORT)])]


def _policy(
    name: str,
    namespace: str,
    component: str,
    policy: str,
    pods: Mapping[str, str],
    opts: ResourceOptions,
    *,
    egress: Sequence[_Egress] = (),
    ingress: Sequence[_Ingress] = (),
) -> kubernetes.networking.v1.NetworkPolicy:
    return kubernetes.networking.v1.NetworkPolicy(
        f"{name}-{policy}",
        metadata=kubernetes.meta.v1.ObjectMetaArgs(
            name=policy, namespace=namespace, labels=labels(component)
        ),
        spec=kubernetes.networking.v1.NetworkPolicySpecArgs(
            pod_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=pods),
            policy_types=["Ingress", "Egress"],
            egress=list(egress),
            ingress=list(ingress),
        ),
        opts=opts,
    )


def _dns() -> _Egress:
    resolvers = _Peer(
        namespace_selector=kubernetes.meta.v1.LabelSelectorArgs(
            match_labels={"kubernetes.io/metadata.name": "kube-system"}
        ),
        pod_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels={"k8s-app": "kube-dns"}),
    )
    return _Egress(to=[resolvers], ports=[_tcp(DNS_PORT), _Port(protocol="UDP", port=DNS_PORT)])


def _to(cidrs: Sequence[Input[str]], *ports: int) -> list[_Egress]:
    # A rule that names no address would allow all of them.
    return [_Egress(to=_blocks(cidrs), ports=[*map(_tcp, ports)])] if cidrs else []


def _blocks(cidrs: Iterable[Input[str]]) -> list[_Peer]:
    return [
        _Peer(ip_block=kubernetes.networking.v1.IPBlockArgs(cidr=cidr, except_=_excepted(cidr)))
        for cidr in cidrs
    ]


def _excepted(cidr: Input[str]) -> list[str] | None:
    """What a wide range must not let in; ranges that are known late are those of subnets."""
    if not isinstance(cidr, str):
        return None
    network = ipaddress.ip_network(cidr)
    if isinstance(network, ipaddress.IPv4Network) and _wider_than_link_local(network):
        return [str(LINK_LOCAL)]
    return None


def _wider_than_link_local(network: ipaddress.IPv4Network) -> bool:
    return LINK_LOCAL.subnet_of(network) and network != LINK_LOCAL


def _pods_of(component: str) -> _Peer:
    return _Peer(
        pod_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=selector(component))
    )


def _tcp(port: int) -> _Port:
    return _Port(protocol="TCP", port=port)
