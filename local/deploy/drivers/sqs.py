"""SQS: queues. Messages are the account's business."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from local.deploy.drivers.aws import existing, gone_is_fine, removed_tags, tags
from local.deploy.drivers.base import Driver, Made, changed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.deploy.target import Target
    from local.deploy.wire import Properties


class Queue(Driver):
    """A standard queue. Names are unique: what a killed run created is found by it."""

    attributes: ClassVar[Mapping[str, str]] = {
        "delaySeconds": "DelaySeconds",
        "kmsMasterKeyId": "KmsMasterKeyId",
        "maxMessageSize": "MaximumMessageSize",
        "messageRetentionSeconds": "MessageRetentionPeriod",
        "policy": "Policy",
        "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
        "redrivePolicy": "RedrivePolicy",
        "sqsManagedSseEnabled": "SqsManagedSseEnabled",
        "visibilityTimeoutSeconds": "VisibilityTimeout",
    }
    inputs = frozenset({*attributes, "name", "tags"})
    replace = frozenset({"name"})

    @override
    def adopt(self, target: Target, inputs: Properties) -> Made | None:
        found = existing(target.aws("sqs").get_queue_url, QueueName=inputs["name"])
        return self._made(target, found["QueueUrl"]) if found else None

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        queue = target.aws("sqs").create_queue(
            QueueName=inputs["name"], Attributes=self._attributes(inputs), tags=tags(inputs)
        )
        return self._made(target, queue["QueueUrl"])

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        sqs = target.aws("sqs")
        if changed(old, new, *self.attributes):
            sqs.set_queue_attributes(QueueUrl=made.id, Attributes=self._attributes(new))
        if changed(old, new, "tagsAll"):
            if gone := removed_tags(old, new):
                sqs.untag_queue(QueueUrl=made.id, TagKeys=gone)
            sqs.tag_queue(QueueUrl=made.id, Tags=tags(new))
        return made

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        with gone_is_fine():
            target.aws("sqs").delete_queue(QueueUrl=made.id)

    def _attributes(self, inputs: Properties) -> dict[str, str]:
        return {
            name: str(inputs[key]).lower() if isinstance(inputs[key], bool) else str(inputs[key])
            for key, name in self.attributes.items()
            if inputs.get(key) is not None
        }

    def _made(self, target: Target, url: str) -> Made:
        found = target.aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return Made(id=url, outputs={"arn": found["Attributes"]["QueueArn"], "url": url})
