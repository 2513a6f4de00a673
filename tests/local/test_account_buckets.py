"""S3 of the account: who may put and get which object, in botocore's words; over the wire."""

from __future__ import annotations

import hashlib
import io
import time
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from botocore.exceptions import ClientError

from tests.local.account_fixtures import (
    ACCOUNT,
    REGION,
    LocalAccount,
    allow,
    document,
    unique,
)

if TYPE_CHECKING:
    from collections.abc import Callable

# boto3 has no types.
Client: TypeAlias = Any

pytest_plugins = ["tests.local.account_fixtures"]

OWN, OTHER = "dev/dag_id=billing", "dev/dag_id=marketing"
# As Airflow names its logs, and what a name may have beyond that.
KEY = f"{OWN}/run_id=manual__2026-01-01T00:00:00+00:00/task_id=lädt daten/attempt=1.log"


@pytest.fixture(scope="module")
def bucket(local_account: LocalAccount) -> str:
    name = unique("logs")
    local_account.client("s3").create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    return name


@pytest.fixture(scope="module")
def billing(local_account: LocalAccount, bucket: str) -> Client:
    """S3 as a pod of the workflow billing sees it."""
    return _pod(local_account, "workflow-billing", _of_workflow(bucket))


def _of_workflow(bucket: str) -> list[dict[str, Any]]:
    arn = f"arn:aws:s3:::{bucket}"
    prefixes = {"s3:prefix": [f"{OWN}/*", f"{OWN}.*/*"]}
    return [
        allow(["s3:GetObject", "s3:PutObject"], [f"{arn}/{OWN}/*", f"{arn}/{OWN}.*/*"]),
        allow("s3:ListBucket", arn, Condition={"StringLike": prefixes}),
    ]


def _pod(account: LocalAccount, name: str, statements: list[dict[str, Any]]) -> Client:
    role = account.service_account_role(name, objects=document(*statements))
    token = account.issuer.mint("airflow-dev", name)
    return account.client_of("s3", account.exchange(role, token)["Credentials"])


def _refused(call: Callable[..., Any], **given: object) -> str:
    with pytest.raises(ClientError) as refused:
        call(**given)
    return str(refused.value)


def test_a_workflow_puts_and_gets_its_own_objects(billing: Client, bucket: str) -> None:
    taken = []
    for _ in range(3):
        started = time.monotonic()
        billing.put_object(Bucket=bucket, Key=KEY, Body=b"log")
        taken.append(time.monotonic() - started)
    # botocore waits a second for a server that does not answer `Expect: 100-continue`.
    assert min(taken) < 0.8
    assert billing.get_object(Bucket=bucket, Key=KEY)["Body"].read() == b"log"
    assert billing.head_object(Bucket=bucket, Key=KEY)["ContentLength"] == 3
    listed = billing.list_objects_v2(Bucket=bucket, Prefix=f"{OWN}/")["Contents"]
    assert [one["Key"] for one in listed] == [KEY]
    part = f"{OWN}.monthly/run_id=1/attempt=1.log"
    billing.put_object(Bucket=bucket, Key=part, Body=b"")
    assert billing.get_object(Bucket=bucket, Key=part)["Body"].read() == b""


def test_a_read_changes_nothing_on_disk(local_account: LocalAccount, bucket: str) -> None:
    """Each change writes the account's snapshot; Airflow asks for its logs far more often."""
    s3, where = local_account.client("s3"), {"Bucket": bucket, "Key": "read"}
    s3.put_object(**where, Body=b"1")
    stores = local_account.paths.account / "snapshot" / "stores"
    before = stores.stat().st_mtime_ns
    for call in (s3.head_object, s3.get_object):
        call(**where)
    for call in (s3.head_bucket, s3.list_objects_v2, s3.list_object_versions):
        call(Bucket=bucket)
    assert stores.stat().st_mtime_ns == before
    s3.put_object(**where, Body=b"2")
    assert stores.stat().st_mtime_ns > before


