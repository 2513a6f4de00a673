"""CloudWatch: log groups, metric filters on them, alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from local.deploy.drivers.aws import gone_is_fine, pick, removed_tags, tag_list, tags
from local.deploy.drivers.base import Driver, Made, changed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.deploy.target import Target
    from local.deploy.wire import Properties


class LogGroup(Driver):
    """A log group. Names are unique: what a killed run created is found by it."""

    parameters: ClassVar[Mapping[str, str]] = {
        "kmsKeyId": "kmsKeyId",
        "logGroupClass": "logGroupClass",
        "name": "logGroupName",
    }
    inputs = frozenset({*parameters, "retentionInDays", "skipDestroy", "tags"})
    replace = frozenset({"name", "logGroupClass"})

    @override
    def adopt(self, target: Target, inputs: Properties) -> Made | None:
        found = self._find(target, inputs["name"])
        return self._made(found) if found else None

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        logs = target.aws("logs")
        given = {"tags": tags(inputs)} if tags(inputs) else {}
        logs.create_log_group(**pick(inputs, self.parameters), **given)
        self._retain(logs, inputs)
        return self._made(self._find(target, inputs["name"]) or {})

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        logs = target.aws("logs")
        if changed(old, new, "retentionInDays"):
            self._retain(logs, new)
        if changed(old, new, "kmsKeyId"):
            current = (self._find(target, made.id) or {}).get("kmsKeyId")
            if current and not new.get("kmsKeyId"):
                logs.disassociate_kms_key(logGroupName=made.id)
            elif current != new.get("kmsKeyId"):
                logs.associate_kms_key(logGroupName=made.id, kmsKeyId=new["kmsKeyId"])
        if changed(old, new, "tagsAll"):
            if gone := removed_tags(old, new):
                logs.untag_resource(resourceArn=made.outputs["arn"], tagKeys=gone)
            logs.tag_resource(resourceArn=made.outputs["arn"], tags=tags(new))
        return made

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        if not inputs.get("skipDestroy"):
            with gone_is_fine():
                target.aws("logs").delete_log_group(logGroupName=made.id)

    def _retain(self, logs: Any, inputs: Properties) -> None:  # noqa: ANN401 - boto3 has no types
        # 0 is the program's word for "for ever".
        if days := inputs.get("retentionInDays"):
            logs.put_retention_policy(logGroupName=inputs["name"], retentionInDays=days)
        else:
            logs.delete_retention_policy(logGroupName=inputs["name"])

    def _find(self, target: Target, name: str) -> dict[str, Any] | None:
        pages = target.aws("logs").get_paginator("describe_log_groups")
        groups = (
            group for page in pages.paginate(logGroupNamePrefix=name) for group in page["logGroups"]
        )
        return next((group for group in groups if group["logGroupName"] == name), None)

    def _made(self, group: dict[str, Any]) -> Made:
        # AWS gives the ARN of the group's streams; the provider gives that of the group.
        outputs = {"arn": group["arn"].removesuffix(":*")}
        return Made(id=group["logGroupName"], outputs=outputs)


class LogMetricFilter(Driver):
    """A metric filter. Putting it again is the same as putting it once."""

    inputs = frozenset({"logGroupName", "metricTransformation", "name", "pattern"})
    replace = frozenset({"logGroupName", "name"})
    repeatable = True

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        transformation = inputs["metricTransformation"]
        names = {
            "defaultValue": "defaultValue",
            "dimensions": "dimensions",
            "name": "metricName",
            "namespace": "metricNamespace",
            "unit": "unit",
            "value": "metricValue",
        }
        metric = pick(transformation, names)
        if "defaultValue" in metric:
            metric["defaultValue"] = float(metric["defaultValue"])
        target.aws("logs").put_metric_filter(
            logGroupName=inputs["logGroupName"],
            filterName=inputs["name"],
            filterPattern=inputs.get("pattern", ""),
            metricTransformations=[metric],
        )
        # Names are unique within a log group only.
        return Made(id=f"{inputs['logGroupName']}:{inputs['name']}")

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        self.create(target, new)
        return made

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        with gone_is_fine():
            target.aws("logs").delete_metric_filter(
                logGroupName=inputs["logGroupName"], filterName=inputs["name"]
            )


class MetricAlarm(Driver):
    """An alarm on one metric. Putting it again is the same as putting it once."""

    parameters: ClassVar[Mapping[str, str]] = {
        "actionsEnabled": "ActionsEnabled",
        "alarmActions": "AlarmActions",
        "alarmDescription": "AlarmDescription",
        "comparisonOperator": "ComparisonOperator",
        "datapointsToAlarm": "DatapointsToAlarm",
        "evaluationPeriods": "EvaluationPeriods",
        "extendedStatistic": "ExtendedStatistic",
        "insufficientDataActions": "InsufficientDataActions",
        "metricName": "MetricName",
        "name": "AlarmName",
        "namespace": "Namespace",
        "okActions": "OKActions",
        "period": "Period",
        "statistic": "Statistic",
        "threshold": "Threshold",
        "treatMissingData": "TreatMissingData",
        "unit": "Unit",
    }
    inputs = frozenset({*parameters, "dimensions", "tags"})
    replace = frozenset({"name"})
    repeatable = True

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        cloudwatch = target.aws("cloudwatch")
        dimensions = [
            {"Name": name, "Value": value}
            for name, value in sorted((inputs.get("dimensions") or {}).items())
        ]
        cloudwatch.put_metric_alarm(
            **pick(inputs, self.parameters), Dimensions=dimensions, Tags=tag_list(inputs)
        )
        alarm = cloudwatch.describe_alarms(AlarmNames=[inputs["name"]])["MetricAlarms"][0]
        return Made(id=inputs["name"], outputs={"arn": alarm["AlarmArn"]})

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        self.create(target, new)
        if changed(old, new, "tagsAll"):
            # Putting an existing alarm leaves its tags alone.
            cloudwatch, arn = target.aws("cloudwatch"), made.outputs["arn"]
            if gone := removed_tags(old, new):
                cloudwatch.untag_resource(ResourceARN=arn, TagKeys=gone)
            cloudwatch.tag_resource(ResourceARN=arn, Tags=tag_list(new))
        return made

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        target.aws("cloudwatch").delete_alarms(AlarmNames=[inputs["name"]])
