"""`PostgresInstance`: exactly what it registers, and how the instance is hardened."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from components.postgres_instance import PostgresInstance, PostgresInstanceArgs

if TYPE_CHECKING:
    from tests.components.conftest import Names
    from tests.conftest import Record

COMPONENT = "airflow-postgres:components:PostgresInstance"
INSTANCE = "aws:rds/instance:Instance"
NAME = "airflow-prod-application"
KEY_ARN = "arn:aws:kms/key:Key:application-key"

ALL = {
    (COMPONENT, "application"),
    ("aws:kms/key:Key", "application-key"),
    ("aws:kms/alias:Alias", "application-key"),
    ("aws:cloudwatch/logGroup:LogGroup", "application-postgresql"),
    ("aws:cloudwatch/logGroup:LogGroup", "application-upgrade"),
    ("aws:ec2/securityGroup:SecurityGroup", "application"),
    ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "application-from-cluster"),
    ("aws:rds/parameterGroup:ParameterGroup", "application-parameters"),
    ("aws:rds/subnetGroup:SubnetGroup", "application-subnets"),
    ("aws:iam/role:Role", "application-monitoring"),
    ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "application-monitoring"),
    (INSTANCE, "application"),
    ("aws:rds/eventSubscription:EventSubscription", "application-instance-events"),
    ("aws:rds/eventSubscription:EventSubscription", "application-parameter-group-events"),
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "application-connections"),
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "application-cpu"),
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "application-memory"),
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "application-storage"),
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "application-transaction-ids"),
}
MONITORING = {
    ("aws:iam/role:Role", "application-monitoring"),
    ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "application-monitoring"),
}


def test_everything_is_registered_under_the_component(
    recorded: Record, names: Names, instance_args: PostgresInstanceArgs
) -> None:
    recording = recorded(lambda: PostgresInstance("application", instance_args))
    assert names(recording) == ALL
    component = recording.one(COMPONENT)
    assert names(recording.children(component)) == ALL - {(COMPONENT, "application")}


def test_no_monitoring_means_no_role_for_it(
    recorded: Record, names: Names, instance_args: PostgresInstanceArgs
) -> None:
    args = replace(instance_args, monitoring_interval_seconds=0)
    recording = recorded(lambda: PostgresInstance("application", args))
    assert names(recording) == ALL - MONITORING
    assert "monitoringRoleArn" not in recording.one(INSTANCE).plain


def test_the_instance_in_full(recorded: Record, instance_args: PostgresInstanceArgs) -> None:
    instance = recorded(lambda: PostgresInstance("application", instance_args)).one(INSTANCE)
    assert instance.plain == {
        "identifier": NAME,
        "engine": "postgres",
        "engineVersion": "16",
        "instanceClass": "db.m7g.large",
        "multiAz": True,
        "allowMajorVersionUpgrade": False,
        "autoMinorVersionUpgrade": True,
        "storageType": "gp3",
        "allocatedStorage": 100,
        "maxAllocatedStorage": 400,
        "storageEncrypted": True,
        "kmsKeyId": KEY_ARN,
        "username": "dbmaster",
        "manageMasterUserPassword": True,
        "masterUserSecretKmsKeyId": KEY_ARN,
        "iamDatabaseAuthenticationEnabled": True,
        "caCertIdentifier": "rds-ca-rsa2048-g1",
        "port": 5433,
        "dbSubnetGroupName": NAME,
        "vpcSecurityGroupIds": ["application-id"],
        "publiclyAccessible": False,
        "deletionProtection": True,
        "skipFinalSnapshot": False,
        "finalSnapshotIdentifier": f"{NAME}-final",
        "backupRetentionPeriod": 35,
        "backupWindow": "01:00-02:00",
        "deleteAutomatedBackups": False,
        "copyTagsToSnapshot": True,
        "parameterGroupName": f"{NAME}-postgres16",
        "maintenanceWindow": "sun:02:30-sun:03:30",
        "applyImmediately": False,
        "enabledCloudwatchLogsExports": ["postgresql", "upgrade"],
        "monitoringInterval": 15,
        "monitoringRoleArn": "arn:aws:iam/role:Role:application-monitoring",
        "performanceInsightsEnabled": True,
        "performanceInsightsKmsKeyId": KEY_ARN,
        "performanceInsightsRetentionPeriod": 7,
    }


def test_protection_is_one_choice(recorded: Record, instance_args: PostgresInstanceArgs) -> None:
    protected = recorded(lambda: PostgresInstance("application", instance_args))
    assert {(one.type, one.name) for one in protected if one.options.protect} == {
        (INSTANCE, "application"),
        ("aws:kms/key:Key", "application-key"),
    }
    assert protected.one("aws:kms/key:Key").plain["deletionWindowInDays"] == 30

    args = replace(instance_args, protected=False)
    free = recorded(lambda: PostgresInstance("application", args))
    assert not [one for one in free if one.options.protect]
    assert free.one("aws:kms/key:Key").plain["deletionWindowInDays"] == 7
    instance = free.one(INSTANCE).plain
    assert "finalSnapshotIdentifier" not in instance
    assert (
        instance["deletionProtection"],
        instance["skipFinalSnapshot"],
        instance["deleteAutomatedBackups"],
    ) == (False, True, True)


def test_the_instance_waits_for_its_log_groups_and_its_monitoring_policy(
    recorded: Record, instance_args: PostgresInstanceArgs
) -> None:
    recording = recorded(lambda: PostgresInstance("application", instance_args))
    waits_for = {recording.by_urn(urn).name for urn in recording.one(INSTANCE).dependencies}
    assert {"application-postgresql", "application-upgrade", "application-monitoring"} <= waits_for
    policy = recording.one("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert policy.urn in recording.one(INSTANCE).dependencies
    assert policy.plain["policyArn"].endswith(
        ":policy/service-role/AmazonRDSEnhancedMonitoringRole"
    )


def test_the_parameters(recorded: Record, instance_args: PostgresInstanceArgs) -> None:
    recording = recorded(lambda: PostgresInstance("application", instance_args))
    group = recording.one("aws:rds/parameterGroup:ParameterGroup").plain
    assert group["family"] == "postgres16"
    parameters = {one["name"]: (one["value"], one["applyMethod"]) for one in group["parameters"]}
    assert len(parameters) == len(group["parameters"])
    assert parameters == {
        "rds.force_ssl": ("1", "immediate"),
        "ssl_min_protocol_version": ("TLSv1.2", "immediate"),
        "password_encryption": ("scram-sha-256", "immediate"),
        "rds.accepted_password_auth_method": ("scram", "immediate"),
        "rds.restrict_password_commands": ("1", "pending-reboot"),
        "log_connections": ("1", "immediate"),
        "log_disconnections": ("1", "immediate"),
        "log_statement": ("ddl", "immediate"),
        "log_lock_waits": ("1", "immediate"),
        "shared_preload_libraries": ("pg_stat_statements,pgaudit", "pending-reboot"),
        "pgaudit.log": ("role,ddl", "immediate"),
        "idle_in_transaction_session_timeout": ("300000", "immediate"),
        "idle_session_timeout": ("3600000", "immediate"),
        "lock_timeout": ("60000", "immediate"),
        "client_connection_check_interval": ("10000", "immediate"),
        "max_connections": ("700", "pending-reboot"),
    }


def test_a_major_version_has_a_parameter_group_of_its_own(
    recorded: Record, instance_args: PostgresInstanceArgs
) -> None:
    args = replace(instance_args, engine_version="18.1")
    recording = recorded(lambda: PostgresInstance("application", args))
    group = recording.one("aws:rds/parameterGroup:ParameterGroup").plain
    assert (group["family"], group["name"]) == ("postgres18", f"{NAME}-postgres18")


def test_only_the_clients_get_in_and_nothing_gets_out(
    recorded: Record, instance_args: PostgresInstanceArgs
) -> None:
    recording = recorded(lambda: PostgresInstance("application", instance_args))
    group = recording.one("aws:ec2/securityGroup:SecurityGroup").plain
    assert not group.keys() & {"ingress", "egress"}
    (rule,) = recording.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert rule.plain == {
        "securityGroupId": "application-id",
        "referencedSecurityGroupId": "sg-cluster",
        "ipProtocol": "tcp",
        "fromPort": 5433,
        "toPort": 5433,
        "description": "PostgreSQL from cluster",
    }


def test_the_key_rotates_and_serves_the_logs_of_this_instance_alone(
    recorded: Record, instance_args: PostgresInstanceArgs
) -> None:
    recording = recorded(lambda: PostgresInstance("application", instance_args))
    key = recording.one("aws:kms/key:Key").plain
    assert key["enableKeyRotation"] is True
    assert recording.one("aws:kms/alias:Alias").plain["name"] == f"alias/{NAME}"
    account, logs = json.loads(key["policy"])["Statement"]
    assert account["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    served = logs["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
    assert [arn.partition(":log-group:")[2] for arn in served] == [
        f"/aws/rds/instance/{NAME}/*",
        f"/aws/lambda/{NAME}-*",
        f"/aws/rds/proxy/{NAME}-*",
    ]
    for log in recording.of_type("aws:cloudwatch/logGroup:LogGroup"):
        assert log.plain["kmsKeyId"] == KEY_ARN
        assert log.plain["retentionInDays"] == 400


def test_events_and_alarms_go_to_the_topic(
    recorded: Record, instance_args: PostgresInstanceArgs
) -> None:
    recording = recorded(lambda: PostgresInstance("application", instance_args))
    topic = instance_args.alarm_topic_arn
    events = {
        one.plain["sourceType"]: one.plain
        for one in recording.of_type("aws:rds/eventSubscription:EventSubscription")
    }
    assert {one["snsTopic"] for one in events.values()} == {topic}
    assert events["db-instance"]["sourceIds"] == [NAME]
    assert {"maintenance", "configuration change", "failure"} <= {
        *events["db-instance"]["eventCategories"]
    }
    assert events["db-parameter-group"]["sourceIds"] == [f"{NAME}-postgres16"]
    assert events["db-parameter-group"]["eventCategories"] == ["configuration change"]
    for alarm in recording.of_type("aws:cloudwatch/metricAlarm:MetricAlarm"):
        assert alarm.plain["alarmActions"] == alarm.plain["okActions"] == [topic]
        assert alarm.plain["dimensions"] == {"DBInstanceIdentifier": NAME}


def test_thresholds_follow_the_size(recorded: Record, instance_args: PostgresInstanceArgs) -> None:
    recording = recorded(lambda: PostgresInstance("application", instance_args))
    alarms = {
        one.plain["metricName"]: (one.plain["comparisonOperator"], one.plain["threshold"])
        for one in recording.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
    }
    at_least, below = "GreaterThanOrEqualToThreshold", "LessThanThreshold"
    assert alarms == {
        "DatabaseConnections": (at_least, 560),
        "CPUUtilization": (at_least, 90),
        "FreeableMemory": (below, 429_496_729),
        "FreeStorageSpace": (below, 10 * 1024**3),
        "MaximumUsedTransactionIDs": (at_least, 1_000_000_000),
    }


def test_what_it_tells(recorded: Record, instance_args: PostgresInstanceArgs) -> None:
    recording = recorded(lambda: PostgresInstance("application", instance_args))
    assert recording.one(COMPONENT).registered_outputs == {
        "endpoint": {
            "address": f"{NAME}.rds.amazonaws.com",
            "port": 5433,
            "resource_id": f"db-APPLICATION{'A' * 15}",
            "security_group_id": "application-id",
        },
        "identifier": NAME,
        "master_secret_arn": "arn:aws:secretsmanager:application",
        "key_arn": KEY_ARN,
        "log_group_name": f"/aws/rds/instance/{NAME}/postgresql",
    }


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"subnet_ids": ("subnet-a",)}, r"subnet_ids is \['subnet-a'\]; RDS needs subnets in two"),
        ({"engine_version": "15.9"}, r"engine_version is '15.9'; 16 or later is allowed"),
        ({"port": 5432}, r"port is 5432, which every scanner tries first; choose another"),
        ({"max_connections": 9}, r"max_connections is 9; at least 10 are needed"),
        (
            {"max_allocated_storage_gib": 109},
            r"max_allocated_storage_gib is 109; RDS wants a tenth",
        ),
    ],
)
def test_refused_at_once(
    instance_args: PostgresInstanceArgs, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        replace(instance_args, **changes)
