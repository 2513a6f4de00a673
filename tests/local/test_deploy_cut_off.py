"""A run that is killed or interrupted, and how the next one finds and finishes what it began."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import boto3
import pytest

from local.deploy import state
from local.deploy.testing import PROJECT, STACK, SmallProject

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["tests.local.deploy_fixtures"]

# Runs `up` in a process of its own and kills it at a moment; argv: folder, moment.
CUT_OFF = """
import os, sys
from pathlib import Path
import boto3
from local.deploy.testing import SmallProject

project, moment = SmallProject(Path(sys.argv[1])), sys.argv[2]


def die(**_):
    os.kill(os.getpid(), 9)


if moment.isdigit():
    def note(event):
        if event.seconds is not None and event.number == int(moment):
            die()
    project._note = note
else:
    make = boto3.Session.client
    def client(*args, **more):
        made = make(*args, **more)
        made.meta.events.register(f"after-call.*.{moment}", die)
        return made
    boto3.Session.client = client
project.up()
"""

CHAIN = """
    key = aws.kms.Key("key", description="cut off", opts=here)
    alias = aws.kms.Alias("alias", name="alias/cut-off", target_key_id=key.key_id, opts=here)
    group = aws.cloudwatch.LogGroup("group", name="cut-off", kms_key_id=key.arn, opts=here)
    first = role("cut-off", description=group.arn)
    inline = aws.iam.RolePolicy("inline", name="p", role=first.name, policy=policy, opts=here)
    security = aws.ec2.SecurityGroup(
        "security", name="cut-off", description="d", vpc_id=VPC, opts=here)
    rule = aws.vpc.SecurityGroupIngressRule(
        "rule", security_group_id=security.id, ip_protocol="tcp", from_port=1, to_port=1,
        cidr_ipv4="10.0.0.0/8", description="d", opts=here)
    secret = aws.secretsmanager.Secret(
        "secret", name="cut-off", recovery_window_in_days=0, opts=options(depends_on=[rule]))
"""


@pytest.fixture
def project(small_project: SmallProject) -> Iterator[SmallProject]:
    yield small_project
    assert small_project.destroy().ok


def _chain(project: SmallProject) -> None:
    vpc = boto3.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    project.program(f'\nVPC = "{vpc}"\n' + "\n".join(line[4:] for line in CHAIN.split("\n")))


def _cut_off(project: SmallProject, moment: str) -> None:
    process = subprocess.run(
        [sys.executable, "-c", CUT_OFF, str(project.root), moment],
        check=False,
        capture_output=True,
        text=True,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr


def _there_once() -> None:
    """There is exactly one of each thing of CHAIN."""
    kms, ec2, logs = boto3.client("kms"), boto3.client("ec2"), boto3.client("logs")
    keys = [kms.describe_key(KeyId=key["KeyId"]) for key in kms.list_keys()["Keys"]]
    ours = [key["KeyMetadata"] for key in keys if key["KeyMetadata"]["Enabled"]]
    assert [key["Description"] for key in ours].count("cut off") == 1
    groups = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["cut-off"]}])[
        "SecurityGroups"
    ]
    assert [len(group["IpPermissions"]) for group in groups] == [1]
    assert groups[0]["IpPermissionsEgress"] == []
    assert len(logs.describe_log_groups(logGroupNamePrefix="cut-off")["logGroups"]) == 1
    assert boto3.client("iam").list_role_policies(RoleName="cut-off")["PolicyNames"] == ["p"]


@pytest.mark.parametrize("moment", ["2", "6"])
def test_killed_after_some_operations_the_next_run_does_the_rest(
    project: SmallProject, moment: str
) -> None:
    _chain(project)
    _cut_off(project, moment)
    result = project.up()
    assert result.ok, result.messages
    assert result.unchanged >= int(moment)
    _there_once()
    assert project.up().unchanged == 9


@pytest.mark.parametrize(
    "operation",
    [
        "CreateKey",
        "CreateAlias",
        "CreateLogGroup",
        "CreateSecurityGroup",
        "AuthorizeSecurityGroupIngress",
        "CreateSecret",
    ],
)
def test_killed_right_after_a_call_the_next_run_finds_what_it_made(
    project: SmallProject, operation: str
) -> None:
    _chain(project)
    _cut_off(project, operation)
    assert any(one.creating for one in _remembered(project).values())
    result = project.up()
    assert result.ok, result.messages
    _there_once()
    assert not any(one.creating for one in _remembered(project).values())


def test_what_a_killed_run_left_goes_when_it_is_no_longer_declared(
    project: SmallProject,
) -> None:
    project.program('role("left", description="x")\nrole("kept")')
    _cut_off(project, "CreateRole")
    project.program("")
    assert project.up().ok
    names = [role["RoleName"] for role in boto3.client("iam").list_roles()["Roles"]]
    assert "left" not in names
    assert "kept" not in names


def test_an_interruption_ends_what_is_under_way_and_the_next_run_goes_on(
    project: SmallProject,
) -> None:
    project.program(
        "last = None\n"
        "for number in range(40):\n"
        '    last = role(f"r{number}", opts=options(depends_on=[last] if last else []))\n'
    )
    script = """
import sys
from pathlib import Path
from local.deploy.testing import SmallProject
project = SmallProject(Path(sys.argv[1]))
def note(event):
    if event.seconds is not None:
        print(event.number, flush=True)
project._note = note
result = project.up()
print(project.notices, result.interrupted, result.messages)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(project.root)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    for _ in range(5):
        process.stdout.readline()
    os.kill(process.pid, signal.SIGTERM)
    told = process.stdout.read().splitlines()[-1]
    assert process.wait() == 0
    assert "['stopping: what is under way is finished first, and remembered'] True" in told
    assert "run the same command again to go on" in told
    remembered = _remembered(project)
    assert 5 <= len(remembered) < 40
    assert not any(one.creating for one in remembered.values())
    result = project.up()
    assert result.ok
    assert result.unchanged == len(remembered)


def _remembered(project: SmallProject) -> dict[str, state.Resource]:
    return state.load(project.state_file, PROJECT, STACK).resources
