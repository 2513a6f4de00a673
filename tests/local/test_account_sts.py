"""Roles are assumed by whom they trust, and by nobody else."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import rsa

from local.account.oidc import Issuer
from tests.local.account_fixtures import (
    ACCOUNT,
    REGION,
    USER,
    LocalAccount,
    allow,
    deny,
    document,
    unique,
)

pytest_plugins = ["tests.local.account_fixtures"]

ROOT = {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}


def test_a_trust_policy_that_names_the_user_is_enough(local_account: LocalAccount) -> None:
    role = local_account.role()
    credentials = local_account.assume(role)
    caller = local_account.client_of("sts", credentials).get_caller_identity()
    name = role.rpartition("/")[2]
    assert caller["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/test"
    with pytest.raises(
        ClientError, match=r"the trust policy of role .* does not let user break-gla"
    ):
        local_account.assume(role, "break-glass")


def test_being_administrator_is_not_being_trusted(local_account: LocalAccount) -> None:
    with pytest.raises(ClientError, match="does not let user deployer do sts:AssumeRole"):
        local_account.assume(local_account.role(), "deployer")


def test_trust_in_the_account_leaves_it_to_the_users_policies(local_account: LocalAccount) -> None:
    role = local_account.role(ROOT)
    assert local_account.assume(role, "deployer")
    with pytest.raises(ClientError, match="no statement of user analyst allows sts:AssumeRole on"):
        local_account.assume(role, "analyst")


def test_an_explicit_deny_beats_trust(local_account: LocalAccount) -> None:
    role, iam = local_account.role(), local_account.client("iam")
    policy = unique("deny")
    iam.put_user_policy(
        UserName="analyst", PolicyName=policy, PolicyDocument=document(deny("sts:AssumeRole", role))
    )
    with pytest.raises(ClientError, match=f"explicit deny in policy {policy} of user analyst"):
        local_account.assume(role)
    iam.delete_user_policy(UserName="analyst", PolicyName=policy)
    assert local_account.assume(role)


def test_the_conditions_of_a_trust_policy_count(local_account: LocalAccount) -> None:
    trust: dict[str, Any] = {
        "Principal": {"AWS": f"{USER}analyst"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"sts:ExternalId": "42"},
            "DateLessThan": {"aws:CurrentTime": "2999-01-01T00:00:00Z"},
        },
    }
    role = local_account.role(trust)
    assert local_account.assume(role, ExternalId="42")
    with pytest.raises(ClientError, match="AccessDenied"):
        local_account.assume(role)
    trust["Condition"]["DateLessThan"] = {"aws:CurrentTime": "2020-01-01T00:00:00Z"}
    with pytest.raises(ClientError, match="AccessDenied"):
        local_account.assume(local_account.role(trust), ExternalId="42")


def test_a_role_that_is_not_there_is_not_told_from_one_that_refuses(
    local_account: LocalAccount,
) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        local_account.assume(f"arn:aws:iam::{ACCOUNT}:role/{unique('nobody')}")


def test_a_session_lives_as_long_as_the_role_allows(local_account: LocalAccount) -> None:
    role = local_account.role()
    ends = local_account.assume(role, DurationSeconds=900)["Expiration"].timestamp()
    assert 890 < ends - time.time() <= 900
    with pytest.raises(ClientError, match="DurationSeconds 3601 has to be between 900 and 3600"):
        local_account.assume(role, DurationSeconds=3601)


def test_session_policies_limit_a_session_everywhere(local_account: LocalAccount) -> None:
    role = local_account.role(all=document(allow("iam:*")))
    less = document(allow("iam:ListRoles"))
    client = local_account.client_of("iam", local_account.assume(role, Policy=less))
    assert client.list_roles()["Roles"]
    with pytest.raises(ClientError, match="does not allow iam:ListUsers"):
        client.list_users()


def test_a_permissions_boundary_limits_a_role(local_account: LocalAccount) -> None:
    iam = local_account.client("iam")
    boundary = iam.create_policy(
        PolicyName=unique("boundary"), PolicyDocument=document(allow("iam:ListRoles"))
    )["Policy"]["Arn"]
    role = local_account.role(all=document(allow("iam:*")))
    client = local_account.client_of("iam", local_account.assume(role))
    assert client.list_users()["Users"]
    iam.put_role_permissions_boundary(
        RoleName=role.rpartition("/")[2], PermissionsBoundary=boundary
    )
    assert client.list_roles()["Roles"]
    with pytest.raises(ClientError, match="permissions boundary or session policy"):
        client.list_users()


def test_a_service_account_gets_the_session_of_its_role(local_account: LocalAccount) -> None:
    role = local_account.service_account_role("workflow-billing")
    token = local_account.issuer.mint("airflow-dev", "workflow-billing")
    answer = local_account.exchange(role, token)
    assert answer["SubjectFromWebIdentityToken"] == (
        "system:serviceaccount:airflow-dev:workflow-billing"
    )
    assert answer["Audience"] == "sts.amazonaws.com"
    caller = local_account.client_of("sts", answer["Credentials"]).get_caller_identity()
    assert caller["Arn"].endswith(f"assumed-role/{role.rpartition('/')[2]}/pod")


def _forged(account: LocalAccount, _: object) -> str:
    """A token of another key under the cluster's own name."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    claims = jwt.decode(
        account.issuer.mint("airflow-dev", "workflow-billing"), options={"verify_signature": False}
    )
    return jwt.encode(claims, key, algorithm="RS256")


