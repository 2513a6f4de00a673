"""The alarms on the rotation of one login: what fails, what is given up, what is overdue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import pulumi_aws as aws
from pulumi import Input, ResourceOptions

from components import naming
from components.alarms import Alarm, declare_alarm


def _at_least_one(
    name: str, metric: str, description: str, statistic: Literal["Maximum", "Sum"] = "Sum"
) -> Alarm:
    return Alarm(
        name=name,
        description=f"{description} docs/rotation.md says what to do.",
        metric=metric,
        statistic=statistic,
        comparison="GreaterThanOrEqualToThreshold",
        threshold=1,
    )


ERRORS = _at_least_one(
    "errors",
    "Errors",
    "A step of the rotation, or the daily look at the login, failed. Clients' login goes on "
    "working, unless the function's log says otherwise.",
)
UNHEARD = _at_least_one(
    "unheard",
    "ApproximateNumberOfMessagesVisible",
    "Events of the rotation could not be handled and wait in the dead-letter queue.",
    "Maximum",
)
LOGGED: Mapping[str, Alarm] = {
    "rotation_failed": _at_least_one(
        "failed",
        "RotationsFailed",
        "Secrets Manager tells that a rotation failed; it tries again by itself for some hours.",
    ),
    "rotation_abandoned": _at_least_one(
        "abandoned",
        "RotationsAbandoned",
        "Secrets Manager gave up a rotation: the login stays as it is until someone rotates it.",
    ),
    "login_overdue": _at_least_one(
        "overdue",
        "LoginsOverdue",
        "The login is older than its interval: a rotation was due and did not happen.",
    ),
}
"""What the function logs as `event`, and what it means that it did."""


def declare_rotation_alarms(
    name: str,
    *,
    prefix: str,
    function_name: str,
    dead_letters: aws.sqs.Queue,
    topic_arn: str,
    opts: ResourceOptions,
) -> None:
    """Declare `<name>-<alarm>` for each of the alarms above; the topic hears of them."""

    def alarm(what: Alarm, namespace: str, dimensions: Mapping[str, Input[str]] | None) -> None:
        declare_alarm(
            name,
            what,
            prefix=prefix,
            namespace=namespace,
            dimensions=dimensions,
            topic_arn=topic_arn,
            opts=opts,
        )

    alarm(ERRORS, "AWS/Lambda", {"FunctionName": function_name})
    alarm(UNHEARD, "AWS/SQS", {"QueueName": dead_letters.name})
    own = f"{prefix}/{name}"
    for word, what in LOGGED.items():
        aws.cloudwatch.LogMetricFilter(
            f"{name}-{what.name}",
            name=naming.alarm_name(prefix, name, what.name),
            log_group_name=naming.lambda_log_group(function_name),
            pattern=f'{{ $.event = "{word}" }}',
            metric_transformation=aws.cloudwatch.LogMetricFilterMetricTransformationArgs(
                namespace=own, name=what.metric, value="1", default_value="0"
            ),
            opts=opts,
        )
        alarm(what, own, None)
