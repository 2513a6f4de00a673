"""Each setting reaches the resources that it is about, in each stack."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from components import naming
from stacks import platform
from stacks.budget import connection_budget
from stacks.settings import load_stack_file

if TYPE_CHECKING:
    from tests.conftest import Record
    from tests.contract.conftest import Stack

ROOT = Path(__file__).resolve().parents[2]
INSTANCES = ("metadata", "application")
PG_ROLE = "postgresql:index/role:Role"
GRANT_ROLE = "postgresql:index/grantRole:GrantRole"
SCHEMA = "postgresql:index/schema:Schema"
IAM_ROLE = "aws:iam/role:Role"


def test_the_sizes_of_the_instances(stack: Stack) -> None:
    for name in INSTANCES:
        size = getattr(stack.settings, name)
        instance = stack.plain("aws:rds/instance:Instance", name)
        assert {
            "instanceClass": size.instance_class,
            "engineVersion": size.engine_version,
            "allocatedStorage": size.allocated_storage_gib,
            "maxAllocatedStorage": size.max_allocated_storage_gib,
            "multiAz": size.multi_az,
            "port": size.port,
            "backupRetentionPeriod": size.backup_retention_days,
            "backupWindow": size.backup_window,
            "maintenanceWindow": size.maintenance_window,
            "monitoringInterval": size.monitoring_interval_seconds,
            "performanceInsightsEnabled": size.performance_insights,
            "deletionProtection": size.protected,
        }.items() <= instance.items()
        subnets = stack.plain("aws:rds/subnetGroup:SubnetGroup", f"{name}-subnets")
        assert tuple(subnets["subnetIds"]) == stack.settings.database_subnets


def test_who_administers_and_with_what(stack: Stack) -> None:
    settings = stack.settings
    budget = connection_budget(settings)
    for name in INSTANCES:
        provisioner = f"{name}-provisioner"
        for purpose, principals in (
            ("deploy", settings.deployers),
            ("break-glass", settings.break_glass),
        ):
            role = stack.plain(IAM_ROLE, f"{provisioner}-{purpose}")
            (trust,) = json.loads(role["assumeRolePolicy"])["Statement"]
            assert trust["Principal"]["AWS"] == sorted(principals)
        function = stack.plain("aws:lambda/function:Function", f"{provisioner}-function")
        assert function["code"]["path"] == f"build/{stack.name}/bootstrap_postgres.zip"
        bootstrap = stack.plain("aws:lambda/invocation:Invocation", f"{provisioner}-bootstrap")
        limit = getattr(budget, name).provisioner_connections
        assert json.loads(bootstrap["input"])["connectionLimit"] == limit
    for provider in stack.recording.of_type("pulumi:providers:postgresql"):
        assert provider.plain["sslrootcert"] == settings.ca_bundle
        assert provider.plain["maxConnections"] == str(budget.provider_connections)


def test_what_is_watched_and_who_hears_of_it(stack: Stack) -> None:
    for alarm in stack.recording.of_type("aws:cloudwatch/metricAlarm:MetricAlarm"):
        assert alarm.plain["alarmActions"] == [stack.settings.alarm_topic]
    for group in stack.recording.of_type("aws:cloudwatch/logGroup:LogGroup"):
        assert group.plain["retentionInDays"] == stack.settings.log_retention_days
    filters = stack.recording.of_type("aws:cloudwatch/logMetricFilter:LogMetricFilter")
    assert {one.plain["logGroupName"] for one in filters} == {
        *(f"/aws/rds/instance/airflow-{stack.name}-{name}/postgresql" for name in INSTANCES),
        *(
            f"/aws/lambda/airflow-{environment}-rotate-{each.name}"
            for environment in stack.settings.environments
            for each in stack.settings.people
            if each.interval_days
        ),
    }


def test_workflows(stack: Stack) -> None:
    for environment, workflow in stack.tenants():
        own = naming.group_roles(environment, workflow.name)
        login = stack.plain(PG_ROLE, f"{environment}-{workflow.name}-login")
        assert login["connectionLimit"] == workflow.connection_limit
        assert (own.writer in login["roles"]) is workflow.writes
        others = {one.name: one for one in stack.settings.workflows}
        assert login["searchPaths"] == [
            naming.schema_name(environment, one.name, one.schema_version)
            for one in (workflow, *(others[name] for name in workflow.reads))
        ]
        granted = {
            one.plain["grantRole"]
            for one in stack.recording.of_type(GRANT_ROLE)
            if one.plain["role"] == own.writer
        }
        readers = {naming.group_roles(environment, name).reader for name in workflow.reads}
        assert readers <= (granted if workflow.writes else set(login["roles"]))
        for version in workflow.versions:
            schema = stack.recording.one(SCHEMA, f"{environment}-{workflow.name}-v{version}")
            assert schema.options.retain_on_delete is not workflow.drop


def test_people_and_agents(stack: Stack) -> None:
    settings = stack.settings
    for kind, readers, seconds in (
        ("person", settings.people, 3600),
        ("agent", settings.agents, 300),
    ):
        for environment in settings.environments:
            for reader in readers:
                rotated = reader.interval_days is not None
                for turn in ("a", "b") if rotated else ("login",):
                    login = stack.plain(PG_ROLE, f"{environment}-{reader.name}-{turn}")
                    assert login["connectionLimit"] == reader.connection_limit
                    assert login["statementTimeout"] == seconds * 1000
                    assert login["roles"] == [
                        *([] if rotated else ["rds_iam"]),
                        *(naming.group_roles(environment, read).reader for read in reader.reads),
                    ]
                role = stack.plain(IAM_ROLE, f"{environment}-{reader.name}-login")
                assert role["name"] == f"airflow-{environment}-{kind}-{reader.name}"
                (trust,) = json.loads(role["assumeRolePolicy"])["Statement"]
                assert trust["Principal"] == {"AWS": [reader.principal]}
                moment = trust["Condition"]["DateLessThan"]["aws:CurrentTime"]
                assert moment == f"{reader.ends_at:%Y-%m-%dT%H:%M:%SZ}"


def test_a_workflow_that_only_reads_and_one_that_is_to_be_dropped(recorded: Record) -> None:
    settings = load_stack_file(ROOT, "local", today=date(2026, 11, 22))
    billing, *others = settings.workflows
    changed = billing.model_copy(update={"writes": False, "drop": True})
    settings = settings.model_copy(update={"workflows": (changed, *others)})
    recording = recorded(lambda: platform.declare(settings, stack="local"), stack="local")

    login = recording.one(PG_ROLE, "local-billing-login").plain
    assert login["roles"] == ["rds_iam", "local_billing_reader", "local_reference_reader"]
    schemas = {
        one.name: one.options.retain_on_delete
        for one in recording.of_type(SCHEMA)
        if one.plain["database"] == naming.APPLICATION_DATABASE
    }
    assert schemas == {
        "local-billing-v1": False,
        "local-marketing-v1": True,
        "local-reference-v1": True,
    }