def _unsigned_token(account: LocalAccount, _: object) -> str:
    claims = jwt.decode(
        account.issuer.mint("airflow-dev", "workflow-billing"), options={"verify_signature": False}
    )
    return jwt.encode(claims, "", algorithm="none")


REFUSED = {
    "another service account": (
        lambda account, _: account.issuer.mint("airflow-dev", "workflow-marketing"),
        "AccessDenied",
    ),
    "another namespace": (
        lambda account, _: account.issuer.mint("airflow-qa", "workflow-billing"),
        "AccessDenied",
    ),
    "another audience": (
        lambda account, _: account.issuer.mint(
            "airflow-dev", "workflow-billing", audience="kubernetes"
        ),
        "InvalidIdentityToken.*Incorrect token audience",
    ),
    "an expired token": (
        lambda account, _: account.issuer.mint("airflow-dev", "workflow-billing", lifetime=0),
        "ExpiredTokenException",
    ),
    "a token of tomorrow": (
        lambda account, _: Issuer(account.paths.account, REGION, lambda: time.time() + 86400).mint(
            "airflow-dev", "workflow-billing"
        ),
        "InvalidIdentityToken.*not valid yet",
    ),
    "another cluster": (
        lambda _, tmp_path: Issuer(tmp_path, REGION).mint("airflow-dev", "workflow-billing"),
        "InvalidIdentityToken.*No OpenIDConnect provider found",
    ),
    "a forged signature": (_forged, "InvalidIdentityToken.*cannot be verified"),
    "no signature": (_unsigned_token, "InvalidIdentityToken.*cannot be verified"),
    "no token": (lambda *_: "abcd", "InvalidIdentityToken.*not a valid JWT"),
}


@pytest.mark.parametrize(("token", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_tokens_that_are_refused(
    local_account: LocalAccount,
    tmp_path: Any,  # noqa: ANN401
    token: Any,  # noqa: ANN401
    words: str,
) -> None:
    role = local_account.service_account_role("workflow-billing")
    with pytest.raises(ClientError, match=words):
        local_account.exchange(role, token(local_account, tmp_path))


def test_a_role_that_trusts_no_provider_takes_no_token(local_account: LocalAccount) -> None:
    token = local_account.issuer.mint("airflow-dev", "workflow-billing")
    with pytest.raises(ClientError, match="AccessDenied"):
        local_account.exchange(local_account.role(), token)


def test_a_trust_without_the_subject_lets_every_service_account_in(
    local_account: LocalAccount,
) -> None:
    """As on AWS: it is the role's trust policy that has to name `sub`."""
    trust = {
        "Principal": {"Federated": local_account.provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
    }
    token = local_account.issuer.mint("airflow-dev", "anybody")
    assert local_account.exchange(local_account.role(trust), token)["Credentials"]


def test_operations_that_are_not_served_say_so(local_account: LocalAccount) -> None:
    with pytest.raises(ClientError, match="GetSessionToken is not served here"):
        local_account.client("sts").get_session_token()
    with pytest.raises(ClientError, match="Tags is not served"):
        local_account.assume(local_account.role(), Tags=[{"Key": "a", "Value": "b"}])
