"""`AirflowKeys`: secrets without a value of the program's, and the function that gives them one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pulumi import Output

from components.airflow.keys import AirflowKeys, AirflowKeysArgs

if TYPE_CHECKING:
    from local.deploy.record import Recording
    from tests.components.conftest import Names
    from tests.conftest import Record

COMPONENT = "airflow-postgres:components:AirflowKeys"
SECRET = "aws:secretsmanager/secret:Secret"
FUNCTION = "aws:lambda/function:Function"
INVOCATION = "aws:lambda/invocation:Invocation"
POLICY = "aws:iam/rolePolicy:RolePolicy"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
KEYS = ("api", "fernet", "jwt")
ENVIRONMENTS = ("dev", "qa")
KMS = "arn:aws:kms/key:Key:airflow-keys-key"


def secret_arn(environment: str, key: str) -> str:
    return f"arn:{SECRET}:airflow-keys-{environment}-{key}"


def keys_args(*, protected: bool = True) -> AirflowKeysArgs:
    return AirflowKeysArgs(
        prefix="airflow-dev",
        region="eu-west-1",
        account="123456789012",
        environments=ENVIRONMENTS,
        package="build/dev/airflow_keys.zip",
        log_retention_days=30,
        protected=protected,
    )


@pytest.fixture
def protected() -> bool:
    return True


@pytest.fixture
def handed_out() -> dict[str, Any]:
    """What the component tells its callers."""
    return {}


@pytest.fixture
def recording(recorded: Record, handed_out: dict[str, Any], *, protected: bool) -> Recording:
    def program() -> None:
        keys = AirflowKeys("airflow-keys", keys_args(protected=protected))
        for name, output in {
            "names": Output.all(**{key: one.name for key, one in keys.secrets("qa").items()}),
            "policy": keys.read_policy("qa", "jwt"),
        }.items():
            Output.all(name, output).apply(lambda both: handed_out.update([tuple(both)]))

    return recorded(program)


def test_everything_is_registered_under_the_component(recording: Recording, names: Names) -> None:
    assert names(recording.children(recording.one(COMPONENT))) == {
        ("aws:kms/key:Key", "airflow-keys-key"),
        ("aws:kms/alias:Alias", "airflow-keys-key"),
        *(
            (SECRET, f"airflow-keys-{environment}-{key}")
            for environment in ENVIRONMENTS
            for key in KEYS
        ),
        *((INVOCATION, f"airflow-keys-{environment}") for environment in ENVIRONMENTS),
        (LOG_GROUP, "airflow-keys-function"),
        ("aws:iam/role:Role", "airflow-keys-function"),
        (POLICY, "airflow-keys-function-write-log"),
        (POLICY, "airflow-keys-function-put-keys"),
        (FUNCTION, "airflow-keys-function"),
    }
    assert recording.one(COMPONENT).registered_outputs == {"key_arn": KMS}


@pytest.mark.parametrize(("protected", "days"), [(True, 30), (False, 0)])
def test_the_secrets(recording: Recording, *, protected: bool, days: int) -> None:
    secrets = {one.plain["name"]: one for one in recording.of_type(SECRET)}
    assert set(secrets) == {f"airflow/{each}/keys/{key}" for each in ENVIRONMENTS for key in KEYS}
    for one in secrets.values():
        assert one.plain["kmsKeyId"] == KMS
        assert one.plain["recoveryWindowInDays"] == days
        assert one.options.protect is protected


def test_no_value_is_the_programs(recording: Recording) -> None:
    assert not recording.of_type("aws:secretsmanager/secretVersion:SecretVersion")


def test_the_function_is_told_the_secrets_of_each_environment(recording: Recording) -> None:
    for environment in ENVIRONMENTS:
        invocation = recording.one(INVOCATION, f"airflow-keys-{environment}").plain
        assert invocation["lifecycleScope"] == "CREATE_ONLY"
        assert json.loads(invocation["input"]) == {
            "region": "eu-west-1",
            "secrets": {key: secret_arn(environment, key) for key in KEYS},
        }


def test_the_function(recording: Recording) -> None:
    function = recording.one(FUNCTION).plain
    assert function["code"]["path"] == "build/dev/airflow_keys.zip"
    assert function["name"] == "airflow-dev-airflow-keys"
    assert function["handler"] == "lambdas.airflow_keys.handler.handle"
    assert (function["runtime"], function["architectures"]) == ("python3.13", ["arm64"])
    # A login of a day, and an hour in which pods are restarted.
    assert function["environment"] == {"variables": {"OVERLAP_SECONDS": "90000"}}
    group = recording.one(LOG_GROUP).plain
    assert group["name"] == "/aws/lambda/airflow-dev-airflow-keys"
    assert (group["kmsKeyId"], group["retentionInDays"]) == (KMS, 30)
    (policy,) = (
        statement
        for statement in json.loads(recording.one("aws:kms/key:Key").plain["policy"])["Statement"]
        if statement["Sid"] == "CloudWatchLogs"
    )
    assert policy["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"] == [
        "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/airflow-dev-airflow-keys"
    ]


def test_the_function_waits_for_its_rights_and_its_log(recording: Recording) -> None:
    waits = {
        (one.type, one.name) for one in map(recording.by_urn, recording.one(FUNCTION).dependencies)
    }
    assert waits >= {
        (POLICY, "airflow-keys-function-write-log"),
        (POLICY, "airflow-keys-function-put-keys"),
        (LOG_GROUP, "airflow-keys-function"),
    }


def test_the_function_puts_and_reads_these_keys_alone(recording: Recording) -> None:
    put, encrypt, read = json.loads(
        recording.one(POLICY, "airflow-keys-function-put-keys").plain["policy"]
    )["Statement"]
    arns = {secret_arn(environment, key) for environment in ENVIRONMENTS for key in KEYS}
    assert put["Action"] == ["secretsmanager:DescribeSecret", "secretsmanager:PutSecretValue"]
    assert set(put["Resource"]) == arns
    assert read["Action"] == "secretsmanager:GetSecretValue"
    assert set(read["Resource"]) == arns
    assert encrypt["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert encrypt["Resource"] == KMS
    condition = encrypt["Condition"]["StringEquals"]
    assert condition["kms:ViaService"] == "secretsmanager.eu-west-1.amazonaws.com"
    assert set(condition["kms:EncryptionContext:SecretARN"]) == arns
    (log,) = json.loads(recording.one(POLICY, "airflow-keys-function-write-log").plain["policy"])[
        "Statement"
    ]
    assert log["Resource"] == (
        "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/airflow-dev-airflow-keys:*"
    )


@pytest.mark.usefixtures("recording")
def test_what_it_hands_out_is_for_one_key_of_one_environment(handed_out: dict[str, Any]) -> None:
    assert handed_out["names"] == {key: f"airflow/qa/keys/{key}" for key in KEYS}
    read, decrypt = json.loads(handed_out["policy"])["Statement"]
    assert (read["Action"], read["Resource"]) == (
        "secretsmanager:GetSecretValue",
        secret_arn("qa", "jwt"),
    )
    assert decrypt["Resource"] == KMS


def test_an_environment_without_keys_is_refused(recorded: Record) -> None:
    def program() -> None:
        keys = AirflowKeys("airflow-keys", keys_args())
        with pytest.raises(ValueError, match="'prod' has no keys here; there are: dev, qa"):
            keys.secrets("prod")

    recorded(program)
