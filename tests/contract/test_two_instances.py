"""Metadata and application data: two instances that share nothing, in each stack."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.deploy.record import Recording
    from local.deploy.registration import Registration

SIDES = ("metadata", "application")
THEIRS = {"DatabaseLogin", "EnvironmentSchema", "Workflow"}
# What a blast would travel along.
APART = (
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:iam/role:Role",
    "aws:kms/alias:Alias",
    "aws:kms/key:Key",
    "aws:lambda/function:Function",
    "aws:rds/eventSubscription:EventSubscription",
    "aws:rds/instance:Instance",
    "aws:rds/parameterGroup:ParameterGroup",
    "aws:rds/subnetGroup:SubnetGroup",
    "pulumi:providers:postgresql",
)


@pytest.fixture(params=["local", "dev", "prod"])
def recording(
    request: pytest.FixtureRequest, recorded_stack: Callable[[str], Recording]
) -> Recording:
    return recorded_stack(request.param)


def descendants(recording: Recording, one: Registration) -> list[Registration]:
    """Everything under a component."""
    children = recording.children(one)
    return [*children, *(each for child in children for each in descendants(recording, child))]


def side(recording: Recording, name: str) -> list[Registration]:
    """An instance, its provisioner and, of the application, its proxy, with all their parts."""
    heads = [
        one
        for one in recording
        if not one.custom
        and one.name in {name, f"{name}-provisioner", f"{name}-proxy"}
        and one.type.rpartition(":")[2] in {"PostgresInstance", "Provisioner", "ConnectionProxy"}
    ]
    return [each for head in heads for each in (head, *descendants(recording, head))]


def test_each_has_its_own_of_everything(recording: Recording) -> None:
    for type_ in APART:
        metadata, application = (
            {one.urn for one in side(recording, name) if one.type == type_} for name in SIDES
        )
        assert metadata, type_
        assert application, type_
        assert not metadata & application


def test_neither_depends_on_the_other(recording: Recording) -> None:
    urns = {name: {one.urn for one in side(recording, name)} for name in SIDES}
    for name, other in (SIDES, SIDES[::-1]):
        for one in side(recording, name):
            assert not urns[other] & {*one.dependencies, one.provider_urn}, one.name


def test_no_input_of_one_names_a_thing_of_the_other(recording: Recording) -> None:
    names = {
        name: recording.one("aws:rds/instance:Instance", name).plain["identifier"] for name in SIDES
    }
    for name, other in (SIDES, SIDES[::-1]):
        resource_id = f"db-{other.upper()}"
        for one in side(recording, name):
            text = json.dumps(one.plain)
            assert names[other] not in text, one.name
            assert resource_id not in text, one.name


def test_nothing_that_workflows_have_touches_the_metadata(recording: Recording) -> None:
    metadata = {one.urn for one in side(recording, "metadata")}
    top = {one.urn for one in recording}
    theirs = [
        each
        for head in recording
        if head.parent not in top and head.type.rpartition(":")[2] in THEIRS
        for each in (head, *descendants(recording, head))
    ]
    assert len(theirs) > len(metadata)
    for one in theirs:
        assert not metadata & {*one.dependencies, one.provider_urn}, one.name
        assert "METADATA" not in json.dumps(one.plain), one.name


def test_pods_of_tasks_are_told_nothing_of_the_metadata(recording: Recording) -> None:
    templates = [
        one
        for one in recording.of_type("kubernetes:core/v1:ConfigMap")
        if one.plain["metadata"]["name"] == "airflow-pod-template"
    ]
    assert len(templates) == len(recording.exports["airflow"])
    host = recording.exports["metadata"]["address"]
    for template in templates:
        (text,) = template.plain["data"].values()
        environment = template.plain["metadata"]["namespace"].removeprefix("airflow-")
        assert "S3" in text or "s3://" in text
        for told in (host, "DATABASE__", f"airflow_{environment}", "_KEY", "_SECRET_CMD"):
            assert told not in text, told


def test_no_role_may_log_in_to_both(recording: Recording) -> None:
    servers: dict[str, set[str]] = {}
    for policy in recording.of_type("aws:iam/rolePolicy:RolePolicy"):
        for statement in json.loads(policy.plain["policy"])["Statement"]:
            if statement["Action"] == "rds-db:connect":
                found = {
                    arn.partition(":dbuser:")[2].split("/")[0] for arn in statement["Resource"]
                }
                servers.setdefault(policy.plain["role"], set()).update(found)
    assert servers
    assert all(len(found) == 1 for found in servers.values())
