"""Rules for buckets and queues: private, encrypted, TLS only, and nothing in them is lost at once.

Who may read and write them is judged with the other permissions.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.documents import allowing, statements
from policies.resources import Resource, Stack
from policies.rule import Config, Severity, rule, rule_in_stack
from policies.rules.alarms import QUEUE
from policies.rules.databases import key_problems
from policies.rules.grants import DATABASE, SCHEMA
from policies.values import Json, known

BUCKET = "aws:s3/bucket:Bucket"
ENCRYPTION = (
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
)
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
OWNERSHIP = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
PUBLIC_ACCESS = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy"
METADATA = ":MetadataAccess"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"

_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


@rule_in_stack(
    "bucket-not-public",
    of=(BUCKET,),
    severity=Severity.CRITICAL,
    says="No bucket can be made public, by a list or by a policy.",
    mend=f"Declare a BucketPublicAccessBlock of it with {', '.join(_BLOCKS)}.",
    controls=("FSBP S3.8", "CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56", "CKV2_AWS_6"),
)
def bucket_not_public(bucket: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Absent is false, the provider's default; S3's own for new buckets is not relied upon."""
    for path in _BLOCKS:
        if not any(one.value(path) is True for one in stack.users(bucket, PUBLIC_ACCESS)):
            yield f"{path} is not true"


@rule(
    "bucket-policy-not-public",
    of=(POLICY,),
    severity=Severity.CRITICAL,
    says="A bucket's policy lets nobody in whom it does not name.",
    mend="Name the roles that are meant in Principal.",
    controls=("CKV_AWS_70",),
    later=("policy",),
)
def bucket_policy_not_public(policy: Resource, _config: Config) -> Iterator[str]:
    """A condition does not help: it is easily wider than it looks."""
    yield from _public(policy)


