"""S3 as IAM sees it: actions of operations, ARNs, condition keys, and the KMS keys behind.

It decides nothing. Objects and their bytes are moto's; ACLs and public access are not served, so a
bucket's policy is all that can open it to others than its account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey

from local.account.errors import RefusedError
from local.account.iam import Policy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moto.core.request import Request

    from local.account.backends import Backends
    from local.account.calls import Call

ACTIONS = {
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteObjects": "DeleteObject",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListParts": "ListMultipartUploadParts",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "UploadPart": "PutObject",
}
"""The IAM action of each operation that has another name, or none of its own."""

# With a version they are actions of their own.
_VERSIONED = {"DeleteObject", "DeleteObjects", "GetObject", "GetObjectTagging", "HeadObject"}
_READS = {"GetObject", "HeadObject"}
_UPLOADS = {"CompleteMultipartUpload", "CreateMultipartUpload", "UploadPart"}
_WRITES = {*_UPLOADS, "CopyObject", "PutObject"}
_KMS = "aws:kms"


class Bucket(FakeBucket):
    """A bucket whose policy the account judges, with conditions; moto would judge without them."""

    def get_permission(self, action: str, resource: str) -> PermissionResult:
        """Leave the decision to the account, which made it before."""
        del action, resource
        return PermissionResult.NEUTRAL


class DeleteMarker(FakeDeleteMarker):
    """What a delete leaves of an object with versions."""

    def dispose(self) -> None:
        """Let nothing go: it holds nothing."""


def action_of(name: str, parameters: Mapping[str, Any]) -> str:
    """The IAM action of an operation with these parameters."""
    action = ACTIONS.get(name, name)
    if name in _VERSIONED and any(one.get("VersionId") for one in _objects(parameters)):
        action += "Version"
    return f"s3:{action}"


def check_readable(request: Request, parameters: Mapping[str, Any]) -> None:
    """See that there is only one way to read which bucket and which objects a request means.

    Raises:
        RefusedError: moto could carry out another request than the one that is decided on.
    """
    host = request.host.partition(":")[0]
    if not host.replace(".", "").isdigit():
        raise _ambiguous(f"buckets are named in the path here, not in the host {host}")
    names = [str(parameters[name]) for name in ("Bucket", "Key") if parameters.get(name)]
    # A bucket's own path may end in a slash; a key's slashes are its own.
    path = request.path if len(names) > 1 else request.path.rstrip("/") or "/"
    if path != "/" + "/".join(names) or any(name.startswith("/") for name in names):
        raise _ambiguous("the path is not /<bucket>/<key>")
    twice = [name for name, values in request.args.lists() if len(values) > 1]
    if twice:
        raise _ambiguous(f"{min(twice)} is said twice")
    if len({bool(one.get("VersionId")) for one in _objects(parameters)}) > 1:
        raise _ambiguous("some of the objects have a version and some have none")


def _ambiguous(what: str) -> RefusedError:
    return RefusedError("unknown operation", f"The request is not clear: {what}.")


def _objects(parameters: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The objects that a call names."""
    named = [parameters] if parameters.get("Key") else []
    return [*named, *(parameters.get("Delete") or {}).get("Objects", ())]


def arns(parameters: Mapping[str, Any], _backends: Backends) -> tuple[str, ...]:
    """The bucket, or the objects, that a call is about."""
    bucket = parameters.get("Bucket")
    if not bucket:
        return ()
    found = tuple(f"{bucket_arn(bucket)}/{one['Key']}" for one in _objects(parameters))
    return found or (bucket_arn(bucket),)


def bucket_arn(bucket: str) -> str:
    """The ARN of a bucket; it names neither region nor account."""
    return f"arn:aws:s3:::{bucket}"


