"""Rotation: who may have a secret rotated, in which steps, and what becomes of a failed one."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.account_fixtures import (
    LocalAccount,
    allow,
    document,
    unique,
)
from tests.local.account_functions import function
from tests.local.account_rotation import (
    FUNCTION,
    RULES,
    account_log,
    eventually,
    trust_secrets_manager,
)

pytest_plugins = ["tests.local.account_fixtures"]

# Takes the steps as the plainest function would; `fails` is a step that it does not survive.
PLAIN = """
    import boto3, os
    def handle(event, context):
        print("STEP", event)
        if event.get("detail-type"):
            return
        if event["Step"] == os.environ.get("FAILS"):
            raise ValueError("it fails on purpose")
        secrets = boto3.client("secretsmanager")
        about = {{"SecretId": event["SecretId"]}}
        token = event["ClientRequestToken"]
        if event["Step"] == "createSecret":
            secrets.put_secret_value(**about, ClientRequestToken=token,
                SecretString="value of " + token, VersionStages=["AWSPENDING"])
        if event["Step"] == "finishSecret":
            stages = secrets.describe_secret(**about)["VersionIdsToStages"]
            current = next(one for one in stages if "AWSCURRENT" in stages[one])
            secrets.update_secret_version_stage(**about, VersionStage="AWSCURRENT",
                MoveToVersionId=token, RemoveFromVersionId=current)
