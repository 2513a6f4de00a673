"""Every policy of every stack: who is believed, and that no right is wider than a thing by name."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.deploy.record import Recording

# Logs of tasks have names that begin with whose they are; `*` is the rest of such a name.
LOG_NAME = re.compile(r"arn:aws:s3:::airflow-[a-z]+-task-logs-\d{12}/[a-z]+/dag_id=[^/]+/\*")
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
            if statement["Sid"] in ON_EVERYTHING or LOG_NAME.fullmatch(resource):
                continue
            # A log stream has no name yet; everything before it has.
            assert "*" not in resource.removesuffix(":*"), name


def test_documents_are_as_short_as_iam_wants_them(recording: Recording) -> None:
    inline: Counter[str] = Counter()
    for policy in recording.of_type("aws:iam/rolePolicy:RolePolicy"):
        # PutRolePolicy: all of a role's together, white space not counted.
        inline[policy.plain["role"]] += len("".join(policy.plain["policy"].split()))
    assert max(inline.values()) <= 10_240
    for role in recording.of_type("aws:iam/role:Role"):
        # The quota "Role trust policy length", where nobody has asked for more.
        assert len(role.plain["assumeRolePolicy"]) <= 2_048, role.name


def test_logging_in_is_as_users_by_name(recording: Recording) -> None:
    for name, statement in statements(recording, "aws:iam/rolePolicy:RolePolicy", "policy"):
        if statement["Action"] != "rds-db:connect":
            continue
        users = [arn.rpartition("/")[2] for arn in statement["Resource"]]
        master = "dbmaster" in users
        assert master == (name.endswith(("break-glass", "log-in-as-master"))), name


def test_a_workflow_reads_its_own_connection_and_writes_its_own_logs(
    recording: Recording,
) -> None:
    exported = recording.exports["workflows"]
    for environment, workflows in exported.items():
        for name, workflow in workflows.items():
            allowed = {
                (action, resource)
                for policy in recording.of_type("aws:iam/rolePolicy:RolePolicy")
                if policy.plain["role"] == f"airflow-{environment}-workflow-{name}"
                for statement in json.loads(policy.plain["policy"])["Statement"]
                for action in listed(statement["Action"])
                for resource in listed(statement["Resource"])
                if not action.startswith(("kms:", "rds-db:"))
            }
            assert workflow["connectionSecret"] == f"airflow/{environment}/connections/{name}"
            secret = recording.one(
                "aws:secretsmanager/secret:Secret", f"{environment}-{name}-connection"
            )
            bucket = "arn:aws:s3:::" + recording.one("aws:s3/bucket:Bucket").plain["bucket"]
            assert allowed == {
                ("secretsmanager:GetSecretValue", f"arn:{secret.type}:{secret.name}"),
                ("s3:ListBucket", bucket),
                *(
                    (action, f"{bucket}/{environment}/dag_id={dag}/*")
                    for action in ("s3:GetObject", "s3:PutObject")
                    for dag in (name, f"{name}.*")
                ),
            }


def test_each_of_airflows_keys_is_read_by_who_needs_it(recording: Recording) -> None:
    readers: dict[str, set[str]] = {}
    for name, statement in statements(recording, "aws:iam/rolePolicy:RolePolicy", "policy"):
        for resource in listed(statement["Resource"]):
            key = re.fullmatch(r"arn:aws:secretsmanager/.*:airflow-keys-[a-z]+-([a-z]+)", resource)
            if key and "secretsmanager:GetSecretValue" in listed(statement["Action"]):
                readers.setdefault(key[1], set()).add(
                    re.sub(r"^[a-z]+-metadata-|-read-[a-z]+-key$", "", name)
                )
    # A rotation goes on from the value that is there.
    function = "airflow-keys-function-put-keys"
    assert readers == {
        "fernet": {"api-server", "scheduler", "dag-processor", "triggerer", function},
        "jwt": {"api-server", "scheduler", function},
        "api": {"api-server", function},
    }


def test_the_bucket_is_shut_to_who_comes_without_tls(recording: Recording) -> None:
    (statement,) = json.loads(recording.one("aws:s3/bucketPolicy:BucketPolicy").plain["policy"])[
        "Statement"
    ]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == (
        "Deny",
        "*",
        "s3:*",
    )
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


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
    # What decrypts a secret is of no use to who may not read it any more.
    found = [one for one in found if one["Sid"] != "DecryptSecret"]
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


def test_group_roles_never_log_in_and_logins_by_token_unless_they_are_rotated(
    recording: Recording,
) -> None:
    roles = recording.of_type("postgresql:index/role:Role")
    grants = recording.of_type("postgresql:index/grantRole:GrantRole")
    rotations = [one.plain for one in grants if one.plain.get("withAdminOption")]
    rotators = {one["role"] for one in rotations}
    pairs = {one["grantRole"] for one in rotations}
    held = {(one.plain["role"], one.plain["grantRole"]) for one in grants}
    held |= {(one.plain["name"], each) for one in roles for each in one.plain.get("roles", [])}
    for role in roles:
        name = role.plain["name"]
        by_token = role.plain["login"] and name not in pairs
        assert ((name, "rds_iam") in held) is by_token, role.name
        assert ((name, "rds_password") in held) is (name in rotators), role.name
        assert role.plain.get("createRole", False) is (name in rotators), role.name
        assert not role.plain.keys() & {
            "password",
            "passwordWo",
            "superuser",
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
