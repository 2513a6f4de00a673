"""Runs against the AWS API: what is created, changed, replaced, kept, left and deleted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.deploy import render, wire
from local.deploy.testing import ACCOUNT, SmallProject

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["tests.local.deploy_fixtures"]

CANARY = "canary-9f31"


@pytest.fixture
def project(small_project: SmallProject) -> Iterator[SmallProject]:
    yield small_project
    small_project.program("")
    small_project.up()


def _role(name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = boto3.client("iam").get_role(RoleName=name)["Role"]
    except ClientError:
        return None
    return found


def _text(project: SmallProject) -> str:
    return project.state_file.read_text()


def test_first_run_creates_and_second_does_nothing(project: SmallProject) -> None:
    project.program("""
        one = role("one", description="first")
        pulumi.export("arn", one.arn)
    """)
    result = project.up()
    assert result.ok
    assert project.done() == [("+", "aws"), ("+", "one")]
    assert result.exports == {"arn": f"arn:aws:iam::{ACCOUNT}:role/one"}
    again = project.up()
    assert again.ok
    assert project.done() == []
    assert (again.unchanged, again.exports) == (2, result.exports)
    assert render.counted(again.counts, again.unchanged) == "2 unchanged"


def test_a_change_is_made_in_place(project: SmallProject) -> None:
    project.program('role("one", description="first")')
    project.up()
    project.done()
    before = _role("one")
    project.program('role("one", description="second")')
    plan = project.preview()
    assert [line.strip() for line in render.tree(plan)][1:] == [
        "~ iam Role one",
        "description: first → second",
    ]
    assert render.summary(plan) == "1 to update, 1 unchanged"
    result = project.up()
    assert project.done() == [("~", "one")]
    assert result.events[0].keys == ("description",)
    after = _role("one")
    assert before
    assert after
    assert after["Description"] == "second"
    assert after["RoleId"] == before["RoleId"]


def test_a_change_that_cannot_be_made_in_place_replaces_what_hangs_on_it(
    project: SmallProject,
) -> None:
    """A role with a policy cannot be deleted: the policy goes first and comes again."""
    text = """
        one = role("one", path="{path}")
        aws.iam.RolePolicy("policy", name="p", role=one.name, policy=policy, opts=here)
        role("beside", description=one.arn)
    """
    project.program(text.format(path="/"))
    project.up()
    project.done()
    before = _role("one")
    project.program(text.format(path="/apps/"))
    signs = {step.registration.name: step.change.kind.sign for step in project.preview().steps}
    assert signs == {"aws": " ", "one": "±", "policy": "±", "beside": "~"}
    assert project.up().ok
    assert project.done() == [("~", "beside"), ("±", "one"), ("±", "policy")]
    after = _role("one")
    assert before
    assert after
    assert after["Path"] == "/apps/"
    assert after["RoleId"] != before["RoleId"]
    assert boto3.client("iam").list_role_policies(RoleName="one")["PolicyNames"] == ["p"]


def test_what_the_program_no_longer_has_is_deleted_after_what_needs_it(
    project: SmallProject,
) -> None:
    project.program("""
        one = role("one")
        aws.iam.RolePolicy("policy", name="p", role=one.name, policy=policy, opts=here)
        role("kept")
    """)
    project.up()
    project.done()
    project.program('role("kept")')
    assert [one.name for one, _ in project.preview().removals] == ["one", "policy"]
    assert project.up().ok
    assert [event.urn.split("::")[-1] for event in project.events] == ["policy", "one"]
    assert _role("one") is None
    assert _role("kept")


def test_default_tags_are_the_providers_and_change_with_it(project: SmallProject) -> None:
    text = """
        tags = {{"tags": {{"team": "{}"}}}}
        tagging = aws.Provider("tagging", region="eu-west-1", default_tags=tags)
        role("t", opts=ResourceOptions(provider=tagging), tags={{"own": "1"}})
    """
    for team in ("blue", "green"):
        project.program(text.format(team))
        assert project.up().ok
        tags = boto3.client("iam").list_role_tags(RoleName="t")["Tags"]
        assert {tag["Key"]: tag["Value"] for tag in tags} == {"team": team, "own": "1"}
    assert project.done() == [
        ("+", "aws"), ("+", "t"), ("+", "tagging"), ("~", "t"), ("~", "tagging"),
    ]  # fmt: skip


def test_a_secret_stays_marked_and_is_shown_to_nobody(project: SmallProject) -> None:
    project.program(f"""
        secret = aws.secretsmanager.Secret("s", name="s", recovery_window_in_days=0, opts=here)
        aws.secretsmanager.SecretVersion(
            "v", secret_id=secret.id, secret_string=pulumi.Output.secret("{CANARY}"), opts=here)
        pulumi.export("token", pulumi.Output.secret("{CANARY}"))
    """)
    plan = project.preview()
    shown = "\n".join(render.tree(plan, values=True)) + json.dumps(render.document(plan))
    assert "[secret]" in shown
    assert CANARY not in shown + repr(project.events)
    result = project.up()
    assert result.ok
    value = boto3.client("secretsmanager").get_secret_value(SecretId="s")["SecretString"]
    assert value == CANARY
    remembered = json.loads(_text(project))
    assert json.dumps(remembered).count(CANARY) == 3
    assert CANARY not in json.dumps(wire.shown(remembered))
    assert result.exports == {"token": wire.secret(CANARY)}


def test_the_wrong_account_is_not_touched(project: SmallProject) -> None:
    project.program("""
        other = aws.Provider("other", region="eu-west-1", allowed_account_ids=["999999999999"])
        role("x", opts=ResourceOptions(provider=other))
    """)
    result = project.up()
    assert result.messages[0].startswith(
        f"aws:iam/role:Role x: the credentials belong to account {ACCOUNT}, the program allows "
        "only 999999999999"
    )
    assert _role("x") is None


def test_destroy_leaves_nothing(project: SmallProject) -> None:
    project.program("""
        one = role("one")
        aws.iam.RolePolicy("policy", name="p", role=one.name, policy=policy, opts=here)
        pulumi.export("x", 1)
    """)
    project.up()
    project.done()
    result = project.destroy()
    assert result.ok
    assert project.done() == [("-", "aws"), ("-", "one"), ("-", "policy")]
    assert _role("one") is None
    document = json.loads(_text(project))
    assert (document["resources"], document["exports"]) == ([], {})
