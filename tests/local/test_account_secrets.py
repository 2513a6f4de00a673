"""Secrets: who may read them, under which key, and which version a read gets."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.account_fixtures import (
    ACCOUNT,
    REGION,
    LocalAccount,
    allow,
    deny,
    document,
    unique,
)

pytest_plugins = ["tests.local.account_fixtures"]

READ = "secretsmanager:GetSecretValue"
ANY_SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:"


def _secret(account: LocalAccount, text: str = "one", **given: Any) -> str:  # noqa: ANN401
    secrets = account.client("secretsmanager")
    name = unique("airflow/dev/connections/x")
    return str(secrets.create_secret(Name=name, SecretString=text, **given)["ARN"])


def _read(account: LocalAccount, role: str, secret: str, **given: Any) -> str:  # noqa: ANN401
    client = account.client_of("secretsmanager", account.assume(role))
    return str(client.get_secret_value(SecretId=secret, **given)["SecretString"])


def test_a_role_reads_its_secret_and_no_other(local_account: LocalAccount) -> None:
    own, other = _secret(local_account), _secret(local_account)
    role = local_account.role(read=document(allow(READ, own)))
    assert _read(local_account, role, own) == "one"
    # By its name too: what is decided on is always the full ARN.
    name = own.rpartition(":secret:")[2][:-7]
    assert _read(local_account, role, name) == "one"
    with pytest.raises(ClientError, match=f"no statement of role .* allows {READ} on {other}"):
        _read(local_account, role, other)


def test_refusal_comes_before_not_found(local_account: LocalAccount) -> None:
    role = local_account.role(read=document(allow(READ, f"{ANY_SECRET}airflow/dev/*")))
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        _read(local_account, role, "airflow/dev/nothing")
    with pytest.raises(ClientError, match="AccessDeniedException"):
        _read(local_account, role, "airflow/prod/nothing")


def test_the_conditions_of_secrets_count(local_account: LocalAccount) -> None:
    secret = _secret(local_account)
    statement = allow(
        READ, "*", Condition={"StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}}
    )
    role = local_account.role(read=document(statement))
    assert _read(local_account, role, secret) == "one"
    with pytest.raises(ClientError, match="AccessDeniedException"):
        _read(local_account, role, secret, VersionStage="AWSPREVIOUS")


def test_a_secrets_own_policy_grants_and_denies(local_account: LocalAccount) -> None:
    secret, secrets = _secret(local_account), local_account.client("secretsmanager")
    role = local_account.role()
    with pytest.raises(ClientError, match="AccessDeniedException"):
        _read(local_account, role, secret)
    grant = {**allow(READ), "Principal": {"AWS": role}}
    secrets.put_resource_policy(SecretId=secret, ResourcePolicy=document(grant))
    assert _read(local_account, role, secret) == "one"
    secrets.put_resource_policy(
        SecretId=secret, ResourcePolicy=document(grant, {**deny(READ), "Principal": "*"})
    )
    with pytest.raises(ClientError, match="explicit deny in resource policy of secret"):
        _read(local_account, role, secret)
    with pytest.raises(ClientError, match="explicit deny in resource policy of secret"):
        secrets.get_secret_value(SecretId=secret)


def test_a_secret_under_a_key_needs_the_key_through_secrets_manager(
    local_account: LocalAccount,
) -> None:
    key = local_account.client("kms").create_key()["KeyMetadata"]["Arn"]
    secret = _secret(local_account, KmsKeyId=key)
    without = local_account.role(read=document(allow(READ, secret)))
    with pytest.raises(ClientError, match="kms:Decrypt on resource"):
        _read(local_account, without, secret)
    through = allow(
        "kms:Decrypt",
        key,
        Condition={"StringEquals": {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}},
    )
    role = local_account.role(read=document(allow(READ, secret), through))
    assert _read(local_account, role, secret) == "one"
    direct = local_account.client_of("kms", local_account.assume(role))
    blob = local_account.client("kms").encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    with pytest.raises(ClientError, match="not authorized to perform: kms:Decrypt"):
        direct.decrypt(CiphertextBlob=blob)


def test_a_key_policy_has_to_allow(local_account: LocalAccount) -> None:
    kms = local_account.client("kms")
    deployer = f"arn:aws:iam::{ACCOUNT}:user/deployer"
    key = kms.create_key(
        Policy=document({**allow("kms:*"), "Principal": {"AWS": deployer}}), Description="x"
    )["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    role = local_account.role(all=document(allow("kms:*")))
    with pytest.raises(ClientError, match=f"key policy of {key} does not let role"):
        local_account.client_of("kms", local_account.assume(role)).decrypt(CiphertextBlob=blob)


def test_reads_follow_the_label_and_not_the_last_version(local_account: LocalAccount) -> None:
    secrets, secret = local_account.client("secretsmanager"), _secret(local_account)

    def read(**given: Any) -> str:  # noqa: ANN401
        return str(secrets.get_secret_value(SecretId=secret, **given)["SecretString"])

    first = secrets.get_secret_value(SecretId=secret)["VersionId"]
    second = secrets.put_secret_value(
        SecretId=secret, SecretString="two", VersionStages=["AWSPENDING"]
    )["VersionId"]
    assert (read(), read(VersionStage="AWSPENDING")) == ("one", "two")
    secrets.update_secret_version_stage(
        SecretId=secret,
        VersionStage="AWSCURRENT",
        MoveToVersionId=second,
        RemoveFromVersionId=first,
    )
    assert (read(), read(VersionStage="AWSPREVIOUS")) == ("two", "one")
    assert read(VersionId=first) == "one"
    third = secrets.put_secret_value(SecretId=secret, SecretString="three")["VersionId"]
    assert (read(), read(VersionStage="AWSPREVIOUS")) == ("three", "two")
    # Labels that did not move stay where they were, and none is on two versions.
    assert secrets.describe_secret(SecretId=secret)["VersionIdsToStages"] == {
        first: [],
        second: ["AWSPENDING", "AWSPREVIOUS"],
        third: ["AWSCURRENT"],
    }


def test_a_label_is_moved_from_where_it_is(local_account: LocalAccount) -> None:
    secrets, secret = local_account.client("secretsmanager"), _secret(local_account)
    first = secrets.get_secret_value(SecretId=secret)["VersionId"]
    second = secrets.put_secret_value(SecretId=secret, SecretString="two")["VersionId"]

    def move(stage: str, **given: str) -> None:
        secrets.update_secret_version_stage(SecretId=secret, VersionStage=stage, **given)

    move("mine", MoveToVersionId=first)
    with pytest.raises(ClientError, match="RemoveFromVersionId can't be empty"):
        move("mine", MoveToVersionId=second)
    with pytest.raises(ClientError, match="is not attached to version"):
        move("mine", MoveToVersionId=first, RemoveFromVersionId=second)
    with pytest.raises(ClientError, match="can be moved, but not removed"):
        move("AWSCURRENT", RemoveFromVersionId=second)
    move("mine", MoveToVersionId=second, RemoveFromVersionId=first)
    labels = secrets.describe_secret(SecretId=secret)["VersionIdsToStages"]
    assert labels == {first: ["AWSPREVIOUS"], second: ["AWSCURRENT", "mine"]}


def test_a_secret_without_a_value_says_so(local_account: LocalAccount) -> None:
    secrets = local_account.client("secretsmanager")
    name = unique("empty")
    secrets.create_secret(Name=name)
    with pytest.raises(ClientError, match="secret value for staging label: AWSCURRENT"):
        secrets.get_secret_value(SecretId=name)


def test_no_value_is_in_the_log(local_account: LocalAccount) -> None:
    canary = unique("canary")
    secret = _secret(local_account, canary)
    local_account.client("secretsmanager").get_secret_value(SecretId=secret)
    assert canary not in (local_account.paths.account / "account.log").read_text()
    stores = local_account.paths.account / "snapshot" / "stores"
    assert stores.stat().st_mode & 0o777 == 0o600


def test_a_version_keeps_its_value(local_account: LocalAccount) -> None:
    secrets, secret = local_account.client("secretsmanager"), _secret(local_account)
    token = unique("a-version-of-the-secret-with-its-value")

    def put(text: str) -> None:
        secrets.put_secret_value(
            SecretId=secret,
            SecretString=text,
            ClientRequestToken=token,
            VersionStages=["AWSPENDING"],
        )

    put("two")
    put("two")
    with pytest.raises(ClientError, match="already in use for a version of secret"):
        put("three")
    assert secrets.get_secret_value(SecretId=secret, VersionId=token)["SecretString"] == "two"
