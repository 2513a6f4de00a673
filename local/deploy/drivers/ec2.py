"""EC2 networking: security groups and their single rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from local.deploy.drivers.aws import gone_is_fine, pick, removed_tags, tag_list
from local.deploy.drivers.base import Driver, DriverError, Made, changed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.deploy.target import Target
    from local.deploy.wire import Properties


class SecurityGroup(Driver):
    """A security group. Its name is unique in its VPC: found by both after a killed run.

    AWS gives a new group a rule that lets everything out; as the provider does, it is taken away.
    """

    inputs = frozenset({"name", "description", "vpcId", "revokeRulesOnDelete", "tags"})
    replace = frozenset({"name", "description", "vpcId"})

    @override
    def adopt(self, target: Target, inputs: Properties) -> Made | None:
        found = target.aws("ec2").describe_security_groups(
            Filters=[
                {"Name": "group-name", "Values": [inputs["name"]]},
                {"Name": "vpc-id", "Values": [inputs["vpcId"]]},
            ]
        )["SecurityGroups"]
        if not found:
            return None
        self._close(target, found[0]["GroupId"])
        return self._made(target, found[0]["GroupId"])

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        group = target.aws("ec2").create_security_group(
            GroupName=inputs["name"],
            Description=inputs["description"],
            VpcId=inputs["vpcId"],
            **_tag_specification("security-group", inputs),
        )["GroupId"]
        self._close(target, group)
        return self._made(target, group)

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        if changed(old, new, "tagsAll"):
            _retag(target, made.id, old, new)
        return made

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        ec2 = target.aws("ec2")
        with gone_is_fine():
            if inputs.get("revokeRulesOnDelete"):
                group = ec2.describe_security_groups(GroupIds=[made.id])["SecurityGroups"][0]
                if group["IpPermissions"]:
                    ec2.revoke_security_group_ingress(
                        GroupId=made.id, IpPermissions=group["IpPermissions"]
                    )
                if group["IpPermissionsEgress"]:
                    ec2.revoke_security_group_egress(
                        GroupId=made.id, IpPermissions=group["IpPermissionsEgress"]
                    )
            ec2.delete_security_group(GroupId=made.id)

    def _close(self, target: Target, group: str) -> None:
        everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        # The rule is not there any more in a group that was made before.
        with gone_is_fine():
            target.aws("ec2").revoke_security_group_egress(
                GroupId=group, IpPermissions=[everything]
            )

    def _made(self, target: Target, group: str) -> Made:
        found = target.aws("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
        owner = found["OwnerId"]
        arn = f"arn:aws:ec2:{target.region}:{owner}:security-group/{group}"
        return Made(id=group, outputs={"arn": arn, "ownerId": owner})


class _SecurityGroupRule(Driver):
    """One rule of a group.

    A group has no two rules alike, descriptions apart: what a killed run created is found by that.
    """

    is_egress: ClassVar[bool]
    parameters: ClassVar[Mapping[str, str]] = {
        "cidrIpv4": "CidrIpv4",
        "cidrIpv6": "CidrIpv6",
        "description": "Description",
        "fromPort": "FromPort",
        "ipProtocol": "IpProtocol",
        "prefixListId": "PrefixListId",
        "toPort": "ToPort",
    }
    inputs = frozenset({*parameters, "referencedSecurityGroupId", "securityGroupId", "tags"})
    replace = frozenset({"securityGroupId"})

    @override
    def adopt(self, target: Target, inputs: Properties) -> Made | None:
        pages = (
            target.aws("ec2")
            .get_paginator("describe_security_group_rules")
            .paginate(Filters=[{"Name": "group-id", "Values": [inputs["securityGroupId"]]}])
        )
        for rule in (rule for page in pages for rule in page["SecurityGroupRules"]):
            if rule["IsEgress"] == self.is_egress and self._is_like(rule, inputs):
                return self._made(target, rule)
        return None

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        ec2 = target.aws("ec2")
        authorize = (
            ec2.authorize_security_group_egress
            if self.is_egress
            else ec2.authorize_security_group_ingress
        )
        rules = authorize(
            GroupId=inputs["securityGroupId"],
            IpPermissions=[_permission(inputs)],
            **_tag_specification("security-group-rule", inputs),
        )["SecurityGroupRules"]
        return self._made(target, rules[0])

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        if changed(old, new, *self.inputs - {"tags", "securityGroupId"}):
            reference = pick(new, {"referencedSecurityGroupId": "ReferencedGroupId"})
            rule = {**pick(new, self.parameters), **reference}
            target.aws("ec2").modify_security_group_rules(
                GroupId=new["securityGroupId"],
                SecurityGroupRules=[{"SecurityGroupRuleId": made.id, "SecurityGroupRule": rule}],
            )
        if changed(old, new, "tagsAll"):
            _retag(target, made.id, old, new)
        return made

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        ec2 = target.aws("ec2")
        revoke = (
            ec2.revoke_security_group_egress
            if self.is_egress
            else ec2.revoke_security_group_ingress
        )
        with gone_is_fine():
            revoke(GroupId=inputs["securityGroupId"], SecurityGroupRuleIds=[made.id])

    def _is_like(self, rule: dict[str, Any], inputs: Properties) -> bool:
        wanted = pick(inputs, self.parameters)
        wanted.pop("Description", None)
        group = rule.get("ReferencedGroupInfo", {}).get("GroupId")
        same_group = group == inputs.get("referencedSecurityGroupId")
        return same_group and all(rule.get(key) == value for key, value in wanted.items())

    def _made(self, target: Target, rule: dict[str, Any]) -> Made:
        identifier = rule["SecurityGroupRuleId"]
        outputs = {"securityGroupRuleId": identifier}
        # Not every stand-in for the API tells whose the group is.
        if owner := rule.get("GroupOwnerId"):
            place = f"{target.region}:{owner}:security-group-rule"
            outputs["arn"] = f"arn:aws:ec2:{place}/{identifier}"
        return Made(id=identifier, outputs=outputs)


class SecurityGroupIngressRule(_SecurityGroupRule):
    """One rule that lets in."""

    is_egress = False


class SecurityGroupEgressRule(_SecurityGroupRule):
    """One rule that lets out."""

    is_egress = True


def _permission(inputs: Properties) -> dict[str, Any]:
    """Return one rule in the older form, the only one that the authorizing calls take."""
    sources = {
        "cidrIpv4": ("IpRanges", "CidrIp"),
        "cidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
        "prefixListId": ("PrefixListIds", "PrefixListId"),
        "referencedSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    }
    given = [name for name in sources if inputs.get(name)]
    if len(given) != 1:
        raise DriverError(f"exactly one of {', '.join(sources)} must be given, not {given}")
    group, key = sources[given[0]]
    description = pick(inputs, {"description": "Description"})
    return {
        **pick(inputs, {"ipProtocol": "IpProtocol", "fromPort": "FromPort", "toPort": "ToPort"}),
        group: [{key: inputs[given[0]], **description}],
    }


def _tag_specification(resource_type: str, inputs: Properties) -> dict[str, Any]:
    tags = tag_list(inputs)
    if not tags:
        return {}
    return {"TagSpecifications": [{"ResourceType": resource_type, "Tags": tags}]}


def _retag(target: Target, identifier: str, old: Properties, new: Properties) -> None:
    ec2 = target.aws("ec2")
    if gone := removed_tags(old, new):
        ec2.delete_tags(Resources=[identifier], Tags=[{"Key": key} for key in gone])
    if tags := tag_list(new):
        ec2.create_tags(Resources=[identifier], Tags=tags)
