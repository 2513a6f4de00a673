"""Adds the landing zone to the account: what its owner had before this project came.

It only adds, so doing it again, or with more in the settings, is harmless.
"""

from __future__ import annotations

import base64
import ipaddress
import json
from typing import TYPE_CHECKING

from moto.ec2.exceptions import InvalidSubnetIdError
from moto.iam.exceptions import NotFoundException

from local.account.tls import certificate_of_nobody

if TYPE_CHECKING:
    from moto.ec2.models.vpcs import VPC

    from local.account.backends import Backends
    from local.account.landing_zone import LandingZone
    from local.account.oidc import Issuer

_NETWORK = ipaddress.ip_network("10.0.0.0/16")
_SUBNET_PREFIX = 20
_ZONES = "abc"
_VPC_NAME = "landing-zone"
_ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
_KUBERNETES_VERSION = "1.34"
# AWS ignores the thumbprint of EKS issuers, but wants one.
_THUMBPRINT = "9e99a48a9960b14926bb7f3b02e22da2b0ab7280"


class LandingZoneError(Exception):
    """The settings ask for something this account cannot have; one sentence."""


def lay(zone: LandingZone, backends: Backends, issuer: Issuer) -> None:
    """Add what is missing; the caller holds the account's lock.

    Raises:
        LandingZoneError: the zone is of another account or region, or names a principal that is
            no IAM user.
    """
    _check(zone, backends)
    vpc = _vpc(backends)
    for subnet_id in zone.subnets:
        _subnet(subnet_id, vpc, backends)
    _cluster(zone, vpc, backends, issuer)
    for arn in (*zone.administrators, *zone.users):
        _user(arn, backends)
    for arn in zone.administrators:
        backends.iam.attach_user_policy(_ADMINISTRATOR, arn.rpartition("/")[2])
    if zone.topic not in backends.topics.topics:
        backends.topics.create_topic(zone.topic.rpartition(":")[2])


def _check(zone: LandingZone, backends: Backends) -> None:
    here = (backends.account, backends.region)
    if (zone.account, zone.region) != here:
        raise LandingZoneError(
            f"The settings name account {zone.account} in {zone.region}, but the local account was "
            f"made as {here[0]} in {here[1]}: run `make down` first."
        )
    for arn in (*zone.administrators, *zone.users):
        if not arn.startswith(f"arn:aws:iam::{zone.account}:user/"):
            raise LandingZoneError(
                f"The principal {arn} is not allowed: the local account has IAM users of account "
                f"{zone.account} only, such as arn:aws:iam::{zone.account}:user/deployer."
            )
    if not zone.topic.startswith(f"arn:aws:sns:{zone.region}:{zone.account}:"):
        raise LandingZoneError(
            f"The topic {zone.topic} is not allowed: it has to be of account {zone.account} in "
            f"{zone.region}."
        )


def _vpc(backends: Backends) -> VPC:
    for vpc in backends.ec2.vpcs.values():
        if vpc.cidr_block == str(_NETWORK):
            return vpc
    return backends.ec2.create_vpc(str(_NETWORK), tags=[{"Key": "Name", "Value": _VPC_NAME}])


def _subnet(subnet_id: str, vpc: VPC, backends: Backends) -> None:
    ec2 = backends.ec2
    try:
        ec2.get_subnet(subnet_id)
    except InvalidSubnetIdError:
        pass
    else:
        return
    number = len(ec2.describe_subnets(filters={"vpc-id": [vpc.id]}))
    ranges = list(_NETWORK.subnets(new_prefix=_SUBNET_PREFIX))
    if number >= len(ranges):
        raise LandingZoneError(f"The local account has room for {len(ranges)} subnets only.")
    zone = f"{backends.region}{_ZONES[number % len(_ZONES)]}"
    subnet = ec2.create_subnet(vpc.id, str(ranges[number]), availability_zone=zone)
    # EC2 chooses ids; the settings name subnets that exist, so this one takes the id named there.
    chosen, subnet.id = subnet.id, subnet_id
    ec2.subnets[zone][subnet_id] = ec2.subnets[zone].pop(chosen)
    for acl in ec2.network_acls.values():
        for association in acl._associations.values():  # noqa: SLF001 - moto has no other way in
            if association.subnet_id == chosen:
                association.subnet_id = subnet_id


def _cluster(zone: LandingZone, vpc: VPC, backends: Backends, issuer: Issuer) -> None:
    if zone.cluster not in backends.eks.clusters:
        group = backends.ec2.create_security_group(
            f"eks-cluster-sg-{zone.cluster}", f"EKS cluster {zone.cluster}", vpc_id=vpc.id
        )
        role = _cluster_role(f"eks-cluster-{zone.cluster}", backends)
        cluster = backends.eks.create_cluster(
            zone.cluster,
            role,
            {
                "clusterSecurityGroupId": group.id,
                "endpointPrivateAccess": True,
                "endpointPublicAccess": False,
                "securityGroupIds": [],
                "subnetIds": list(zone.subnets),
                "vpcId": vpc.id,
            },
            version=_KUBERNETES_VERSION,
        )
        cluster.identity = {"oidc": {"issuer": issuer.url}}
        # Nothing serves its API; but whoever connects reads this first, which has to be one.
        authority = base64.b64encode(certificate_of_nobody()).decode()
        cluster.certificate_authority = {"data": authority}
    if not any(one.url == issuer.host_path for one in backends.iam.open_id_providers.values()):
        backends.iam.create_open_id_connect_provider(
            issuer.url, [_THUMBPRINT], ["sts.amazonaws.com"], []
        )


def _cluster_role(name: str, backends: Backends) -> str:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "eks.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    try:
        return str(backends.iam.get_role(name).arn)
    except NotFoundException:
        role = backends.iam.create_role(name, json.dumps(trust), "/", None, "", [], "3600")
        return str(role.arn)


def _user(arn: str, backends: Backends) -> None:
    path_and_name = arn.partition(":user")[2]
    folder, _, name = path_and_name.rpartition("/")
    if name not in backends.iam.users:
        backends.iam.create_user("aws", name, f"{folder}/", [])
    if not backends.iam.list_access_keys(name):
        backends.iam.create_access_key(name)
