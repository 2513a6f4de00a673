"""Rules for security groups: nobody from the internet, one port, databases only for groups.

They are asked of groups with inline rules and of each kind of rule resource. The network itself
(its subnets, gateways, the cluster's own groups) belongs to no stack of this project.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.networks import HOLDERS, SECURITY_GROUP, Way, is_world, ways
from policies.resources import Resource, Stack
from policies.rule import Config, Severity, rule, rule_in_stack
from policies.rules.databases import INSTANCE
from policies.rules.separation import PROXY

# What the provider writes where nothing is given.
_EMPTY_WORDS = frozenset({"", "managed by pulumi", "managed by terraform"})
_SINGLE_PORT = frozenset({"tcp", "udp", "6", "17"})


@rule(
    "sg-no-world",
    of=HOLDERS,
    severity=Severity.CRITICAL,
    says="No security group lets the internet in, on any port.",
    mend="Name a security group as the source, or the networks that are meant.",
    controls=("FSBP EC2.18", "FSBP EC2.19", "CIS AWS 6.3", "CIS AWS 6.4", "CKV_AWS_24"),
)
def sg_no_world(holder: Resource, _config: Config) -> Iterator[str]:
    """Wider than /8, or /16 of IPv6, is the internet: two halves of it are all of it."""
    for way in ways(holder):
        for network in way.networks:
            if way.into and is_world(network):
                yield f"{way.said}{network!r} lets in the internet, or is no network at all"


@rule(
    "sg-egress-limited",
    of=HOLDERS,
    severity=Severity.HIGH,
    says="No security group lets anything out to the internet, except to ports that are allowed.",
    mend="Name the group or the networks that are meant, such as those of interface endpoints.",
    controls=("CKV_AWS_382",),
    parameters={
        "worldPorts": {
            "type": "array",
            "items": {"type": "integer", "minimum": 1, "maximum": 65535},
            "default": [],
        }
    },
)
def sg_egress_limited(holder: Resource, config: Config) -> Iterator[str]:
    """Absent is no way out: the provider takes the one away that EC2 makes."""
    for way in ways(holder):
        first, last = way.ports
        allowed = way.protocol in ("tcp", "6") and first == last and first in config["worldPorts"]
        for network in way.networks:
            if not way.into and is_world(network) and not allowed:
                yield f"{way.said}{network!r}, {way.protocol} {first} to {last}, is a way out"


@rule_in_stack(
    "sg-db-sources-only",
    of=HOLDERS,
    severity=Severity.CRITICAL,
    says="Only security groups are let in to an instance or a proxy: no networks, no lists.",
    mend="Set referencedSecurityGroupId to the group of those who connect, and nothing else.",
    controls=("FSBP EC2.19",),
    later=("referencedSecurityGroupId", "securityGroupId"),
)
def sg_db_sources_only(holder: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """A rule of a group that this stack does not declare is refused: nobody sees what it guards."""
    groups = [holder]
    if holder.type != SECURITY_GROUP:
        groups = stack.origins(holder, "securityGroupId", type_=SECURITY_GROUP)
        if not groups:
            yield "securityGroupId names no group of this stack: whom it lets in is judged nowhere"
    if not any(stack.users(group, INSTANCE, PROXY) for group in groups):
        return
    for way in ways(holder):
        if way.into:
            yield from _sources(holder, way)


def _sources(holder: Resource, way: Way) -> Iterator[str]:
    for source in [*way.networks, *way.prefix_lists]:
        yield f"{way.said}{source!r} lets in everybody with an address there, not a group"
    if holder.type != SECURITY_GROUP and not any(
        holder.is_set(path) for path in ("referencedSecurityGroupId", "sourceSecurityGroupId")
    ):
        yield "referencedSecurityGroupId is not set: no group is let in"


@rule(
    "sg-no-all-ports",
    of=HOLDERS,
    severity=Severity.CRITICAL,
    says="What a security group lets through has a protocol and a port.",
    mend="Set the protocol to tcp, and the first and the last port to the one that is meant.",
    controls=("CKV_AWS_277",),
)
def sg_no_all_ports(holder: Resource, _config: Config) -> Iterator[str]:
    """An absent or odd protocol, and absent ports, are all of them; 0 is no port of anything."""
    for way in ways(holder):
        if str(way.protocol) not in _SINGLE_PORT:
            yield f"{way.said}the protocol is {way.protocol!r}, neither tcp nor udp: with all ports"
        elif not all(_is_port(one) for one in way.ports):
            first, last = way.ports
            yield f"{way.said}the ports are {first!r} to {last!r}: one of them has to be named"


@rule(
    "sg-rule-one-port",
    of=HOLDERS,
    severity=Severity.HIGH,
    says="What a security group lets through is a single port.",
    mend="Set fromPort and toPort to the same port; declare a rule for each other one.",
)
def sg_rule_one_port(holder: Resource, _config: Config) -> Iterator[str]:
    """Absent ports are all of them, for another rule to refuse."""
    for way in ways(holder):
        first, last = way.ports
        if _is_port(first) and _is_port(last) and first != last:
            yield f"{way.said}it is for ports {first} to {last}, where one is meant"


@rule(
    "sg-descriptions",
    of=HOLDERS,
    severity=Severity.MEDIUM,
    says="A security group, and what it lets through, says what for.",
    mend="Set description to who connects, and why.",
    controls=("CKV_AWS_23",),
)
def sg_descriptions(holder: Resource, _config: Config) -> Iterator[str]:
    """Absent is a phrase of the provider's, which says nothing; that phrase is refused as well."""
    if holder.type == SECURITY_GROUP and _says_nothing(holder.value("description")):
        yield f"description is {holder.value('description')!r}: nobody can tell what it is for"
    for way in ways(holder):
        if _says_nothing(way.description):
            yield f"{way.said}description is {way.description!r}: nobody can tell what it is for"


def _says_nothing(text: object) -> bool:
    return not isinstance(text, str) or text.strip().lower() in _EMPTY_WORDS


def _is_port(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value <= 65535
