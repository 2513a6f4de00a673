"""Data sources: what the account answers, and what stands in for it where there is none."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError

from local.deploy import lookups
from local.deploy.cloud import Cloud
from local.deploy.drivers.base import DriverError
from local.deploy.registration import Call
from local.deploy.servers import Servers
from local.deploy.target import Target
from local.deploy.testing import REGION, aws_api

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.deploy.wire import Properties

PROVIDER: Properties = {"region": REGION, "allowedAccountIds": ["123456789012"]}
SUBNET = "aws:ec2/getSubnet:getSubnet"
CLUSTER = "aws:eks/getCluster:getCluster"


@pytest.fixture(scope="module")
def api() -> Iterator[dict[str, str]]:
    with aws_api() as environment:
        yield environment


@pytest.fixture
def target(api: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Target:
    for name, value in api.items():
        monkeypatch.setenv(name, value)
    cloud = Cloud()
    return Target(root=tmp_path, provider=PROVIDER, cloud=cloud, servers=Servers(cloud))


def test_a_subnet_is_what_the_account_has(target: Target) -> None:
    subnet, other = boto3.client("ec2").describe_subnets()["Subnets"][:2]
    assert subnet["CidrBlock"] != other["CidrBlock"]
    for one in (subnet, other):
        answer = lookups.live(Call(token=SUBNET, args={"id": one["SubnetId"]}), target)
        assert answer["cidrBlock"] == one["CidrBlock"]
        assert (answer["id"], answer["vpcId"]) == (one["SubnetId"], one["VpcId"])


def test_a_subnet_that_is_not_there_is_an_error(target: Target) -> None:
    with pytest.raises(ClientError, match=r"InvalidSubnetID\.NotFound"):
        lookups.live(Call(token=SUBNET, args={"id": "subnet-0123456789abcdef0"}), target)


def test_a_cluster_has_a_certificate_authority(target: Target) -> None:
    clusters = boto3.client("eks")
    role = "arn:aws:iam::123456789012:role/eks"
    made = clusters.create_cluster(name="a", roleArn=role, resourcesVpcConfig={})["cluster"]
    answer = lookups.live(Call(token=CLUSTER, args={"name": "a"}), target)
    assert answer["endpoint"] == made["endpoint"]
    assert answer["certificateAuthorities"] == [{"data": made["certificateAuthority"]["data"]}]


def test_what_stands_in_for_subnets_are_ranges_that_differ() -> None:
    answers = [
        lookups.stand_in(Call(token=SUBNET, args={"id": f"subnet-0e1000000000000{x}"}), PROVIDER)
        for x in "abc"
    ]
    ranges = {ipaddress.ip_network(one["cidrBlock"]) for one in answers if one}
    assert len(ranges) == len(answers)
    assert all(one.prefixlen == 24 for one in ranges)


def test_what_stands_in_for_a_cluster_can_be_recognized() -> None:
    answer = lookups.stand_in(Call(token=CLUSTER, args={"name": "platform"}), PROVIDER)
    assert answer
    assert answer["endpoint"] == "https://endpoint-of-platform"
    assert answer["certificateAuthorities"] == [{"data": "certificate-authority-of-platform"}]


def test_what_nobody_knows_is_said(target: Target) -> None:
    call = Call(token="aws:ec2/getVpc:getVpc", args={})
    assert lookups.stand_in(call, PROVIDER) is None
    with pytest.raises(DriverError, match="getVpc cannot be asked by this engine"):
        lookups.live(call, target)
