"""Where the logs of tasks are kept: one encrypted bucket per stack, closed to the public.

Who may write and read there is said by the policies that it hands out; roles are declared
elsewhere. Logs of Airflow's own components are not kept here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import ComponentResource, Output, ResourceOptions

from components import iam_documents, naming
from components.airflow import task_log_documents
from components.encryption import encryption_key
from components.rendering import rendered

RECOVERY_DAYS = 7
"""How long a log that was deleted or written over can be brought back."""


@dataclass(frozen=True, kw_only=True)
class TaskLogsArgs:
    """Where the bucket is, and for how long logs are kept in it."""

    prefix: str
    """First words of all physical names, before the component's own name."""
    region: str
    account: str
    retention_days: int
    """Days after which a log is deleted."""
    protected: bool
    """Whether the bucket is hard to delete; otherwise it goes with all that is in it."""


class TaskLogs(ComponentResource):
    """The bucket that tasks write their logs to, and the web interface reads them from."""

    bucket: Output[str]
    """Its name."""

    def __init__(self, name: str, args: TaskLogsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("airflow-postgres:components:TaskLogs", name, None, opts)
        self._args = args
        self._physical = naming.bucket_name(args.prefix, name, args.account)
        self._child = ResourceOptions(parent=self)
        self._key = encryption_key(
            name,
            prefix=args.prefix,
            key_policy=iam_documents.key_policy(region=args.region, account=args.account),
            protected=args.protected,
            opts=self._child,
        )
        bucket = aws.s3.Bucket(
            name,
            bucket=self._physical,
            force_destroy=not args.protected,
            opts=ResourceOptions(parent=self, protect=args.protected),
        )
        self._encrypted(bucket)
        self._closed(bucket)
        self._kept_for_a_time(bucket)

        self.bucket = bucket.bucket
        self.register_outputs({"bucket": self.bucket})

    def url(self, environment: str) -> Output[str]:
        """Where an environment's logs are, as an `s3://` URL."""
        return Output.concat("s3://", self.bucket, "/", environment)

    def write_policy(self, environment: str, workflow: str | None = None) -> Output[str]:
        """IAM policy, as JSON, to write the logs of a workflow's tasks; None: of all workflows."""
        return rendered(
            task_log_documents.write_logs,
            region=self._args.region,
            bucket=self._physical,
            key_arn=self._key.arn,
            names=task_log_documents.patterns(environment, workflow),
        )

    def read_policy(self, environment: str) -> Output[str]:
        """IAM policy, as JSON, to read the logs of an environment's tasks."""
        return rendered(
            task_log_documents.read_logs,
            region=self._args.region,
            bucket=self._physical,
            key_arn=self._key.arn,
            names=task_log_documents.patterns(environment, None),
        )

    def _encrypted(self, bucket: aws.s3.Bucket) -> None:
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{self.pulumi_resource_name}-encryption",
            bucket=bucket.bucket,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=(
                        aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                            sse_algorithm="aws:kms", kms_master_key_id=self._key.arn
                        )
                    ),
                    # One call of KMS for many small objects.
                    bucket_key_enabled=True,
                )
            ],
            opts=self._child,
        )

    def _closed(self, bucket: aws.s3.Bucket) -> None:
        name = self.pulumi_resource_name
        aws.s3.BucketOwnershipControls(
            f"{name}-ownership",
            bucket=bucket.bucket,
            # No ACLs: the account owns all objects, and policies alone say who may read them.
            rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=self._child,
        )
        public_access = aws.s3.BucketPublicAccessBlock(
            f"{name}-public-access",
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._child,
        )
        aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.bucket,
            policy=json.dumps(task_log_documents.tls_only(bucket=self._physical)),
            # S3 refuses two changes of one bucket's access at the same time.
            opts=ResourceOptions(parent=self, depends_on=[public_access]),
        )

    def _kept_for_a_time(self, bucket: aws.s3.Bucket) -> None:
        name = self.pulumi_resource_name
        versioning = aws.s3.BucketVersioning(
            f"{name}-versioning",
            bucket=bucket.bucket,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(
                status="Enabled"
            ),
            opts=self._child,
        )
        everything = aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix="")
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.bucket,
            rules=[
                aws.s3.BucketLifecycleConfigurationRuleArgs(
                    id="expire",
                    status="Enabled",
                    filter=everything,
                    expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(
                        days=self._args.retention_days
                    ),
                    noncurrent_version_expiration=(
                        aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                            noncurrent_days=RECOVERY_DAYS
                        )
                    ),
                    abort_incomplete_multipart_upload=(
                        aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                            days_after_initiation=RECOVERY_DAYS
                        )
                    ),
                ),
            ],
            # Rules on former versions need a bucket that keeps them.
            opts=ResourceOptions(parent=self, depends_on=[versioning]),
        )
