"""What exists already and is looked up: the EKS cluster, its network and its OIDC provider.

The only data sources of the program. Account and region come from the settings, so that a wrong
login is refused and not followed.
"""

from __future__ import annotations

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
    )
