"""Every policy of every stack: who is believed, and that no right is wider than a thing by name."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.deploy.record import Recording

# The only rights on everything: AWS names no resource for them.
ON_EVERYTHING = {"NetworkInterfaces", "NotFromTheCode"}


@pytest.fixture(params=["local", "dev", "prod"])
def recording(
    request: pytest.FixtureRequest, recorded_stack: Callable[[str], Recording]
) -> Recording:
    return recorded_stack(request.param)


def listed(value: str | list[str]) -> list[str]:
    """A policy has one text or a list of them."""
    return [value] if isinstance(value, str) else value


def statements(recording: Recording, type_: str, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Logical name and each statement of the documents of one type."""
    for one in recording.of_type(type_):
        for statement in json.loads(one.plain[key])["Statement"]:
            yield one.name, statement


def test_rights_are_on_things_by_name(recording: Recording) -> None:
    for name, statement in statements(recording, "aws:iam/rolePolicy:RolePolicy", "policy"):
        assert not [action for action in listed(statement["Action"]) if "*" in action], name
        for resource in listed(statement["Resource"]):
            if statement["Sid"] in ON_EVERYTHING:
                continue
            # A log stream has no name yet; everything before it has.
            assert "*" not in resource.removesuffix(":*"), name


def test_logging_in_is_as_users_by_name(recording: Recording) -> None:
    for name, statement in statements(recording, "aws:iam/rolePolicy:RolePolicy", "policy"):
        if statement["Action"] != "rds-db:connect":
            continue
        users = [arn.rpartition("/")[2] for arn in statement["Resource"]]
        master = "dbmaster" in users
        assert master == (name.endswith(("break-glass", "log-in-as-master"))), name


def test_one_service_account_is_believed_by_subject_and_audience(recording: Recording) -> None:
    subjects = []
    for _, statement in statements(recording, "aws:iam/role:Role", "assumeRolePolicy"):
        if "Federated" in statement["Principal"]:
            assert statement["Condition"].keys() == {"StringEquals"}
            claims = {
                key.rpartition(":")[2]: value
                for key, value in statement["Condition"]["StringEquals"].items()
            }
            assert claims.keys() == {"sub", "aud"}
            assert claims["aud"] == "sts.amazonaws.com"
            subjects.append(claims["sub"])
    assert subjects
    assert len(set(subjects)) == len(subjects)
    assert not [subject for subject in subjects if "*" in subject]


def test_nobody_is_believed_by_being_in_an_account(recording: Recording) -> None:
    for name, statement in statements(recording, "aws:iam/role:Role", "assumeRolePolicy"):
        for principal in listed(statement["Principal"].get("AWS", [])):
            assert ":role/" in principal or ":user/" in principal, name


def test_access_of_people_and_agents_ends_in_what_they_may_and_in_who_is_believed(
    recording: Recording,
) -> None:
    readers = re.compile(r"airflow-[a-z-]+-(person|agent)-")
    found = [
        statement
        for type_, key in (
            ("aws:iam/role:Role", "assumeRolePolicy"),
            ("aws:iam/rolePolicy:RolePolicy", "policy"),
        )
        for one in recording.of_type(type_)
        if readers.match(str(one.plain.get("role", one.plain["name"])))
        for statement in json.loads(one.plain[key])["Statement"]
    ]
    declared = sum(len(each) for each in recording.exports["readers"].values())
    assert len(found) == 2 * declared
    for statement in found:
        moment = statement["Condition"]["DateLessThan"]["aws:CurrentTime"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00Z", moment)


def test_keys_are_for_their_account_and_its_logs(recording: Recording) -> None:
    for name, statement in statements(recording, "aws:kms/key:Key", "policy"):
        principal = statement["Principal"]
        if statement["Sid"] == "Account":
            assert principal["AWS"].endswith(":root"), name
        else:
            assert principal == {"Service": "logs.eu-west-1.amazonaws.com"}, name
            assert statement["Condition"], name
    assert all(key.plain["enableKeyRotation"] for key in recording.of_type("aws:kms/key:Key"))


def test_the_network_lets_in_groups_and_no_addresses(recording: Recording) -> None:
    rules = recording.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert rules
    for rule in rules:
        assert not rule.plain.keys() & {"cidrIpv4", "cidrIpv6", "prefixListId"}, rule.name
        assert rule.plain["ipProtocol"] == "tcp", rule.name
        assert rule.plain["fromPort"] == rule.plain["toPort"], rule.name


def test_group_roles_never_log_in_and_logins_always_by_token(recording: Recording) -> None:
    roles = recording.of_type("postgresql:index/role:Role")
    for role in roles:
        assert ("rds_iam" in role.plain.get("roles", [])) is role.plain["login"], role.name
        assert not role.plain.keys() & {
            "password",
            "passwordWo",
            "superuser",
            "createRole",
            "createDatabase",
            "replication",
            "bypassRowLevelSecurity",
        }, role.name
        if role.plain["login"]:
            assert role.plain["connectionLimit"] >= 1, role.name


def test_nothing_is_granted_to_everyone(recording: Recording) -> None:
    for type_ in ("grant:Grant", "defaultPrivileges:DefaultPrivileges"):
        for grant in recording.of_type(f"postgresql:index/{type_}"):
            assert grant.plain["privileges"] or grant.plain["role"] == "public", grant.name
            assert not (grant.plain["privileges"] and grant.plain["role"] == "public"), grant.name
