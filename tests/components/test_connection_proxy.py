"""`ConnectionProxy`: tokens in, tokens out, and a way of its own through the network."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from components.connection_proxy import ConnectionProxy, ConnectionProxyArgs
from components.postgres_instance import PostgresInstance, PostgresInstanceArgs

if TYPE_CHECKING:
    from local.deploy.record import Recording
    from tests.components.conftest import Names
    from tests.conftest import Record

COMPONENT = "airflow-postgres:components:ConnectionProxy"
PROXY = "aws:rds/proxy:Proxy"
POOL = "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup"
TARGET = "aws:rds/proxyTarget:ProxyTarget"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
NAME = "airflow-prod-application-proxy"


def proxy_args(instance: PostgresInstance) -> ConnectionProxyArgs:
    """A proxy in front of `instance` for two logins."""
    return ConnectionProxyArgs(
        prefix="airflow-prod",
        instance=instance,
        region="eu-west-1",
        account="123456789012",
        vpc_id="vpc-1",
        subnet_ids=("subnet-a", "subnet-b"),
        clients={"cluster": "sg-cluster"},
        db_users=("prod_billing", "prod_reference"),
        log_retention_days=400,
        alarm_topic_arn="arn:topic",
    )


@pytest.fixture
def recording(recorded: Record, instance_args: PostgresInstanceArgs) -> Recording:
    def program() -> None:
        instance = PostgresInstance("application", instance_args)
        ConnectionProxy("application-proxy", proxy_args(instance))

    return recorded(program)


def test_everything_is_registered_under_the_component(recording: Recording, names: Names) -> None:
    assert names(recording.children(recording.one(COMPONENT))) == {
        (PROXY, "application-proxy"),
        (POOL, "application-proxy"),
        (TARGET, "application-proxy"),
        ("aws:iam/role:Role", "application-proxy"),
        ("aws:iam/rolePolicy:RolePolicy", "application-proxy"),
        ("aws:cloudwatch/logGroup:LogGroup", "application-proxy"),
        ("aws:ec2/securityGroup:SecurityGroup", "application-proxy"),
        (INGRESS, "application-proxy-from-cluster"),
        (INGRESS, "application-proxy-to-database"),
        (EGRESS, "application-proxy-to-database"),
        ("aws:cloudwatch/metricAlarm:MetricAlarm", "application-proxy-refused-logins"),
        ("aws:cloudwatch/metricAlarm:MetricAlarm", "application-proxy-failed-connections"),
    }


def test_tokens_on_both_legs_and_tls(recording: Recording) -> None:
    assert recording.one(PROXY).plain == {
        "name": NAME,
        "engineFamily": "POSTGRESQL",
        "defaultAuthScheme": "IAM_AUTH",
        "requireTls": True,
        "roleArn": "arn:aws:iam/role:Role:application-proxy",
        "vpcSubnetIds": ["subnet-a", "subnet-b"],
        "vpcSecurityGroupIds": ["application-proxy-id"],
        "idleClientTimeout": 1800,
        "debugLogging": False,
    }


def test_its_role_logs_in_as_the_named_users_only(recording: Recording) -> None:
    policy = recording.one("aws:iam/rolePolicy:RolePolicy", "application-proxy").plain["policy"]
    (statement,) = json.loads(policy)["Statement"]
    server = f"arn:aws:rds-db:eu-west-1:123456789012:dbuser:db-APPLICATION{'A' * 15}"
    assert statement["Resource"] == [f"{server}/prod_billing", f"{server}/prod_reference"]


def test_it_stands_between_the_clients_and_the_instance(recording: Recording) -> None:
    rules = {
        (one.type, one.name): (
            one.plain["securityGroupId"],
            one.plain["referencedSecurityGroupId"],
            one.plain["fromPort"],
            one.plain["toPort"],
        )
        for one in recording.children(recording.one(COMPONENT))
        if one.type in {INGRESS, EGRESS}
    }
    proxy, database = "application-proxy-id", "application-id"
    assert rules == {
        (INGRESS, "application-proxy-from-cluster"): (proxy, "sg-cluster", 5432, 5432),
        (INGRESS, "application-proxy-to-database"): (database, proxy, 5433, 5433),
        (EGRESS, "application-proxy-to-database"): (proxy, database, 5433, 5433),
    }


def test_it_serves_the_instance_within_limits(recording: Recording) -> None:
    target = recording.one(TARGET).plain
    assert target["dbInstanceIdentifier"] == "airflow-prod-application"
    assert target["dbProxyName"] == NAME
    assert recording.one(POOL).plain["connectionPoolConfig"] == {
        "maxConnectionsPercent": 90,
        "maxIdleConnectionsPercent": 10,
        "connectionBorrowTimeout": 30,
    }


def test_clients_are_allowed_on_the_proxy_by_its_own_id(
    recorded: Record, instance_args: PostgresInstanceArgs
) -> None:
    seen: list[str] = []

    def program() -> None:
        instance = PostgresInstance("application", instance_args)
        proxy = ConnectionProxy("application-proxy", proxy_args(instance))
        proxy.connect_policy("prod_billing").apply(seen.append)

    recorded(program)
    (statement,) = json.loads(seen[0])["Statement"]
    assert statement["Resource"] == [
        "arn:aws:rds-db:eu-west-1:123456789012:dbuser:prx-0123456789abcdef0/prod_billing"
    ]


def test_what_it_tells(recording: Recording) -> None:
    assert recording.one(COMPONENT).registered_outputs == {
        "endpoint": {
            "address": "application-proxy.proxy.amazonaws.com",
            "port": 5432,
            "resource_id": "prx-0123456789abcdef0",
            "security_group_id": "application-proxy-id",
        }
    }


def test_more_logins_than_a_role_can_hold_are_refused(
    recorded: Record, instance_args: PostgresInstanceArgs
) -> None:
    def program() -> None:
        args = proxy_args(PostgresInstance("application", instance_args))
        fitting = tuple(f"prod_{number:04}" for number in range(100))
        replace(args, db_users=fitting)
        with pytest.raises(ValueError, match=r"lists 130 logins, whose policy has 1\d+ charact"):
            replace(args, db_users=tuple(f"prod_{number:04}" for number in range(130)))

    recorded(program)