@rule_in_stack(
    "bucket-tls-only",
    of=(BUCKET,),
    severity=Severity.HIGH,
    says="A bucket is reached with TLS only.",
    mend="Declare a BucketPolicy that denies s3:* on the bucket and on all in it to everybody "
    'whose aws:SecureTransport is "false".',
    controls=("FSBP S3.5",),
    later=("policy",),
)
def bucket_tls_only(bucket: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """S3 takes plain HTTP as well, until a policy says otherwise."""
    name = bucket.properties.get("bucket")
    for policy in stack.users(bucket, POLICY):
        if any(
            not one.allows
            and ("AWS", "*") in one.principals
            and {"*", "s3:*"} & set(one.actions)
            and one.conditions == (("bool", "aws:securetransport", ("false",)),)
            and {_last(f"{name}"), _last(f"{name}/*")} <= set(map(_last, one.resources))
            for one in statements(policy.document("policy"))
        ):
            return
    yield "no policy of it denies what comes without TLS"


def _last(arn: str) -> str:
    return arn.rpartition(":")[2]


@rule_in_stack(
    "bucket-cmk",
    of=(BUCKET,),
    severity=Severity.HIGH,
    says="A bucket is encrypted with a key of one's own.",
    mend="Declare a BucketServerSideEncryptionConfiguration of it with aws:kms and the key's ARN.",
    controls=("FSBP S3.17", "CKV_AWS_145"),
    later=("rules",),
)
def bucket_cmk(bucket: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Absent is AES256 with a key of S3's, which opens to whoever may read the bucket."""
    by_default = [
        one.get("applyServerSideEncryptionByDefault") if isinstance(one, dict) else None
        for each in stack.users(bucket, ENCRYPTION)
        for one in known(each.items("rules"), "rules")
    ]
    if not by_default:
        yield "no encryption of it is declared: S3's own key is used"
    for one in by_default:
        given = one if isinstance(one, dict) else {}
        if given.get("sseAlgorithm") not in ("aws:kms", "aws:kms:dsse"):
            yield f"sseAlgorithm is {given.get('sseAlgorithm')!r}, not 'aws:kms'"
        key = Resource(urn=bucket.urn, type=ENCRYPTION, name=bucket.name, properties=given)
        yield from key_problems(key, "kmsMasterKeyId")


@rule_in_stack(
    "bucket-versioning",
    of=(BUCKET,),
    severity=Severity.HIGH,
    says="What is overwritten or deleted in a bucket is kept for a time.",
    mend="Declare a BucketVersioning of it with status Enabled.",
    controls=("FSBP S3.14", "CKV_AWS_21"),
)
def bucket_versioning(bucket: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Absent is no versioning; Suspended is none from now on."""
    given = [one.value("versioningConfiguration.status") for one in stack.users(bucket, VERSIONING)]
    if given != ["Enabled"]:
        yield f"its versioning is {given or None}, not Enabled: what a task deletes is gone"


@rule_in_stack(
    "bucket-ownership",
    of=(BUCKET,),
    severity=Severity.HIGH,
    says="All in a bucket belongs to its owner; access lists mean nothing.",
    mend="Declare BucketOwnershipControls of it with BucketOwnerEnforced.",
    controls=("FSBP S3.12", "CKV2_AWS_65"),
)
def bucket_ownership(bucket: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Absent depends on when the bucket was made."""
    given = [one.value("rule.objectOwnership") for one in stack.users(bucket, OWNERSHIP)]
    if given != ["BucketOwnerEnforced"]:
        yield f"its objectOwnership is {given or None}, not BucketOwnerEnforced"


@rule_in_stack(
    "bucket-lifecycle",
    of=(BUCKET,),
    severity=Severity.MEDIUM,
    says="What is in a bucket ends: objects, former versions, uploads that were given up.",
    mend="Declare a BucketLifecycleConfiguration of it with a rule for all, Enabled, for each.",
    controls=("FSBP S3.10", "FSBP S3.13", "CKV2_AWS_61", "CKV_AWS_300"),
)
def bucket_lifecycle(bucket: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Absent is for ever. A rule with a prefix or tags is not for all, and does not count."""
    rules = [
        one
        for each in stack.users(bucket, LIFECYCLE)
        for one in known(each.items("rules"), "rules")
        if isinstance(one, dict) and one.get("status") == "Enabled" and _is_for_all(one)
    ]
    for element, unit in (
        ("expiration", "days"),
        ("noncurrentVersionExpiration", "noncurrentDays"),
        ("abortIncompleteMultipartUpload", "daysAfterInitiation"),
    ):
        if not any(_days(one.get(element), unit) > 0 for one in rules):
            yield f"no rule for all of it has {element}.{unit}: it is kept for ever"


def _is_for_all(one: dict[str, Json]) -> bool:
    return not one.get("prefix") and one.get("filter") in (None, {}, {"prefix": ""})


def _days(element: Json, unit: str) -> float:
    days = element.get(unit) if isinstance(element, dict) else None
    return days if isinstance(days, int | float) else 0


@rule(
    "bucket-kept",
    of=(BUCKET,),
    severity=Severity.HIGH,
    says="A bucket that has something in it is not deleted.",
    mend="Set forceDestroy to false.",
)
def bucket_kept(bucket: Resource, _config: Config) -> Iterator[str]:
    """Absent is false: the provider's default."""
    if bucket.value("forceDestroy") not in (None, False):
        yield "forceDestroy is not false: all in it goes with it"


@rule(
    "queue-encrypted",
    of=(QUEUE,),
    severity=Severity.HIGH,
    says="A queue is encrypted.",
    mend="Set sqsManagedSseEnabled to true, or kmsMasterKeyId.",
    controls=("FSBP SQS.1", "CKV_AWS_27"),
)
def queue_encrypted(queue: Resource, _config: Config) -> Iterator[str]:
    """Absent is whatever SQS does for new queues; a key that is not yet known is one."""
    if not queue.is_set("kmsMasterKeyId") and queue.value("sqsManagedSseEnabled") is not True:
        yield "neither sqsManagedSseEnabled is true nor kmsMasterKeyId set"


@rule(
    "queue-not-public",
    of=(QUEUE, QUEUE_POLICY),
    severity=Severity.CRITICAL,
    says="A queue's policy lets nobody in whom it does not name.",
    mend="Name the roles or the service that are meant in Principal, or have no policy.",
    controls=("FSBP SQS.3", "CKV_AWS_168"),
    later=("policy",),
)
def queue_not_public(queue: Resource, _config: Config) -> Iterator[str]:
    """Absent is only the account's own IAM."""
    yield from _public(queue)


@rule(
    "queue-keeps",
    of=(QUEUE,),
    severity=Severity.MEDIUM,
    says="What nobody could handle waits long enough for people to come back.",
    mend="Set messageRetentionSeconds to that many days; fourteen are the most.",
    parameters={"days": {"type": "integer", "minimum": 1, "maximum": 14, "default": 14}},
)
def queue_keeps(queue: Resource, config: Config) -> Iterator[str]:
    """Absent is four days: SQS's default."""
    seconds = queue.number("messageRetentionSeconds")
    if not seconds or seconds < config["days"] * 86_400:
        yield f"messageRetentionSeconds is {seconds}, less than {config['days']} days"


def _public(resource: Resource) -> Iterator[str]:
    for one in allowing(resource.document("policy")):
        if "NotPrincipal" in one.negated or any("*" in who for _, who in one.principals):
            yield f"{one.label} of policy lets everybody in"


@rule_in_stack(
    "data-protect",
    of=(BUCKET, DATABASE, SCHEMA),
    severity=Severity.HIGH,
    says="No deployment deletes a database, Airflow's schema or its logs.",
    mend="Declare it with the option protect.",
)
def data_protect(one: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Workflows' schemas are not protected: those that are given up stay unless `drop` is said."""
    of_airflow = one.type != SCHEMA or stack.component(one, METADATA) is not None
    if of_airflow and not one.protect:
        yield "it has no option protect: a change that replaces it would be carried out"
