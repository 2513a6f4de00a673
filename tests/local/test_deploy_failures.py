"""A run that fails or is refused: what goes on, what is said, and what is left alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import pytest

from local.deploy import state
from local.deploy.errors import DeployError
from local.deploy.testing import PROJECT, STACK, SmallProject

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["tests.local.deploy_fixtures"]


@pytest.fixture
def project(small_project: SmallProject) -> Iterator[SmallProject]:
    yield small_project
    assert small_project.destroy().ok


def test_after_a_failure_what_does_not_need_it_goes_on_and_nothing_is_deleted(
    project: SmallProject,
) -> None:
    project.program('role("gone")')
    project.up()
    project.done()
    project.program("""
        beside = role("beside")
        bad = aws.iam.RolePolicy("bad", name="p", role=beside.name, policy="{", opts=here)
        child = role("child", description=bad.id)
        role("grandchild", opts=options(depends_on=[child]))
        pulumi.export("id", bad.id)
    """)
    result = project.up()
    assert not result.ok
    assert project.done() == [("+", "beside")]
    first, last = result.messages
    assert first == (
        "aws:iam/rolePolicy:RolePolicy bad: PutRolePolicy: Syntax errors in policy. "
        "(MalformedPolicyDocument); not tried, as they need it: "
        "aws:iam/role:Role child, aws:iam/role:Role grandchild"
    )
    assert last.startswith("nothing was deleted; what was done is remembered: mend the cause")
    assert boto3.client("iam").get_role(RoleName="gone")
    project.program('role("beside")\nrole("child")')
    assert project.up().ok
    assert project.done() == [("+", "child"), ("-", "gone")]


def test_a_program_that_stops_half_way_deletes_nothing(project: SmallProject) -> None:
    project.program('role("one")')
    project.up()
    project.done()
    project.program("""
        two = role("two")
        two.arn.apply(lambda arn: 1 / (0 if pulumi.runtime.is_dry_run() is False else 1))
    """)
    result = project.up()
    first, last = result.messages
    assert first == (
        "the program failed: ZeroDivisionError: division by zero (__main__.py, line 28)"
    )
    assert last.startswith("nothing was deleted; what was done is remembered")
    assert project.done() == [("+", "two")]
    assert boto3.client("iam").get_role(RoleName="one")


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        ('role("x")\n1 / 0', r"ZeroDivisionError: division by zero \(__main__\.py, line 2"),
        (
            'role("x")\naws.kinesis.Stream("b", opts=here)',
            r"kinesis.* cannot be carried out by this engine: use ENGINE=pulumi, or add a driver",
        ),
        (
            'role("x")\naws.rds.ProxyDefaultTargetGroup("b", db_proxy_name="p", opts=here)',
            "it belongs to an RDS Proxy",
        ),
        (
            'role("x", managed_policy_arns=[])',
            "input managedPolicyArns is not known to the driver of aws:iam/role:Role",
        ),
        ('role("x", opts=options(import_="x"))', "option import_ is not supported by this eng"),
        (
            'role("x", opts=options(ignore_changes=["tags.a"]))',
            r"option ignore_changes of tags\.a is not supported",
        ),
    ],
    ids=["fault", "no-driver", "no-substitute", "unknown-input", "import", "nested-ignore"],
)
def test_what_would_be_refused_is_found_before_anything_is_done(
    project: SmallProject, program: str, sentence: str
) -> None:
    project.program(program)
    with pytest.raises(DeployError, match=sentence):
        project.up()
    assert project.events == []
    assert json.loads(project.state_file.read_text())["resources"] == []


def test_what_is_not_ours_is_not_taken_over(project: SmallProject) -> None:
    iam = boto3.client("iam")
    iam.create_role(RoleName="foreign", AssumeRolePolicyDocument=_trust())
    project.program('role("foreign")')
    for _ in range(2):
        result = project.up()
        assert "Role with name foreign already exists. (EntityAlr" in result.messages[0]
    project.program("")
    assert project.up().ok
    iam.delete_role(RoleName="foreign")


def test_two_resources_that_are_one_thing_are_told_apart(project: SmallProject) -> None:
    project.program("""
        one = role("one")
        first = aws.iam.RolePolicy("first", name="p", role=one.name, policy=policy, opts=here)
        aws.iam.RolePolicy("second", name="p", role=one.name, policy=policy,
            opts=options(depends_on=[first]))
    """)
    result = project.up()
    assert result.messages[0] == (
        "aws:iam/rolePolicy:RolePolicy second: one:p is aws:iam/rolePolicy:RolePolicy first "
        "already: name one differently"
    )
    assert "second" not in project.state_file.read_text()


def test_while_one_run_is_under_way_another_is_told(project: SmallProject) -> None:
    project.program('role("one")')
    with (
        state.opened(project.state_file, PROJECT, STACK, "up"),
        pytest.raises(DeployError, match=r"^`up` of process \d+, since .* is using"),
    ):
        project.up()


def _trust() -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "rds.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
