"""What exists already and is looked up: the EKS cluster, its OIDC provider, and subnets.

The only data sources of the program. Account and region come from the settings, so that a wrong
login is refused and not followed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi_aws as aws
from pulumi import InvokeOptions, Output, RunError

from stacks.sentences import key, shown


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
    """Look up the EKS cluster `name`, and the IAM OIDC provider of its issuer.

    A cluster without an issuer fails the run, in a sentence.
    """
    options = InvokeOptions(provider=provider)
    cluster = aws.eks.get_cluster_output(name=name, opts=options)
    issuer = cluster.identities.apply(lambda found: _issuer(name, found))
    oidc_provider = aws.iam.get_open_id_connect_provider_output(url=issuer, opts=options)
    return Cluster(
        vpc_id=cluster.vpc_config.vpc_id,
        security_group_id=cluster.vpc_config.cluster_security_group_id,
        oidc_issuer=issuer,
        oidc_provider_arn=oidc_provider.arn,
        endpoint=cluster.endpoint,
        certificate_authority=cluster.certificate_authorities[0].data,
    )


def _issuer(cluster: str, identities: Sequence[aws.eks.outputs.GetClusterIdentityResult]) -> str:
    for identity in identities:
        for oidc in identity.oidcs:
            if oidc.issuer:
                return oidc.issuer
    # What fails after the program's last line never comes back to it: Pulumi shows it as it is.
    raise RunError(
        f"{key('cluster')} is {shown(cluster)}, which has no OIDC issuer; it must be an EKS "
        "cluster that has one, as pods prove by its tokens who they are; name another cluster."
    )


def subnet_ranges(subnet_ids: Sequence[str], provider: aws.Provider) -> list[Output[str]]:
    """Look up the IPv4 ranges of existing subnets.

    Subnets that are all in one zone fail the run, in a sentence.
    """
    options = InvokeOptions(provider=provider)
    subnets = [aws.ec2.get_subnet_output(id=each, opts=options) for each in subnet_ids]
    zones = Output.all(*(each.availability_zone for each in subnets))

    def several(range_and_zones: Sequence[Any]) -> str:
        cidr, found = range_and_zones
        # Not every engine answers with the zone; then it is left to RDS to refuse.
        if all(found) and len(set(found)) == 1:
            raise RunError(
                f"{key('databaseSubnets')} is {shown(subnet_ids)}, which are all in the zone "
                f"{found[0]}; RDS needs subnets in at least two zones, for the standby of an "
                "instance; add one in another zone."
            )
        return str(cidr)

    return [Output.all(each.cidr_block, zones).apply(several) for each in subnets]