def test_it_may_do_nothing_with_those_of_another(
    local_account: LocalAccount, billing: Client, bucket: str
) -> None:
    theirs = f"{OTHER}/run_id=1/attempt=1.log"
    local_account.client("s3").put_object(Bucket=bucket, Key=theirs, Body=b"theirs")
    where = f"arn:aws:s3:::{bucket}/{theirs}"
    for call, action in (
        (billing.get_object, "GetObject"),
        (billing.put_object, "PutObject"),
        (billing.delete_object, "DeleteObject"),
    ):
        message = _refused(call, Bucket=bucket, Key=theirs)
        assert message.startswith(
            f"An error occurred (AccessDenied) when calling the {action} operation: "
            f"User: arn:aws:sts::{ACCOUNT}:assumed-role/"
        )
        assert (
            f"is not authorized to perform: s3:{action} on resource: {where} because no" in message
        )
    head = _refused(billing.head_object, Bucket=bucket, Key=theirs)
    assert head == "An error occurred (403) when calling the HeadObject operation: Forbidden"
    for prefix in (f"{OTHER}/", "dev/", ""):
        message = _refused(billing.list_objects_v2, Bucket=bucket, Prefix=prefix)
        assert f"s3:ListBucket on resource: arn:aws:s3:::{bucket} because" in message
    assert "AccessDenied" in _refused(billing.list_objects_v2, Bucket=bucket)
    # A name that begins like its own is not its own.
    message = _refused(billing.put_object, Bucket=bucket, Key=f"{OWN}2/attempt=1.log")
    assert "AccessDenied" in message
    # Neither is what it copies to its own place, nor what it deletes together with its own.
    source = {"Bucket": bucket, "Key": theirs}
    message = _refused(billing.copy_object, Bucket=bucket, Key=f"{OWN}/copy", CopySource=source)
    assert f"s3:GetObject on resource: {where}" in message
    both = {"Objects": [{"Key": KEY}, {"Key": theirs}]}
    assert "AccessDenied" in _refused(billing.delete_objects, Bucket=bucket, Delete=both)
    assert "AccessDenied" in _refused(billing.list_buckets)
    assert "AccessDenied" in _refused(billing.get_bucket_policy, Bucket=bucket)


def test_what_is_missing_is_told_only_to_those_who_may_list(
    local_account: LocalAccount, billing: Client, bucket: str
) -> None:
    """As S3 does it: a condition on the prefix is compared with the name that was asked for."""
    missing = {"Bucket": bucket, "Key": f"{OWN}/run_id=none"}
    assert "(404)" in _refused(billing.head_object, **missing)
    assert "NoSuchKey" in _refused(billing.get_object, **missing)
    read, _ = _of_workflow(bucket)
    elsewhere = {"StringLike": {"s3:prefix": [f"{OTHER}/*"]}}
    for number, rights in enumerate(
        ([read], [read, allow("s3:ListBucket", f"arn:aws:s3:::{bucket}", Condition=elsewhere)])
    ):
        blind = _pod(local_account, f"blind-{number}", rights)
        assert "(403)" in _refused(blind.head_object, **missing)
        assert "s3:ListBucket" in _refused(blind.get_object, **missing)


def test_large_objects_go_up_in_parts(billing: Client, bucket: str) -> None:
    content = bytes(range(256)) * 40_000  # more than boto3 sends in one piece
    billing.upload_fileobj(io.BytesIO(content), bucket, f"{OWN}/large")
    found = io.BytesIO()
    billing.download_fileobj(bucket, f"{OWN}/large", found)
    assert hashlib.sha256(found.getvalue()).digest() == hashlib.sha256(content).digest()
    message = _refused(billing.create_multipart_upload, Bucket=bucket, Key=f"{OTHER}/large")
    assert f"s3:PutObject on resource: arn:aws:s3:::{bucket}/{OTHER}/large" in message


TLS_ONLY = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def test_the_policy_of_a_bucket_counts(local_account: LocalAccount) -> None:
    s3, name = local_account.client("s3"), unique("closed")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=name, Key="one", Body=b"1")
    both = [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]
    # Loopback stands in for TLS: this policy refuses nothing here.
    s3.put_bucket_policy(Bucket=name, Policy=document({**TLS_ONLY, "Resource": both}))
    assert s3.get_object(Bucket=name, Key="one")["Body"].read() == b"1"
    old_tls = {"NumericLessThan": {"s3:TlsVersion": 1.2}}
    deny = {**TLS_ONLY, "Resource": both, "Condition": old_tls}
    s3.put_bucket_policy(Bucket=name, Policy=document(deny))
    assert s3.get_object(Bucket=name, Key="one")["Body"].read() == b"1"
    deny["Condition"] = {"NumericLessThan": {"s3:TlsVersion": 1.4}}
    s3.put_bucket_policy(Bucket=name, Policy=document(deny))
    for call in (s3.get_object, s3.put_object):
        message = _refused(call, Bucket=name, Key="one")
        assert f"because explicit deny in policy of bucket {name}" in message
    # Whoever it denies everything cannot take it back either; on AWS only the root user can.
    with pytest.raises(ClientError, match="explicit deny"):
        s3.delete_bucket_policy(Bucket=name)


