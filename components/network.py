"""Security groups that are closed, and the single openings between them. No address ranges here."""

from __future__ import annotations

import pulumi_aws as aws
from pulumi import Input, ResourceOptions


def closed_security_group(
    name: str, *, physical_name: str, description: str, vpc_id: Input[str], opts: ResourceOptions
) -> aws.ec2.SecurityGroup:
    """Declare a security group that lets nothing in and nothing out."""
    return aws.ec2.SecurityGroup(
        name,
        name=physical_name,
        description=description,
        vpc_id=vpc_id,
        # Lambda and RDS leave network interfaces behind for a while, whose groups could not be
        # deleted as long as rules refer to them.
        revoke_rules_on_delete=True,
        opts=opts,
    )


def let_in(
    name: str,
    *,
    source_group_id: Input[str],
    target_group_id: Input[str],
    port: int,
    description: str,
    opts: ResourceOptions,
) -> aws.vpc.SecurityGroupIngressRule:
    """Open one TCP port of a group to the members of another one."""
    return aws.vpc.SecurityGroupIngressRule(
        name,
        security_group_id=target_group_id,
        referenced_security_group_id=source_group_id,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        description=description,
        opts=opts,
    )


def connect(
    name: str,
    *,
    source_group_id: Input[str],
    target_group_id: Input[str],
    port: int,
    description: str,
    opts: ResourceOptions,
) -> tuple[aws.vpc.SecurityGroupEgressRule, aws.vpc.SecurityGroupIngressRule]:
    """Let the members of one group of ours open connections to one TCP port of another one."""
    way_out = aws.vpc.SecurityGroupEgressRule(
        name,
        security_group_id=source_group_id,
        referenced_security_group_id=target_group_id,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        description=description,
        opts=opts,
    )
    way_in = let_in(
        name,
        source_group_id=source_group_id,
        target_group_id=target_group_id,
        port=port,
        description=description,
        opts=opts,
    )
    return way_out, way_in
