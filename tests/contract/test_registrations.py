"""What holds for every resource of every stack: parents, providers, tags, secrets."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from local.deploy import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.deploy.record import Recording

STACKS = ("local", "dev", "prod")

# Beside components, a stack has of its own: the account, the way to Kubernetes, and the key of
# what is no instance's.
AT_THE_TOP = {
    ("pulumi:providers:aws", "aws"),
    ("pulumi:providers:kubernetes", "kubernetes"),
    ("aws:kms/key:Key", "connections-key"),
    ("aws:kms/alias:Alias", "connections-key"),
}

NO_SECRETS = (
    "manageMasterUserPassword",
    "automountServiceAccountToken",
    "masterUserSecretKmsKeyId",
    "triggers.secret",
    "secretId",
    "secretString",
)
"""Inputs whose names sound like a secret and that are none. What connections consist of, which are
the only `secretString`s, is tested with `Workflow`."""


@pytest.fixture(params=STACKS)
def recording(
    request: pytest.FixtureRequest, recorded_stack: Callable[[str], Recording]
) -> Recording:
    return recorded_stack(request.param)


def test_everything_is_part_of_a_component(recording: Recording) -> None:
    parents = {one.urn: one for one in recording}
    for one in recording:
        parent = parents.get(one.parent)
        if parent is None:
            assert not one.custom or (one.type, one.name) in AT_THE_TOP
        else:
            assert not parent.custom
            assert one.name == parent.name or one.name.startswith(f"{parent.name}-")


def test_logical_names_do_not_change_with_the_stack(recording: Recording) -> None:
    stack = recording[0].urn.split(":")[2]
    environments = recording.exports["workflows"]
    for one in recording:
        first = one.name.split("-")[0]
        assert first != stack or stack in environments


def test_nothing_goes_to_a_provider_that_is_not_declared(recording: Recording) -> None:
    for one in recording:
        if one.custom and not one.is_provider:
            package = one.type.split(":")[0]
            assert recording.by_urn(one.provider_urn).type == f"pulumi:providers:{package}"
    (account,) = recording.of_type("pulumi:providers:aws")
    assert {call.provider for call in recording.calls} == {f"{account.urn}::{account.id}"}


def test_only_one_account_is_touched(
    recording: Recording, recorded_stack: Callable[[str], Recording]
) -> None:
    accounts = {
        stack: recorded_stack(stack).one("pulumi:providers:aws").plain["allowedAccountIds"]
        for stack in STACKS
    }
    assert len(set(accounts.values())) == len(STACKS)
    provider = recording.one("pulumi:providers:aws").plain
    assert provider["region"] == "eu-west-1"
    assert re.fullmatch(r'\["\d{12}"\]', provider["allowedAccountIds"])


def test_only_three_kinds_of_things_are_looked_up(recording: Recording) -> None:
    subnets = recording.one("aws:rds/subnetGroup:SubnetGroup", "metadata-subnets")
    assert Counter(call.token for call in recording.calls) == {
        "aws:eks/getCluster:getCluster": 1,
        "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider": 1,
        "aws:ec2/getSubnet:getSubnet": len(subnets.plain["subnetIds"]),
    }


def test_everything_in_aws_says_whose_it_is(recording: Recording) -> None:
    (account,) = recording.of_type("pulumi:providers:aws")
    stack = account.urn.split(":")[2]
    promised = {"project": "airflow-postgres", "stack": stack}
    # The provider puts them on whatever can be tagged, so nothing can be forgotten.
    assert json.loads(account.plain["defaultTags"]) == {"tags": promised}
    for one in recording:
        own = one.plain.get("tags") or {} if one.type.startswith("aws:") else {}
        assert not own.keys() & promised.keys(), one.name


def test_log_groups_are_encrypted_and_kept_for_a_time(recording: Recording) -> None:
    for group in recording.of_type("aws:cloudwatch/logGroup:LogGroup"):
        assert group.plain["kmsKeyId"].startswith("arn:aws:kms/key:Key:")
        assert group.plain["retentionInDays"] > 0


def test_no_password_is_anywhere(recording: Recording) -> None:
    for one in recording:
        for path, value in _leaves(one.plain):
            named = re.search("passw|secret|fernet|token", path.rpartition(".")[2], re.IGNORECASE)
            if named and not path.endswith(NO_SECRETS):
                # A command that reads a key from memory is the one form that a key may have.
                reads = path.endswith("_CMD") and str(value).startswith("cat /run/airflow/keys/")
                assert reads, f"{one.name} {path} = {value}"


def test_secrets_are_marked_where_there_are_any_and_never_exported(recording: Recording) -> None:
    marked = {
        (one.type, key)
        for one in recording
        for key, value in one.inputs.items()
        if wire.contains_secret(value)
    }
    # Not for what is in it, which is no secret: a value of Secrets Manager is always marked.
    assert marked == {("aws:secretsmanager/secretVersion:SecretVersion", "secretString")}
    assert not wire.contains_secret(recording.exports)
    assert not [one for one in recording if wire.contains_secret(one.registered_outputs or {})]


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, object]]:  # noqa: ANN401 - JSON
    """Each value inside `value`, with the keys that lead to it."""
    if isinstance(value, dict) and value.keys() == {"name", "value"}:
        yield f"{path}.{value['name']}", value["value"]  # a variable of a container
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, path)
    else:
        yield path, value
