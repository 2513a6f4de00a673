"""S3: buckets. What is set on a bucket is a resource of its own, see `s3_settings`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from typing_extensions import override

from local.deploy.drivers.aws import existing, gone_is_fine, is_gone, tag_list, tags
from local.deploy.drivers.base import Driver, DriverError, Made, changed

if TYPE_CHECKING:
    from local.deploy.target import Target
    from local.deploy.wire import Properties

# The region whose buckets are made without naming it.
_FIRST_REGION = "us-east-1"


class Bucket(Driver):
    """A bucket. Names are unique: what a killed run created is found by it.

    As at the provider, `forceDestroy` has to be in what was applied last: the objects of a bucket
    without it are never deleted.
    """

    inputs = frozenset({"bucket", "forceDestroy", "tags"})
    replace = frozenset({"bucket"})

    @override
    def refusal(self, inputs: Properties, provider: Properties) -> str:
        named = bool(inputs.get("bucket"))
        return "" if named else "bucket is needed: this engine does not choose names"

    @override
    def adopt(self, target: Target, inputs: Properties) -> Made | None:
        name = inputs["bucket"]
        found = existing(target.aws("s3").get_bucket_location, Bucket=name)
        return self._made(target, name) if found else None

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        name = inputs["bucket"]
        where = {"CreateBucketConfiguration": {"LocationConstraint": target.region}}
        target.aws("s3").create_bucket(
            Bucket=name, **(where if target.region != _FIRST_REGION else {})
        )
        self._tag(target, {}, inputs)
        return self._made(target, name)

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        self._tag(target, old, new)
        return made

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        client = target.aws("s3")
        try:
            if inputs.get("forceDestroy"):
                _empty(client, made.id)
            client.delete_bucket(Bucket=made.id)
        except ClientError as error:
            if error.response["Error"]["Code"] == "BucketNotEmpty":
                raise DriverError(
                    f"bucket {made.id} has objects: set forceDestroy and run `up`, or empty it"
                ) from error
            if not is_gone(error):
                raise

    def _tag(self, target: Target, old: Properties, new: Properties) -> None:
        if not changed(old, new, "tagsAll"):
            return
        client = target.aws("s3")
        if tags(new):
            client.put_bucket_tagging(Bucket=new["bucket"], Tagging={"TagSet": tag_list(new)})
        elif tags(old):
            with gone_is_fine():
                client.delete_bucket_tagging(Bucket=new["bucket"])

    def _made(self, target: Target, name: str) -> Made:
        outputs = {
            "arn": f"arn:aws:s3:::{name}",
            "bucketDomainName": f"{name}.s3.amazonaws.com",
            "bucketRegion": target.region,
            "bucketRegionalDomainName": f"{name}.s3.{target.region}.amazonaws.com",
        }
        return Made(id=name, outputs=outputs)


def _empty(client: Any, bucket: str) -> None:  # noqa: ANN401 - boto3 has no types
    """Delete all versions of all objects, and the uploads that were never completed."""
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        objects = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
        if objects:
            answer = client.delete_objects(Bucket=bucket, Delete={"Objects": objects})
            if refused := answer.get("Errors"):
                raise DriverError(f"{refused[0]['Key']}: {refused[0]['Message']}")
    for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        for upload in page.get("Uploads", []):
            client.abort_multipart_upload(
                Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"]
            )
