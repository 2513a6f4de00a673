"""`TaskLogs`: a closed bucket that keeps logs for a time, and who may write which of them."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import pytest
from pulumi import Output

from components.airflow import task_log_documents
from components.airflow.task_logs import TaskLogs, TaskLogsArgs

if TYPE_CHECKING:
    from local.deploy.record import Recording
    from tests.components.conftest import Names
    from tests.conftest import Record

COMPONENT = "airflow-postgres:components:TaskLogs"
BUCKET = "airflow-prod-task-logs-123456789012"
KEY = "arn:aws:kms/key:Key:task-logs-key"


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
        logs = TaskLogs(
            "task-logs",
            TaskLogsArgs(
                prefix="airflow-prod",
                region="eu-west-1",
                account="123456789012",
                retention_days=400,
                protected=protected,
            ),
        )
        for name, output in {
            "url": logs.url("prod"),
            "write": logs.write_policy("prod", "billing"),
            "write all": logs.write_policy("prod"),
            "read": logs.read_policy("prod"),
        }.items():
            Output.all(name, output).apply(lambda both: handed_out.update([tuple(both)]))

    return recorded(program)


def plain(recording: Recording, kind: str) -> dict[str, Any]:
    """The inputs of one resource of S3."""
    return recording.one(f"aws:s3/{kind[0].lower()}{kind[1:]}:{kind}").plain


def test_everything_is_registered_under_the_component(recording: Recording, names: Names) -> None:
    assert {name for _, name in names(recording.children(recording.one(COMPONENT)))} == {
        "task-logs",
        "task-logs-key",
        "task-logs-encryption",
        "task-logs-ownership",
        "task-logs-public-access",
        "task-logs-policy",
        "task-logs-versioning",
        "task-logs-lifecycle",
    }
    assert recording.one(COMPONENT).registered_outputs == {"bucket": BUCKET}
    for one in recording:
        if one.type.startswith("aws:s3/"):
            assert one.plain["bucket"] == BUCKET


def test_it_is_encrypted_with_a_key_of_its_own(recording: Recording) -> None:
    (rule,) = plain(recording, "BucketServerSideEncryptionConfiguration")["rules"]
    assert rule == {
        "applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY},
        "bucketKeyEnabled": True,
    }


def test_it_is_closed_to_the_public(recording: Recording) -> None:
    block = plain(recording, "BucketPublicAccessBlock")
    del block["bucket"]
    assert block == {
        "blockPublicAcls": True,
        "blockPublicPolicy": True,
        "ignorePublicAcls": True,
        "restrictPublicBuckets": True,
    }
    ownership = plain(recording, "BucketOwnershipControls")["rule"]
    assert ownership == {"objectOwnership": "BucketOwnerEnforced"}


def test_nobody_comes_without_tls(recording: Recording) -> None:
    (statement,) = json.loads(plain(recording, "BucketPolicy")["policy"])["Statement"]
    assert statement == {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def test_logs_end_and_can_be_brought_back_for_a_week(recording: Recording) -> None:
    assert plain(recording, "BucketVersioning")["versioningConfiguration"] == {"status": "Enabled"}
    (rule,) = plain(recording, "BucketLifecycleConfiguration")["rules"]
    assert rule == {
        "id": "expire",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "expiration": {"days": 400},
        "noncurrentVersionExpiration": {"noncurrentDays": 7},
        "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
    }


@pytest.mark.parametrize("protected", [True, False])
def test_it_is_as_durable_as_is_said(recording: Recording, *, protected: bool) -> None:
    bucket = recording.one("aws:s3/bucket:Bucket")
    assert bucket.options.protect is protected
    assert bucket.plain["forceDestroy"] is not protected
    assert recording.one("aws:kms/key:Key").options.protect is protected


def rights(policy: str, action: str) -> dict[str, Any]:
    """The one statement of a policy that is about an action."""
    found: list[dict[str, Any]] = [
        statement for statement in json.loads(policy)["Statement"] if action in statement["Action"]
    ]
    (statement,) = found
    return statement


@pytest.mark.usefixtures("recording")
def test_a_workflow_writes_the_logs_of_its_own_dags(handed_out: dict[str, Any]) -> None:
    assert handed_out["url"] == f"s3://{BUCKET}/prod"
    names = ["prod/dag_id=billing/*", "prod/dag_id=billing.*/*"]
    assert rights(handed_out["write"], "s3:PutObject") == {
        "Sid": "WriteLogs",
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:PutObject"],
        "Resource": [f"arn:aws:s3:::{BUCKET}/{name}" for name in names],
    }
    assert rights(handed_out["write"], "s3:ListBucket") == {
        "Sid": "FindLogs",
        "Effect": "Allow",
        "Action": "s3:ListBucket",
        "Resource": f"arn:aws:s3:::{BUCKET}",
        "Condition": {"StringLike": {"s3:prefix": names}},
    }
    assert rights(handed_out["write"], "kms:GenerateDataKey") == {
        "Sid": "UseKey",
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": KEY,
        "Condition": {
            "StringEquals": {
                "kms:ViaService": "s3.eu-west-1.amazonaws.com",
                "kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{BUCKET}",
            }
        },
    }


@pytest.mark.usefixtures("recording")
def test_who_reads_writes_nothing(handed_out: dict[str, Any]) -> None:
    actions = [each["Action"] for each in json.loads(handed_out["read"])["Statement"]]
    assert actions == ["s3:GetObject", "s3:ListBucket", ["kms:Decrypt"]]
    for policy in ("read", "write all"):
        assert rights(handed_out[policy], "s3:GetObject")["Resource"] == [
            f"arn:aws:s3:::{BUCKET}/prod/dag_id=*/*"
        ]


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("prod/dag_id=billing/run_id=1/task_id=load/attempt=1.log", True),
        ("prod/dag_id=billing.monthly/run_id=1/task_id=load/attempt=1.log", True),
        ("prod/dag_id=billing-exports/run_id=1/task_id=load/attempt=1.log", False),
        ("prod/dag_id=bill/run_id=1/task_id=load/attempt=1.log", False),
        ("prod/dag_id=reference/run_id=dag_id=billing/attempt=1.log", False),
        ("qa/dag_id=billing/run_id=1/task_id=load/attempt=1.log", False),
    ],
)
def test_no_workflow_has_a_neighbours_logs(name: str, *, own: bool) -> None:
    """IAM's `*` is any text, slashes too, as that of `fnmatch`."""
    patterns = task_log_documents.patterns("prod", "billing")
    assert any(fnmatchcase(name, pattern) for pattern in patterns) is own
