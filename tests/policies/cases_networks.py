"""Cases of the rules in `policies/rules/networks.py`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from policies.networks import EGRESS_RULE, INGRESS_RULE, SECURITY_GROUP
from policies.resources import Resource
from policies.values import UNKNOWN
from tests.policies.cases import HOLDS, Case, Change, put
from tests.policies.cases_databases import without_origins

FUNCTION = (SECURITY_GROUP, "application-provisioner-function")
FROM_CLUSTER = (INGRESS_RULE, "application-from-cluster")
TO_AWS = (EGRESS_RULE, "application-provisioner-function-to-aws")
TO_DATABASE = (EGRESS_RULE, "application-provisioner-function-to-database")


def inline(direction: str, **values: object) -> Change:
    """Let a group let something through by itself: tcp 443, described."""
    way: dict[str, Any] = {"protocol": "tcp", "fromPort": 443, "toPort": 443, "description": "x"}
    return put(direction, to=[{**way, **values}])


def to_port_80(rule: Resource) -> Resource:
    """Let a rule be for plain HTTP."""
    return replace(rule, properties={**rule.properties, "fromPort": 80, "toPort": 80})


CASES = (
    Case(
        rule="sg-no-world",
        at=FUNCTION,
        path="ingress",
        breaks=(
            inline("ingress", cidrBlocks=["0.0.0.0/0"]),
            inline("ingress", cidrBlocks=["10.0.0.0/8", "0.0.0.0/1", "128.0.0.0/1"]),
            inline("ingress", ipv6CidrBlocks=["::/0"]),
            inline("ingress", ipv6CidrBlocks=["2000::/3"]),
            inline("ingress", cidrBlocks=["everybody"]),
            inline("ingress", cidrBlocks="0.0.0.0/0"),
            inline("ingress", cidrBlocks=[UNKNOWN]),
        ),
        zero=[],
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
    ),
    Case(
        rule="sg-no-world",
        at=FROM_CLUSTER,
        path="cidrIpv6",
        breaks=(put("cidrIpv6", to="::/0"), put("cidrIpv4", to="0.0.0.0/0")),
        zero="",
        absent=HOLDS,
        null=HOLDS,
        also=frozenset({"sg-db-sources-only"}),
    ),
    Case(
        rule="sg-egress-limited",
        at=TO_AWS,
        path="cidrIpv4",
        breaks=(
            to_port_80,
            put("ipProtocol", to="udp"),
            put("ipProtocol", to="-1"),
            put("toPort", to=65535),
        ),
        zero="",
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
    ),
    Case(
        rule="sg-egress-limited",
        at=FUNCTION,
        breaks=(
            inline("egress", cidrBlocks=["0.0.0.0/1"], fromPort=80, toPort=80),
            inline("egress", ipv6CidrBlocks=["::/0"], protocol=-1, fromPort=0, toPort=0),
        ),
    ),
    Case(
        rule="sg-db-sources-only",
        at=FROM_CLUSTER,
        path="referencedSecurityGroupId",
        breaks=(
            put("cidrIpv4", to="10.30.0.0/16"),
            put("prefixListId", to="pl-63a5400a"),
            without_origins("securityGroupId", "sg-0123456789abcdef0"),
        ),
        zero="",
        unknown=HOLDS,
    ),
    Case(
        rule="sg-db-sources-only",
        at=(SECURITY_GROUP, "metadata"),
        breaks=(inline("ingress", cidrBlocks=["10.30.0.0/16"]),),
    ),
    Case(
        rule="sg-no-all-ports",
        at=TO_DATABASE,
        path="ipProtocol",
        breaks=(
            put("ipProtocol", to="-1"),
            put("fromPort", to=None),
            put("toPort", to=0),
            put("fromPort", to="5434"),
        ),
        zero="",
    ),
    Case(
        rule="sg-no-all-ports",
        at=FUNCTION,
        breaks=(inline("egress", protocol=-1), put("ingress", to=["all"])),
    ),
    Case(
        rule="sg-rule-one-port",
        at=TO_DATABASE,
        path="toPort",
        breaks=(put("toPort", to=65535), put("fromPort", to=1)),
        absent=HOLDS,
        null=HOLDS,
        zero=0,
        at_zero=HOLDS,
    ),
    Case(
        rule="sg-descriptions",
        at=TO_DATABASE,
        path="description",
        breaks=(put("description", to=" "), put("description", to=["x"])),
        zero="",
    ),
    Case(
        rule="sg-descriptions",
        at=FUNCTION,
        path="description",
        breaks=(
            put("description", to="Managed by Pulumi"),
            inline("egress", description=""),
        ),
        zero="",
    ),
)
