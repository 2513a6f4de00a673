"""Rules for what an instance is made of: things of its own, declared here, shared with no other.

A group that nobody here declares is one whose rules nobody here judges. What is in the groups is
judged elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from policies.resources import Resource, Stack
from policies.rule import Config, Severity, rule_in_stack
from policies.rules.databases import INSTANCE
from policies.values import is_unknown, known, leaves

PARAMETER_GROUP = "aws:rds/parameterGroup:ParameterGroup"
PROXY = "aws:rds/proxy:Proxy"
SECURITY_GROUP = "aws:ec2/securityGroup:SecurityGroup"
SUBNET_GROUP = "aws:rds/subnetGroup:SubnetGroup"

# What two instances must not have in common, and the properties that name it.
APART = {
    "KMS key": ("kmsKeyId", "masterUserSecretKmsKeyId", "performanceInsightsKmsKeyId"),
    "monitoring role": ("monitoringRoleArn",),
    "parameter group": ("parameterGroupName",),
    "security group": ("vpcSecurityGroupIds",),
    "subnet group": ("dbSubnetGroupName",),
}


@rule_in_stack(
    "rds-own-subnets",
    of=(INSTANCE,),
    severity=Severity.HIGH,
    says="An instance is in a subnet group of this stack, with subnets for two zones.",
    mend="Set dbSubnetGroupName to a group of this stack with private subnets in two zones.",
)
def rds_own_subnets(instance: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Without one it is in the default VPC, whose subnets are public; RDS knows the zones."""
    groups = _own_groups(instance, stack, "dbSubnetGroupName", SUBNET_GROUP)
    if not groups:
        yield "dbSubnetGroupName names no subnet group of this stack: the default VPC is public"
    for group in groups:
        subnets = {str(one) for one in known(group.items("subnetIds"), "subnetIds")}
        if len(subnets) < 2:
            yield f"subnetIds of {group.name} lists {len(subnets)}: with one zone all is down"


@rule_in_stack(
    "rds-own-security-group",
    of=(INSTANCE, PROXY),
    severity=Severity.CRITICAL,
    says="An instance, and a proxy, is behind security groups of this stack and no others.",
    mend="Set vpcSecurityGroupIds to security groups that this stack declares.",
)
def rds_own_security_group(server: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Absent and empty are the VPC's default group, which lets all of its members in."""
    path = "vpcSecurityGroupIds"
    own = stack.origins(server, path, type_=SECURITY_GROUP)
    if own and is_unknown(server.properties.get(path)):
        return
    groups = server.items(path)
    if not groups:
        yield f"{path} is empty: the VPC's default group lets all of its members in"
    elif len(groups) > len(own):
        yield f"{path} lists {len(groups)}, of which this stack declares {len(own)}"


@rule_in_stack(
    "pg-no-default-group",
    of=(INSTANCE,),
    severity=Severity.HIGH,
    says="An instance runs with a parameter group of this stack.",
    mend="Set parameterGroupName to a group that this stack declares.",
)
def pg_no_default_group(instance: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Absent is the engine's default group, which cannot be changed."""
    if not _own_groups(instance, stack, "parameterGroupName", PARAMETER_GROUP):
        yield "parameterGroupName names no group of this stack: nobody here decides its parameters"


@rule_in_stack(
    "rds-metadata-app-separated",
    of=(INSTANCE,),
    severity=Severity.CRITICAL,
    says="Two instances share no key, security group, subnet group, parameter group or role.",
    mend="Declare what is shared once for each instance.",
    later=tuple(path for paths in APART.values() for path in paths),
)
def rds_metadata_app_separated(instance: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """What is absent is not shared; that it must not be absent is for other rules to say."""
    others = [one for one in stack.of(INSTANCE) if one.urn != instance.urn]
    for word, paths in APART.items():
        for other in others:
            if _named(instance, stack, paths) & _named(other, stack, paths):
                shown = " or ".join(paths)
                yield f"its {word} ({shown}) is {other.name}'s too: what happens to one hits both"


def _named(instance: Resource, stack: Stack, paths: Iterable[str]) -> set[str]:
    """What properties name: URNs, and what is known by value."""
    found: set[str] = set()
    for path in paths:
        urns = {one.urn for one in stack.origins(instance, path)}
        values = [one for _, one in leaves(instance.properties.get(path))]
        if not urns:
            known(values, path)
        found |= urns | {str(one) for one in values if one and not is_unknown(one)}
    return found


def _own_groups(resource: Resource, stack: Stack, path: str, type_: str) -> list[Resource]:
    """Return what a property names by name; empty if nothing of this stack.

    Raises:
        NotYetKnownError: it is unknown, and comes from nothing of this stack.
    """
    if not resource.is_set(path):
        return []
    if is_unknown(resource.properties[path]) and (found := stack.origins(resource, path)):
        return [one for one in found if one.type == type_]
    name = resource.value(path)
    return [one for one in stack.of(type_) if one.properties.get("name") == name]
