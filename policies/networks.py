"""What security groups let through, in one form: inline, as rule resources, as the older ones.

It judges nothing. What is of an unexpected type is told as it is written, so that it is refused.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from policies.resources import Resource
from policies.values import Json, known

SECURITY_GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS_RULE = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
OLDER_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
HOLDERS = (SECURITY_GROUP, INGRESS_RULE, EGRESS_RULE, OLDER_RULE)
"""The types of resources that let something through."""

# Wider than any network that one organisation has: halves of the internet are refused with it.
_WIDEST = {4: 8, 6: 16}


@dataclass(frozen=True, kw_only=True)
class Way:
    """Something that is let through.

    Attributes:
        path: where it is written; empty for the resource itself.
        into: whether it lets in; otherwise out.
        holder: the resource.
    """

    path: str
    into: bool
    holder: Resource

    @property
    def networks(self) -> list[Json]:
        """The networks in it, as they are written, of both versions of IP.

        Raises:
            NotYetKnownError: one of them is not yet known.
        """
        return self._many("cidrIpv4", "cidrIpv6", "cidrBlocks", "ipv6CidrBlocks")

    @property
    def prefix_lists(self) -> list[Json]:
        """The ids of prefix lists in it.

        Raises:
            NotYetKnownError: one of them is not yet known.
        """
        return self._many("prefixListId", "prefixListIds")

    @property
    def protocol(self) -> Json:
        """Its protocol; -1 is all of them, and None where it is absent."""
        key = "ipProtocol" if self.holder.type in (INGRESS_RULE, EGRESS_RULE) else "protocol"
        return self._value(key)

    @property
    def ports(self) -> tuple[Json, Json]:
        """Its first and its last port, None for what is absent."""
        return self._value("fromPort"), self._value("toPort")

    @property
    def description(self) -> Json:
        """What people are told of it."""
        return self._value("description")

    @property
    def said(self) -> str:
        """How a sentence begins that is about it."""
        return f"{self.path}: " if self.path else ""

    def _value(self, key: str) -> Json:
        path = self._path(key)
        if not self.path:
            return self.holder.value(path)
        # `value` knows no numbers of items.
        name, _, number = self.path.partition(".")
        one = self.holder.items(name)[int(number)]
        return known(one.get(key), path) if isinstance(one, Mapping) else None

    def _many(self, *keys: str) -> list[Json]:
        found: list[Json] = []
        for key in keys:
            value = known(self._value(key), self._path(key))
            found += value if isinstance(value, list) else [value]
        return [one for one in found if one is not None]

    def _path(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key


def ways(holder: Resource) -> Iterator[Way]:
    """What a resource of one of `HOLDERS` lets through.

    Raises:
        NotYetKnownError: that is not yet known.
    """
    if holder.type == SECURITY_GROUP:
        for name in ("ingress", "egress"):
            for number, _ in enumerate(holder.items(name)):
                yield Way(path=f"{name}.{number}", into=name == "ingress", holder=holder)
    elif holder.type == OLDER_RULE:
        yield Way(path="", into=holder.value("type") != "egress", holder=holder)
    else:
        yield Way(path="", into=holder.type == INGRESS_RULE, holder=holder)


def is_world(network: Json) -> bool:
    """Tell whether a network is the internet, or so wide that it is as good as that.

    What is no network counts as one: nobody can tell what AWS takes it for.
    """
    try:
        one = ipaddress.ip_network(str(network), strict=False)
    except ValueError:
        return True
    return one.prefixlen < _WIDEST[one.version]
