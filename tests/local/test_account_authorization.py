"""Which policies count for a call, and on which resource it is decided; over the wire."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.account.landing_zone import LandingZone
from stacks.settings import load_stack_file
from tests.local.account_fixtures import (
    ACCOUNT,
    REGION,
    LocalAccount,
    allow,
    deny,
    document,
    instance_input,
    unique,
)

pytest_plugins = ["tests.local.account_fixtures"]

ROOT = Path(__file__).parents[2]


def test_groups_and_managed_policies_count(local_account: LocalAccount) -> None:
    iam, analyst = local_account.client("iam"), local_account.client("iam", "analyst")
    group = unique("group")
    iam.create_group(GroupName=group)
    iam.add_user_to_group(GroupName=group, UserName="analyst")
    with pytest.raises(ClientError, match="AccessDenied"):
        analyst.list_roles()
    iam.put_group_policy(
        GroupName=group, PolicyName="read", PolicyDocument=document(allow("iam:ListRoles"))
    )
    assert analyst.list_roles()["Roles"]
    managed = iam.create_policy(
        PolicyName=unique("no"), PolicyDocument=document(deny("iam:ListRoles"))
    )["Policy"]["Arn"]
    iam.attach_user_policy(UserName="analyst", PolicyArn=managed)
    with pytest.raises(ClientError, match=r"explicit deny in policy no-.* of user analyst"):
        analyst.list_roles()
    # The default version counts, and no other.
    iam.create_policy_version(
        PolicyArn=managed, PolicyDocument=document(deny("s3:*")), SetAsDefault=True
    )
    assert analyst.list_roles()["Roles"]
    iam.detach_user_policy(UserName="analyst", PolicyArn=managed)
    iam.remove_user_from_group(GroupName=group, UserName="analyst")
    with pytest.raises(ClientError, match="AccessDenied"):
        analyst.list_roles()


def test_policies_of_aws_are_known_by_name(local_account: LocalAccount) -> None:
    """Moto has all of them or none."""
    iam, name = local_account.client("iam"), local_account.role().rpartition("/")[2]
    arn = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert [one["PolicyArn"] for one in attached] == [arn]
    with pytest.raises(ClientError, match="does not exist or is not attachable"):
        iam.attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/NoSuchPolicy")


def test_a_policy_that_is_not_understood_is_named(local_account: LocalAccount) -> None:
    strange = allow("iam:ListRoles", Condition={"StringEquals": {"aws:PrincipalOrgPaths": "x"}})
    role = local_account.role(strange=document(strange))
    client = local_account.client_of("iam", local_account.assume(role))
    with pytest.raises(ClientError, match="is left out: the condition key aws:PrincipalOrgPaths"):
        client.list_roles()


def _rds(kind: str, name: str) -> str:
    return f"arn:aws:rds:{REGION}:{ACCOUNT}:{kind}:{name}"


# service, the one resource that is allowed, a call on it, the same call on another
SCOPED: dict[str, tuple[str, str, Callable[[Any, str], object]]] = {
    "database": (
        "rds:DescribeDBInstances",
        _rds("db", "NAME"),
        lambda client, name: client.describe_db_instances(DBInstanceIdentifier=name),
    ),
    "parameter group": (
        "rds:DescribeDBParameters",
        _rds("pg", "NAME"),
        lambda client, name: client.describe_db_parameters(DBParameterGroupName=name),
    ),
    "role": (
        "iam:GetRole",
        f"arn:aws:iam::{ACCOUNT}:role/NAME",
        lambda client, name: client.get_role(RoleName=name),
    ),
    "user": (
        "iam:GetUser",
        f"arn:aws:iam::{ACCOUNT}:user/NAME",
        lambda client, name: client.get_user(UserName=name),
    ),
    "function": (
        "lambda:GetFunction",
        f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:NAME",
        lambda client, name: client.get_function(FunctionName=name),
    ),
    "log group": (
        "logs:DescribeLogStreams",
        f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:NAME:*",
        lambda client, name: client.describe_log_streams(logGroupName=name),
    ),
    "topic": (
        "sns:GetTopicAttributes",
        f"arn:aws:sns:{REGION}:{ACCOUNT}:NAME",
        lambda client, name: client.get_topic_attributes(
            TopicArn=f"arn:aws:sns:{REGION}:{ACCOUNT}:{name}"
        ),
    ),
    "cluster": (
        "eks:DescribeCluster",
        f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/NAME",
        lambda client, name: client.describe_cluster(name=name),
    ),
    "alarm": (
        "cloudwatch:DeleteAlarms",
        f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:NAME",
        lambda client, name: client.delete_alarms(AlarmNames=[name]),
    ),
    "key": (
        "kms:DescribeKey",
        f"arn:aws:kms:{REGION}:{ACCOUNT}:key/NAME",
        lambda client, name: client.describe_key(KeyId=name),
    ),
}


def _refusal(call: Callable[[Any, str], object], client: Any, name: str) -> str:  # noqa: ANN401
    try:
        call(client, name)
    except ClientError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(("action", "resource", "call"), SCOPED.values(), ids=SCOPED.keys())
def test_a_call_is_decided_on_its_resource(
    local_account: LocalAccount, action: str, resource: str, call: Callable[[Any, str], object]
) -> None:
    """That the thing does not exist is told only to whom it may be told."""
    mine, other = unique("mine"), unique("other")
    role = local_account.role(one=document(allow(action, resource.replace("NAME", mine))))
    client = local_account.client_of(action.partition(":")[0], local_account.assume(role))
    assert "not authorized" not in _refusal(call, client, mine)
    on = resource.replace("NAME", other).rstrip("*")
    assert f"not authorized to perform: {action} on resource: {on}" in _refusal(call, client, other)


def test_every_resource_of_a_call_has_to_be_allowed(local_account: LocalAccount) -> None:
    some = document(allow("rds:CreateDBInstance", _rds("db", "*")))
    role = local_account.role(some=some)
    client = local_account.client_of("rds", local_account.assume(role))
    with pytest.raises(ClientError, match=f"on resource: {_rds('pg', 'x')}"):
        client.create_db_instance(**instance_input(unique("db"), 5432, DBParameterGroupName="x"))


def test_conditions_on_the_request_count(local_account: LocalAccount) -> None:
    here = {"Bool": {"aws:SecureTransport": "true"}, "IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}
    role = local_account.role(
        roles=document(allow("iam:ListRoles", Condition=here)),
        users=document(
            allow("iam:ListUsers", Condition={"DateLessThan": {"aws:CurrentTime": "2020-01-01"}})
        ),
        own=document(
            allow("iam:ListGroups", Condition={"StringLike": {"aws:userid": "*:somebody"}})
        ),
    )
    client = local_account.client_of("iam", local_account.assume(role))
    assert client.list_roles()["Roles"]
    for refused in (client.list_users, client.list_groups):
        with pytest.raises(ClientError, match="AccessDenied"):
            refused()


def test_the_landing_zone_is_read_from_the_settings() -> None:
    settings = load_stack_file(ROOT, "local", today=date(2026, 11, 22))
    zone = LandingZone.from_settings(settings)
    assert (zone.account, zone.region, zone.cluster) == (
        settings.account,
        settings.region,
        settings.cluster,
    )
    assert zone.subnets == settings.database_subnets
    assert zone.user_names == ("deployer", "break-glass", "analyst", "bi-tool", "report-writer")
    assert LandingZone.from_json(zone.to_json()) == zone