def test_who_is_named_in_a_bucket_policy_may(local_account: LocalAccount, bucket: str) -> None:
    s3, analyst = local_account.client("s3"), local_account.client("s3", "analyst")
    s3.put_object(Bucket=bucket, Key="shared/one", Body=b"1")
    assert "AccessDenied" in _refused(analyst.get_object, Bucket=bucket, Key="shared/one")
    named = {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/analyst"}}
    statement = {**allow("s3:GetObject", f"arn:aws:s3:::{bucket}/shared/*"), **named}
    s3.put_bucket_policy(Bucket=bucket, Policy=document(statement))
    assert analyst.get_object(Bucket=bucket, Key="shared/one")["Body"].read() == b"1"
    s3.delete_bucket_policy(Bucket=bucket)
    assert "AccessDenied" in _refused(analyst.get_object, Bucket=bucket, Key="shared/one")


def test_encrypted_with_a_key_of_its_own_the_key_has_to_be_allowed_too(
    local_account: LocalAccount,
) -> None:
    s3, name = local_account.client("s3"), unique("encrypted")
    arn = f"arn:aws:s3:::{name}"
    key = local_account.client("kms").create_key()["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rule = {"ApplyServerSideEncryptionByDefault": by_default, "BucketKeyEnabled": True}
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
    may = allow(["s3:GetObject", "s3:PutObject"], f"{arn}/*")
    without = _pod(local_account, "without-key", [may, allow("s3:ListBucket", arn)])
    message = _refused(without.put_object, Bucket=name, Key="one", Body=b"1")
    assert f"is not authorized to perform: kms:GenerateDataKey on resource: {key}" in message
    through = {
        "StringEquals": {
            "kms:ViaService": f"s3.{REGION}.amazonaws.com",
            "kms:EncryptionContext:aws:s3:arn": arn,
        }
    }
    writes = allow("kms:GenerateDataKey", key, Condition=through)
    writer = _pod(local_account, "writer", [may, writes])
    writer.put_object(Bucket=name, Key="one", Body=b"1")
    message = _refused(writer.get_object, Bucket=name, Key="one")
    assert f"kms:Decrypt on resource: {key}" in message
    # The parts of a large object are put together with the key.
    message = _refused(writer.create_multipart_upload, Bucket=name, Key="two")
    assert f"kms:Decrypt on resource: {key}" in message
    reader = _pod(local_account, "reader", [may, allow("kms:Decrypt", key, Condition=through)])
    assert reader.get_object(Bucket=name, Key="one")["Body"].read() == b"1"
    assert reader.head_object(Bucket=name, Key="one")["SSEKMSKeyId"] == key


def test_deleting_versions_is_a_right_of_its_own(local_account: LocalAccount) -> None:
    s3, name = local_account.client("s3"), unique("versions")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=name, Key="one", Body=b"1")["VersionId"]
    s3.put_object(Bucket=name, Key="one", Body=b"2")
    everything = f"arn:aws:s3:::{name}/*"
    pod = _pod(local_account, "deleter", [allow(["s3:DeleteObject", "s3:GetObject"], everything)])
    message = _refused(pod.get_object, Bucket=name, Key="one", VersionId=first)
    assert "s3:GetObjectVersion" in message
    message = _refused(pod.delete_object, Bucket=name, Key="one", VersionId=first)
    assert "s3:DeleteObjectVersion" in message
    version = {"Objects": [{"Key": "one", "VersionId": first}]}
    assert "s3:DeleteObjectVersion" in _refused(pod.delete_objects, Bucket=name, Delete=version)
    pod.delete_object(Bucket=name, Key="one")
    # What is left can be cleared away after versioning was suspended, too.
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})
    listed = s3.list_object_versions(Bucket=name)
    left = [*listed["Versions"], *listed["DeleteMarkers"]]
    for one in left:
        s3.delete_object(Bucket=name, Key="one", VersionId=one["VersionId"])
    s3.delete_bucket(Bucket=name)
