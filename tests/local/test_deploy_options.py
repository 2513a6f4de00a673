"""Options of resources are honoured: what is protected, kept, ignored, renamed, forced."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.deploy import wire
from local.deploy.changes import Kind
from local.deploy.errors import DeployError
from local.deploy.testing import HEAD, SmallProject

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


def test_what_is_retained_is_left_in_place(project: SmallProject) -> None:
    project.program('role("one", opts=options(retain_on_delete=True))')
    project.up()
    project.done()
    project.program("")
    result = project.up()
    assert project.done() == [("○", "one")]
    assert result.counts[Kind.FORGET] == 1
    assert _role("one")
    boto3.client("iam").delete_role(RoleName="one")


def test_what_is_protected_is_neither_deleted_nor_replaced(project: SmallProject) -> None:
    project.program('role("one", opts=options(protect=True))')
    project.up()
    project.done()
    for text in ("", 'role("one", path="/apps/", opts=options(protect=True))'):
        project.program(text)
        with pytest.raises(DeployError, match=r"^nothing was changed: .*Role one.* is protected"):
            project.up()
    with pytest.raises(DeployError, match=r"^nothing was deleted: aws:iam/role:Role one is prot"):
        project.destroy()
    assert _role("one")
    project.program('role("one")')
    assert project.up().ok
    assert project.done() == []
    project.program("")
    assert project.up().ok
    assert _role("one") is None


def test_changes_that_are_ignored_are_not_made(project: SmallProject) -> None:
    text = 'role("one", description="{}", opts=options(ignore_changes=["description"]))'
    project.program(text.format("first"))
    project.up()
    project.program(text.format("second"))
    project.done()
    assert project.up().ok
    assert project.done() == []
    assert _role("one")["Description"] == "first"  # type: ignore[index]  # it is there


def test_what_is_deleted_with_something_else_is_not_deleted_itself(project: SmallProject) -> None:
    """The role stays here, so that one can see that nobody touched its policy."""
    project.program("""
        one = role("one", opts=options(retain_on_delete=True))
        aws.iam.RolePolicy(
            "policy", name="p", role=one.name, policy=policy, opts=options(deleted_with=one))
    """)
    project.up()
    project.done()
    project.program("")
    assert project.up().ok
    assert project.done() == [("-", "policy"), ("○", "one")]
    iam = boto3.client("iam")
    assert iam.list_role_policies(RoleName="one")["PolicyNames"] == ["p"]
    iam.delete_role_policy(RoleName="one", PolicyName="p")
    iam.delete_role(RoleName="one")


def test_options_force_a_replacement_and_mark_secrets(project: SmallProject) -> None:
    more = 'replace_on_changes=["description"], additional_secret_outputs=["uniqueId"]'
    text = f'one = role("one", description="VALUE", opts=options({more}))\n'
    text += 'pulumi.export("id", one.unique_id)\n'
    project.program(text.replace("VALUE", "first"))
    first = project.up().exports["id"]
    assert wire.is_secret(first)
    assert wire.plain(first) not in json.dumps(wire.shown(json.loads(_text(project))))
    project.done()
    project.program(text.replace("VALUE", "second"))
    assert project.up().exports["id"] != first
    assert project.done() == [("±", "one")]


def test_a_rename_deletes_and_creates_and_an_alias_keeps(project: SmallProject) -> None:
    project.program('role("one")')
    project.up()
    project.done()
    project.program('role("two")')
    assert project.up().ok
    assert project.done() == [("+", "two"), ("-", "one")]
    project.program("""
        former = [pulumi.Alias(name="two")]
        aws.iam.Role("three", name="two", assume_role_policy=trust, opts=options(aliases=former))
    """)
    assert project.up().ok
    assert project.done() == []
    assert _role("two")
    assert project.up().unchanged == 2


def test_an_alias_of_a_component_goes_for_its_children(project: SmallProject) -> None:
    text = """
        class Team(ComponentResource):
            def __init__(self, name, aliases=None):
                super().__init__("small:index:Team", name, None, options(aliases=aliases))
                role_of = ResourceOptions(parent=self, provider=provider)
                aws.iam.Role(f"{{name}}-role", name="team", assume_role_policy=policy, opts=role_of)

        Team({})
    """
    project.program(text.format('"blue"'))
    project.up()
    project.done()
    project.program(text.format('"green", [pulumi.Alias(name="blue")]'))
    assert project.up().ok
    assert project.done() == []
    assert project.up().unchanged == 2


def test_a_child_is_renamed_with_its_name_alone(project: SmallProject) -> None:
    text = """
        class Team(ComponentResource):
            def __init__(self, name):
                super().__init__("small:index:Team", name, None, options())
                role("{0}", ResourceOptions(parent=self, provider=provider, aliases={1}))
                self.register_outputs({{}})

        Team("team")
    """
    project.program(text.format("lead", None))
    assert project.up().ok
    project.done()
    head = HEAD.replace("name=name,", 'name="lead",')
    project.program(text.format("head", '[pulumi.Alias(name="lead")]'), head=head)
    assert not project.preview().removals
    assert project.up().ok
    assert project.done() == []
    assert _role("lead")


def test_a_provider_is_renamed_and_what_it_made_stays(project: SmallProject) -> None:
    project.program('role("one")')
    project.up()
    project.done()
    renamed = 'aws.Provider("account", opts=ResourceOptions(aliases=[pulumi.Alias(name="aws")]), '
    project.program('role("one")', head=HEAD.replace('aws.Provider("aws", ', renamed))
    assert project.up().ok
    assert project.done() == []
    project.program(
        'role("one")', head=HEAD.replace('aws.Provider("aws", ', 'aws.Provider("account", ')
    )
    assert project.up().ok
    assert project.done() == []
