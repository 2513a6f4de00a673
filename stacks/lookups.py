"""What exists already and is looked up: the EKS cluster, its OIDC provider, and subnets.

The only data sources of the program. Account and region come from the settings, so that a wrong
login is refused and not followed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import InvokeOptions, Output


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """What the platform needs to know of the Kubernetes cluster."""

    vpc_id: Output[str]
    security_group_id: Output[str]
    """The group that EKS gives to all nodes, and pods have from them."""
    oidc_issuer: Output[str]
    """URL of the issuer of the tokens of service accounts."""
    oidc_provider_arn: Output[str]
    """The IAM OIDC provider that believes that issuer."""
    endpoint: Output[str]
    """URL of the API."""
    certificate_authority: Output[str]
    """The CA certificate of the API, PEM in base64."""


def existing_cluster(name: str, provider: aws.Provider) -> Cluster:
    """Look up the EKS cluster `name`, and the IAM OIDC provider of its issuer."""
    options = InvokeOptions(provider=provider)
    cluster = aws.eks.get_cluster_output(name=name, opts=options)
    issuer = cluster.identities[0].oidcs[0].issuer
    oidc_provider = aws.iam.get_open_id_connect_provider_output(url=issuer, opts=options)
    return Cluster(
        vpc_id=cluster.vpc_config.vpc_id,
        security_group_id=cluster.vpc_config.cluster_security_group_id,
        oidc_issuer=issuer,
        oidc_provider_arn=oidc_provider.arn,
        endpoint=cluster.endpoint,
        certificate_authority=cluster.certificate_authorities[0].data,
    )


def subnet_ranges(subnet_ids: Sequence[str], provider: aws.Provider) -> list[Output[str]]:
    """Look up the IPv4 ranges of existing subnets."""
    options = InvokeOptions(provider=provider)
    return [aws.ec2.get_subnet_output(id=each, opts=options).cidr_block for each in subnet_ids]