"""


class Rotated:
    """A secret and the function that rotates it."""

    def __init__(self, account: LocalAccount, fails: str = "", *, trusted: bool = True) -> None:
        self.account = account
        self.secrets = account.client("secretsmanager")
        name = unique("airflow/dev/connections/rotated")
        self.arn = str(self.secrets.create_secret(Name=name, SecretString="one")["ARN"])
        self.function = function(
            account,
            PLAIN.replace("{{", "{").replace("}}", "}"),
            policies={"rotate": document(allow("secretsmanager:*", self.arn))},
            Environment={"Variables": {"FAILS": fails}},
        )
        self.function_arn = FUNCTION + self.function
        if trusted:
            trust_secrets_manager(account, self.function, self.arn)

    def rotate(self, **given: Any) -> dict[str, Any]:  # noqa: ANN401 - of RotateSecret
        """Have it rotated."""
        given = {"RotationLambdaARN": self.function_arn, "RotationRules": RULES, **given}
        return dict(self.secrets.rotate_secret(SecretId=self.arn, **given))

    def described(self) -> dict[str, Any]:
        """What DescribeSecret says."""
        return dict(self.secrets.describe_secret(SecretId=self.arn))

    def stages(self, version: str) -> list[str]:
        """The labels of a version."""
        return list(self.described()["VersionIdsToStages"].get(version, []))

    def value(self) -> str:
        """What is current."""
        return str(self.secrets.get_secret_value(SecretId=self.arn)["SecretString"])

    def log(self) -> str:
        """What the function printed."""
        file = self.account.paths.account / "functions" / "logs" / f"{self.function}.log"
        return file.read_text() if file.exists() else ""

    def change(self, **environment: str) -> None:
        """Give the function other variables."""
        self.account.client("lambda").update_function_configuration(
            FunctionName=self.function, Environment={"Variables": environment}
        )


def test_four_steps_with_one_version(local_account: LocalAccount) -> None:
    rotated = Rotated(local_account)
    version = rotated.rotate()["VersionId"]
    eventually(lambda: rotated.described().get("LastRotatedDate"))
    assert rotated.value() == f"value of {version}"
    assert set(rotated.stages(version)) == {"AWSCURRENT", "AWSPENDING"}
    steps = [line for line in rotated.log().splitlines() if line.startswith("STEP")]
    assert [line.split("'")[3] for line in steps] == [
        "createSecret", "setSecret", "testSecret", "finishSecret",
    ]  # fmt: skip
    assert all(version in line and rotated.arn in line for line in steps)
    described = rotated.described()
    assert described["RotationEnabled"] is True
    assert described["RotationRules"] == RULES
    assert described["RotationLambdaARN"] == rotated.function_arn
    days = (described["NextRotationDate"] - described["LastRotatedDate"]).total_seconds() / 86400
    assert days == pytest.approx(7, abs=0.01)
    # What is configured is remembered.
    eventually(lambda: "RotationSucceeded: " + rotated.arn in account_log(local_account))
    time.sleep(0.3)
    again = rotated.secrets.rotate_secret(SecretId=rotated.arn)["VersionId"]
    eventually(lambda: rotated.value() == f"value of {again}")


def test_configured_without_a_rotation_the_step_test_alone_is_taken(
    local_account: LocalAccount,
) -> None:
    rotated = Rotated(local_account)
    rotated.rotate(RotateImmediately=False)
    assert rotated.value() == "one"
    assert "testSecret" in rotated.log()
    assert "createSecret" not in rotated.log()
    assert list(rotated.described()["VersionIdsToStages"].values()) == [["AWSCURRENT"]]


def test_who_may_have_it_rotated(local_account: LocalAccount) -> None:
    rotated = Rotated(local_account, trusted=False)
    with pytest.raises(ClientError, match=r"grants access to the principal secretsmanager\.amazon"):
        rotated.rotate()
    trust_secrets_manager(local_account, rotated.function, f"{rotated.arn}x")
    with pytest.raises(ClientError, match=r"AccessDenied.*cannot invoke the specified Lambda"):
        rotated.rotate()
    role = local_account.role(rotate=document(allow("secretsmanager:RotateSecret", rotated.arn)))
    client = local_account.client_of("secretsmanager", local_account.assume(role))
    with pytest.raises(ClientError, match="not authorized to perform: lambda:InvokeFunction"):
        client.rotate_secret(
            SecretId=rotated.arn, RotationLambdaARN=rotated.function_arn, RotationRules=RULES
        )
    with pytest.raises(ClientError, match="not authorized to perform: secretsmanager:RotateSecret"):
        local_account.client("secretsmanager", "analyst").rotate_secret(SecretId=rotated.arn)
    with pytest.raises(ClientError, match="No Lambda rotation function ARN is associated"):
        rotated.secrets.rotate_secret(SecretId=rotated.arn)
    assert "RotationEnabled" not in rotated.described()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"RotationLambdaARN": f"{FUNCTION}nothing"}, "cannot invoke the specified Lambda"),
        ({"RotationRules": {"AutomaticallyAfterDays": 1001}}, "must be within 1-1000"),
        ({"RotationRules": {"ScheduleExpression": "rate(3 hours)"}}, "from 4 hours on"),
        ({"RotationRules": {"ScheduleExpression": "rate(4 hours)", **RULES}}, "specify both"),
    ],
)
def test_what_is_refused(local_account: LocalAccount, given: dict[str, Any], sentence: str) -> None:
    rotated = Rotated(local_account)
    with pytest.raises(ClientError, match=sentence):
        rotated.rotate(**given)


def test_f08_a_failed_rotation_is_taken_up_again_and_ended_by_hand(
    local_account: LocalAccount,
) -> None:
    rotated = Rotated(local_account, fails="setSecret")
    version = rotated.rotate()["VersionId"]
    eventually(lambda: "RotationFailed: " + rotated.arn in account_log(local_account))
    assert rotated.log().count("'setSecret'") == 5
    assert rotated.value() == "one"
    # Until somebody ends it, the same version is tried again.
    with pytest.raises(ClientError, match="A previous rotation isn't complete"):
        rotated.rotate()
    eventually(lambda: rotated.log().count("'setSecret'") > 5)
    rotated.secrets.update_secret_version_stage(
        SecretId=rotated.arn, VersionStage="AWSPENDING", RemoveFromVersionId=version
    )
    eventually(lambda: "RotationAbandoned: " + rotated.arn in account_log(local_account))
    rotated.change(FAILS="")
    second = rotated.rotate()["VersionId"]
    eventually(lambda: rotated.value() == f"value of {second}")


def test_a_failure_that_passes_does_not_end_the_rotation(local_account: LocalAccount) -> None:
    rotated = Rotated(local_account, fails="finishSecret")
    version = rotated.rotate()["VersionId"]
    eventually(lambda: "finishSecret" in rotated.log())
    rotated.change(FAILS="")
    eventually(lambda: rotated.value() == f"value of {version}")


def test_a_failure_is_an_event(local_account: LocalAccount) -> None:
    rotated = Rotated(local_account, fails="createSecret")
    events, name = local_account.client("events"), unique("failed")
    pattern = {
        "source": ["aws.secretsmanager"],
        "detail": {
            "eventName": ["RotationFailed", "RotationAbandoned"],
            "additionalEventData": {"SecretId": [rotated.arn]},
        },
    }
    rule = events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
    events.put_targets(Rule=name, Targets=[{"Id": "function", "Arn": rotated.function_arn}])
    local_account.client("lambda").add_permission(
        FunctionName=rotated.function,
        StatementId="events",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    rotated.rotate()
    eventually(lambda: "'eventName': 'RotationFailed'" in rotated.log())
    assert rotated.log().count("'createSecret'") == 5


def test_rotation_that_is_turned_off(local_account: LocalAccount) -> None:
    rotated = Rotated(local_account, fails="setSecret")
    rotated.rotate()
    rotated.secrets.cancel_rotate_secret(SecretId=rotated.arn)
    eventually(lambda: "RotationAbandoned: " + rotated.arn in account_log(local_account))
    assert rotated.described()["RotationEnabled"] is False


def test_f40_a_secret_that_was_deleted_and_restored_rotates_on(
    local_account: LocalAccount,
) -> None:
    rotated = Rotated(local_account)
    rotated.rotate(RotateImmediately=False)
    rotated.secrets.delete_secret(SecretId=rotated.arn, RecoveryWindowInDays=7)
    with pytest.raises(ClientError, match="marked for deletion"):
        rotated.rotate()
    rotated.secrets.restore_secret(SecretId=rotated.arn)
    assert rotated.value() == "one"
    assert rotated.described()["RotationEnabled"] is True
    version = rotated.secrets.rotate_secret(SecretId=rotated.arn)["VersionId"]
    eventually(lambda: rotated.value() == f"value of {version}")
