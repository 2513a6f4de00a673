"""CloudWatch alarms: one shape for all of them. What to watch is said by the components."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pulumi_aws as aws
from pulumi import Input, ResourceOptions

from components import naming

PERIOD_SECONDS = 300
"""Five minutes: long enough for RDS, which publishes one value a minute, to repeat itself."""


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """When a metric is worth waking someone."""

    name: str
    """Last word of the alarm's name."""
    description: str
    """What it means, and what to look at first."""
    metric: str
    statistic: Literal["Average", "Maximum", "Minimum", "Sum"]
    comparison: Literal["GreaterThanOrEqualToThreshold", "LessThanThreshold"]
    threshold: float
    """In the unit of the metric."""
    periods: int = 1
    """Periods of `PERIOD_SECONDS` in a row."""
    missing: Literal["breaching", "notBreaching"] = "notBreaching"
    """What a period without any value counts as."""


def declare_alarm(
    name: str,
    alarm: Alarm,
    *,
    prefix: str,
    namespace: str,
    dimensions: Mapping[str, Input[str]] | None,
    topic_arn: str,
    opts: ResourceOptions,
) -> aws.cloudwatch.MetricAlarm:
    """Declare `alarm` as `<name>-<alarm>`; the topic hears of its start and of its end."""
    return aws.cloudwatch.MetricAlarm(
        f"{name}-{alarm.name}",
        name=naming.alarm_name(prefix, name, alarm.name),
        alarm_description=alarm.description,
        namespace=namespace,
        metric_name=alarm.metric,
        dimensions=dimensions,
        statistic=alarm.statistic,
        comparison_operator=alarm.comparison,
        threshold=alarm.threshold,
        period=PERIOD_SECONDS,
        evaluation_periods=alarm.periods,
        treat_missing_data=alarm.missing,
        alarm_actions=[topic_arn],
        ok_actions=[topic_arn],
        opts=opts,
    )
