"""What AWS would answer to a program that is only recorded: made up, and the same each time.

It knows nothing of the program's own code, so that a program of another revision can be recorded
with it as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.deploy.registration import Call, Registration

ISSUER = "https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE"


def answers(call: Call) -> Mapping[str, Any]:
    """The data sources there are; any other is a mistake."""
    known = {
        "aws:eks/getCluster:getCluster": {
            "name": call.args.get("name"),
            "endpoint": "https://EXAMPLE.gr7.eu-west-1.eks.amazonaws.com",
            "certificateAuthorities": [{"data": "Q0E="}],
            "vpcConfig": {"vpcId": "vpc-1", "clusterSecurityGroupId": "sg-cluster"},
            "identities": [{"oidcs": [{"issuer": ISSUER}]}],
        },
        "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider": {
            "arn": f"arn:aws:iam::123456789012:oidc-provider/{ISSUER.removeprefix('https://')}",
            "url": call.args.get("url"),
        },
        "aws:ec2/getSubnet:getSubnet": {"id": call.args.get("id"), "cidrBlock": "10.0.0.0/24"},
    }
    return known[call.token]


def outputs(one: Registration) -> Mapping[str, Any]:
    """What a provider adds to the inputs: an id, and what our components read of it."""
    added: dict[str, Any] = {"id": f"{one.name}-id", "arn": f"arn:{one.type}:{one.name}"}
    if one.type == "aws:rds/instance:Instance":
        added |= {
            "address": f"{one.plain['identifier']}.rds.amazonaws.com",
            "resourceId": f"db-{one.name.upper():A<26}",
            "masterUserSecrets": [{"secretArn": f"arn:aws:secretsmanager:{one.name}"}],
        }
    if one.type == "aws:rds/proxy:Proxy":
        added |= {
            "arn": "arn:aws:rds:eu-west-1:123456789012:db-proxy:prx-0123456789abcdef0",
            "endpoint": f"{one.name}.proxy.amazonaws.com",
        }
    if one.type == "aws:lambda/function:Function":
        added["codeSha256"] = "sha256-of-the-package"
    return added
