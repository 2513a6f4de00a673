"""The function for Airflow's keys in the account: its role has what it needs and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lambdas.package import build_airflow_keys
from tests.local.account_fixtures import REGION, LocalAccount, allow, document, unique
from tests.local.account_functions import TRUST, invoke

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["tests.local.account_fixtures"]

KINDS = ("fernet", "jwt", "api")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("build") / "airflow_keys.zip"
    build_airflow_keys(path)
    return path


def _secrets(account: LocalAccount, key: str) -> dict[str, str]:
    client, prefix = account.client("secretsmanager"), unique("airflow")
    return {
        kind: client.create_secret(Name=f"{prefix}/keys/{kind}", KmsKeyId=key)["ARN"]
        for kind in KINDS
    }


def _statements(secrets: dict[str, str], key: str) -> dict[str, dict[str, object]]:
    """What the function's role needs, by what it is for."""
    through = {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}
    return {
        "put": allow(
            ["secretsmanager:DescribeSecret", "secretsmanager:PutSecretValue"],
            list(secrets.values()),
        ),
        "encrypt": allow(
            ["kms:GenerateDataKey", "kms:Decrypt"], key, Condition={"StringEquals": through}
        ),
    }


def _function(account: LocalAccount, package: Path, *statements: dict[str, object]) -> str:
    name = unique("airflow-keys")
    account.client("logs").create_log_group(logGroupName=f"/aws/lambda/{name}")
    logs = allow(["logs:CreateLogStream", "logs:PutLogEvents"])
    account.client("lambda").create_function(
        FunctionName=name,
        Role=account.role(TRUST, keys=document(logs, *statements)),
        Handler="lambdas.airflow_keys.handler.handle",
        Runtime="python3.13",
        Code={"ZipFile": package.read_bytes()},
        Timeout=60,
    )
    return name


def test_it_puts_first_values_and_cannot_read_them(
    local_account: LocalAccount, package: Path
) -> None:
    key = local_account.client("kms").create_key()["KeyMetadata"]["Arn"]
    secrets = _secrets(local_account, key)
    function = _function(local_account, package, *_statements(secrets, key).values())
    event = {"region": REGION, "secrets": secrets}
    first = invoke(local_account, function, event)
    assert first["result"] == {"put": ["api", "fernet", "jwt"], "kept": []}
    client = local_account.client("secretsmanager")
    values = {arn: client.get_secret_value(SecretId=arn) for arn in secrets.values()}
    second = invoke(local_account, function, event)
    assert second["result"] == {"put": [], "kept": ["api", "fernet", "jwt"]}
    logs = local_account.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{function}")
    written = "".join(one["message"] for one in logs["events"])
    for arn, value in values.items():
        assert client.get_secret_value(SecretId=arn)["VersionId"] == value["VersionId"]
        assert arn in written
        assert value["SecretString"] not in written


@pytest.mark.parametrize("missing", ["put", "encrypt"])
def test_without_a_right_it_says_which(
    local_account: LocalAccount, package: Path, missing: str
) -> None:
    key = local_account.client("kms").create_key()["KeyMetadata"]["Arn"]
    secrets = _secrets(local_account, key)
    statements = _statements(secrets, key)
    del statements[missing]
    function = _function(local_account, package, *statements.values())
    answer = invoke(local_account, function, {"region": REGION, "secrets": secrets})
    assert answer["result"]["errorMessage"] == (
        f"Secret {secrets['api']} got no first value (AccessDeniedException): allow the "
        "function's role secretsmanager:DescribeSecret, secretsmanager:GetSecretValue and "
        "secretsmanager:PutSecretValue on it, and kms:GenerateDataKey and kms:Decrypt on its key."
    )