def context(parameters: Mapping[str, Any]) -> dict[str, str | None]:
    """The condition keys of a call."""
    maximum = parameters.get("MaxKeys")
    return {
        "s3:authtype": "REST-HEADER",
        "s3:delimiter": parameters.get("Delimiter"),
        "s3:max-keys": None if maximum is None else str(maximum),
        "s3:prefix": parameters.get("Prefix"),
        "s3:signatureversion": "AWS4-HMAC-SHA256",
        # As with aws:SecureTransport, the loopback interface stands in for TLS.
        "s3:tlsversion": "1.3",
        "s3:versionid": parameters.get("VersionId"),
        "s3:x-amz-acl": parameters.get("ACL"),
        "s3:x-amz-server-side-encryption": parameters.get("ServerSideEncryption"),
        "s3:x-amz-server-side-encryption-aws-kms-key-id": parameters.get("SSEKMSKeyId"),
        "s3:x-amz-storage-class": parameters.get("StorageClass"),
    }


def policy_of(arn: str, backends: Backends) -> Policy | None:
    """The policy of the bucket that `arn` is, or lies in."""
    name = arn.split(":", 5)[5].partition("/")[0]
    bucket = backends.buckets.get(name)
    if bucket is None or not bucket.policy:
        return None
    return Policy(f"policy of bucket {name}", bucket.policy.decode())


def copied(call: Call) -> str | None:
    """The ARN of the object that a call reads in order to write another one."""
    source = call.parameters.get("CopySource")
    return f"arn:aws:s3:::{unquote(str(source).partition('?')[0]).lstrip('/')}" if source else None


def hidden(call: Call, backends: Backends) -> str | None:
    """The ARN of the bucket whose list would tell that the object of a read does not exist.

    Without the right to list it S3 says 403 instead of 404. A condition on `s3:prefix` is compared
    with the object's whole name then (github.com/ceph/ceph/pull/68577 tells how AWS does it).
    """
    if call.service != "s3" or call.name not in _READS:
        return None
    bucket = backends.buckets.get(str(call.parameters["Bucket"]))
    if bucket is None or call.parameters["Key"] in bucket.keys:
        return None
    return bucket_arn(bucket.name)


def key_used(call: Call, backends: Backends) -> tuple[str, tuple[str, ...]]:
    """The customer's KMS key that S3 uses on the caller's behalf, and the actions on it.

    The key is empty when none is used: then AWS's own serves everyone.
    """
    bucket = backends.buckets.get(str(call.parameters.get("Bucket")))
    if call.service != "s3" or bucket is None:
        return "", ()
    if call.name in _WRITES:
        # The parts of an upload are read again to be put together.
        more = ("kms:Decrypt",) if call.name in _UPLOADS else ()
        return _key_of_new(call.parameters, bucket), ("kms:GenerateDataKey", *more)
    if call.name in _READS:
        found = bucket.keys.get(call.parameters["Key"])
        held = found.kms_key_id if isinstance(found, FakeKey) and found.encryption == _KMS else ""
        return _customers(held), ("kms:Decrypt",)
    return "", ()


def encryption_context(call: Call, backends: Backends) -> str:
    """What S3 names to KMS: the bucket when it has a bucket key, the object when not."""
    bucket = backends.buckets[str(call.parameters["Bucket"])]
    rule = (bucket.encryption or {}).get("Rule", {})
    if str(rule.get("BucketKeyEnabled", "false")).lower() == "true":
        return bucket_arn(bucket.name)
    return arns(call.parameters, backends)[0]


def _key_of_new(parameters: Mapping[str, Any], bucket: FakeBucket) -> str:
    """The customer's key that an object is going to be encrypted with."""
    rule = (bucket.encryption or {}).get("Rule", {}).get("ApplyServerSideEncryptionByDefault", {})
    algorithm = parameters.get("ServerSideEncryption") or rule.get("SSEAlgorithm")
    key = parameters.get("SSEKMSKeyId") or rule.get("KMSMasterKeyID")
    return _customers(key) if algorithm == _KMS else ""


def _customers(key: object) -> str:
    name = str(key or "")
    return "" if name.rpartition(":")[2].startswith("alias/aws/") else name
