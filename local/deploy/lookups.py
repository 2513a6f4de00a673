"""Data sources: asked of the account when it is there, stood in for when it is not.

A stand-in is made of the arguments of the call and easy to recognize (`vpc-of-<cluster>`), so that
documents built from it can be read in a preview of an environment that is not reachable.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, TypeAlias

from local.deploy.drivers.base import DriverError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.deploy.registration import Call
    from local.deploy.target import Target
    from local.deploy.wire import Properties

GET_CLUSTER = "aws:eks/getCluster:getCluster"
GET_SUBNET = "aws:ec2/getSubnet:getSubnet"
GET_OIDC_PROVIDER = "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider"


def key(call: Call) -> str:
    """Return what tells one call from another in the state."""
    return f"{call.token} {json.dumps(call.args, sort_keys=True)}"


def stand_in(call: Call, provider: Properties) -> Properties | None:
    """Return an answer made of the arguments and the provider's settings; `None`: unknown."""
    answer = _STAND_INS.get(call.token)
    return answer(call.args, provider) if answer else None


def live(call: Call, target: Target) -> Properties:
    """Ask the account.

    Raises:
        DriverError: nothing here knows this data source, or what it looks for does not exist.
    """
    answer = _LIVE.get(call.token)
    if answer is None:
        raise DriverError(
            f"data source {call.token} cannot be asked by this engine: use ENGINE=pulumi, "
            "or add it to local/deploy/lookups.py"
        )
    return answer(call.args, target)


def _cluster_stand_in(args: Properties, provider: Properties) -> Properties:
    name, region = args["name"], provider.get("region", "region")
    issuer = f"https://oidc.eks.{region}.amazonaws.com/id/issuer-of-{name}"
    return {
        "arn": f"arn:aws:eks:{region}:{_account(provider)}:cluster/{name}",
        "certificateAuthorities": [{"data": f"certificate-authority-of-{name}"}],
        "endpoint": f"https://endpoint-of-{name}",
        "id": name,
        "identities": [{"oidcs": [{"issuer": issuer}]}],
        "name": name,
        "vpcConfig": {
            "clusterSecurityGroupId": f"sg-of-{name}",
            "securityGroupIds": [],
            "subnetIds": [],
            "vpcId": f"vpc-of-{name}",
        },
    }


def _cluster(args: Properties, target: Target) -> Properties:
    found = target.aws("eks").describe_cluster(name=args["name"])["cluster"]
    vpc = found["resourcesVpcConfig"]
    issuer = found.get("identity", {}).get("oidc", {}).get("issuer")
    if not issuer:
        raise DriverError(f"EKS cluster {args['name']} has no OIDC issuer: IRSA needs one")
    return {
        "arn": found["arn"],
        "certificateAuthorities": [{"data": found.get("certificateAuthority", {}).get("data")}],
        "endpoint": found.get("endpoint"),
        "id": found["name"],
        "identities": [{"oidcs": [{"issuer": issuer}]}],
        "name": found["name"],
        "vpcConfig": {
            "clusterSecurityGroupId": vpc.get("clusterSecurityGroupId"),
            "securityGroupIds": vpc.get("securityGroupIds", []),
            "subnetIds": vpc.get("subnetIds", []),
            "vpcId": vpc.get("vpcId"),
        },
    }


def _subnet_stand_in(args: Properties, provider: Properties) -> Properties:
    # A range, as it may have to be valid where it arrives; another one for another subnet.
    number = hashlib.sha256(args["id"].encode()).digest()[0]
    return {
        "arn": f"arn:aws:ec2:{provider.get('region')}:{_account(provider)}:subnet/{args['id']}",
        "cidrBlock": f"10.0.{number}.0/24",
        "id": args["id"],
        "vpcId": f"vpc-of-{args['id']}",
    }


def _subnet(args: Properties, target: Target) -> Properties:
    (found,) = target.aws("ec2").describe_subnets(SubnetIds=[args["id"]])["Subnets"]
    return {
        "arn": found.get("SubnetArn"),
        "availabilityZone": found["AvailabilityZone"],
        "cidrBlock": found["CidrBlock"],
        "id": found["SubnetId"],
        "vpcId": found["VpcId"],
    }


def _oidc_provider_stand_in(args: Properties, provider: Properties) -> Properties:
    arn = args.get("arn") or f"arn:aws:iam::{_account(provider)}:oidc-provider/{_bare(args['url'])}"
    return {
        "arn": arn,
        "clientIdLists": ["sts.amazonaws.com"],
        "id": arn,
        "thumbprintLists": [],
        "url": _bare(arn.partition("/")[2]),
    }


def _oidc_provider(args: Properties, target: Target) -> Properties:
    iam = target.aws("iam")
    arn = args.get("arn")
    if not arn:
        url = _bare(args["url"])
        listed = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
        found = [one["Arn"] for one in listed if one["Arn"].partition("/")[2] == url]
        if not found:
            raise DriverError(f"IAM has no OIDC provider for {url}: create one for the cluster")
        arn = found[0]
    details = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    return {
        "arn": arn,
        "clientIdLists": details.get("ClientIDList", []),
        "id": arn,
        "thumbprintLists": details.get("ThumbprintList", []),
        "url": _bare(details["Url"]),
    }


def _account(provider: Properties) -> str:
    accounts = provider.get("allowedAccountIds") or ["account"]
    return str(accounts[0])


def _bare(url: str) -> str:
    return url.removeprefix("https://").rstrip("/")


_StandIn: TypeAlias = "Callable[[Properties, Properties], Properties]"
_Live: TypeAlias = "Callable[[Properties, Target], Properties]"
_STAND_INS: Mapping[str, _StandIn] = {
    GET_CLUSTER: _cluster_stand_in,
    GET_OIDC_PROVIDER: _oidc_provider_stand_in,
    GET_SUBNET: _subnet_stand_in,
}
_LIVE: Mapping[str, _Live] = {
    GET_CLUSTER: _cluster,
    GET_OIDC_PROVIDER: _oidc_provider,
    GET_SUBNET: _subnet,
}
