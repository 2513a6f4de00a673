"""Rules for alarms: each instance and each rotation has them, and somebody hears of them.

The thresholds themselves are the components' business: here they only have to be able to fire.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from policies.resources import Resource, Stack
from policies.rule import Config, Severity, rule, rule_of_stack
from policies.rules.databases import INSTANCE
from policies.rules.logs import FILTER
from policies.rules.separation import PROXY
from policies.values import is_unknown

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
QUEUE = "aws:sqs/queue:Queue"
ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"
FUNCTION = "aws:lambda/function:Function"

CONNECTIONS = "DatabaseConnections"
"""An instance that does not answer publishes none of it."""
EVENTS = ("rotation_failed", "rotation_abandoned", "login_overdue")
"""What the function of a rotation logs as `event`, and somebody has to hear of."""

# What has to be watched: namespace, dimension, the property that is its value, metrics.
_WATCHED: Mapping[str, tuple[str, str, str, tuple[str, ...]]] = {
    INSTANCE: (
        "AWS/RDS",
        "DBInstanceIdentifier",
        "identifier",
        (
            CONNECTIONS,
            "FreeStorageSpace",
            "FreeableMemory",
            "CPUUtilization",
            "MaximumUsedTransactionIDs",
        ),
    ),
    PROXY: (
        "AWS/RDS",
        "ProxyName",
        "name",
        ("DatabaseConnectionsSetupFailed", "ClientConnectionsSetupFailedAuth"),
    ),
    QUEUE: ("AWS/SQS", "QueueName", "name", ("ApproximateNumberOfMessagesVisible",)),
}
Metric: TypeAlias = tuple[str, str]
"""A namespace and a name."""


@rule_of_stack(
    "alarms-present",
    of=tuple(_WATCHED),
    severity=Severity.HIGH,
    says="Every instance, proxy and dead-letter queue has the alarms that tell of its end in time.",
    mend="Declare an alarm on that metric of that resource.",
)
def alarms_present(stack: Stack, _config: Config) -> Iterator[str]:
    """By what a metric is about: its dimension, or what that comes from."""
    heard: set[tuple[str, ...]] = set()
    for alarm in stack.of(ALARM):
        metric = _metric_of(alarm)
        dimensions = alarm.properties.get("dimensions")
        heard |= {(*metric, one.urn) for one in stack.origins(alarm, "dimensions")}
        if isinstance(dimensions, Mapping):
            heard |= {
                (*metric, key, str(value))
                for key, value in dimensions.items()
                if not is_unknown(value)
            }
    for type_, (namespace, dimension, key, metrics) in _WATCHED.items():
        for resource in stack.of(type_):
            for metric_name in metrics:
                by_name = (namespace, metric_name, dimension, str(resource.properties.get(key)))
                if not {by_name, (namespace, metric_name, resource.urn)} & heard:
                    yield f"no alarm is on {metric_name} of {resource.label}"


@rule_of_stack(
    "alarms-of-rotations",
    of=(ROTATION,),
    severity=Severity.HIGH,
    says="Somebody hears of a rotation that failed, was given up or is overdue, or whose function "
    "fails.",
    mend="Declare a metric filter on its function's log group for each event, with an alarm, and "
    "an alarm on the function's Errors.",
    controls=("FSBP SecretsManager.2",),
)
def alarms_of_rotations(stack: Stack, _config: Config) -> Iterator[str]:
    """The function logs each as JSON. That it is this stack's is for another rule to say."""
    patterns: dict[str, list[str]] = defaultdict(list)
    for one in stack.of(FILTER):
        patterns[str(one.value("logGroupName"))].append(str(one.value("pattern")))
    failing = {
        str(alarm.value("dimensions.FunctionName"))
        for alarm in stack.of(ALARM)
        if _metric_of(alarm) == ("AWS/Lambda", "Errors")
    }
    for rotation in stack.of(ROTATION):
        functions = stack.origins(rotation, "rotationLambdaArn", type_=FUNCTION)
        for name in (str(one.value("name")) for one in functions):
            if name not in failing:
                yield f"no alarm is on Errors of {name}, which rotates {rotation.name}"
            for event in EVENTS:
                if not any(f'"{event}"' in one for one in patterns[f"/aws/lambda/{name}"]):
                    yield f"no metric filter looks for {event} in the log of {name}"


@rule_of_stack(
    "alarms-on-filters",
    of=(FILTER, ALARM),
    severity=Severity.HIGH,
    says="What is counted in a log has an alarm, and each such alarm is on something counted.",
    mend="Give the metric filter and the alarm the same namespace and metric.",
)
def alarms_on_filters(stack: Stack, _config: Config) -> Iterator[str]:
    """AWS's own namespaces are fed by AWS; a metric of one's own has no dimensions here."""
    counted = {_counted(one): one for one in stack.of(FILTER)}
    watched = {_metric_of(one): one for one in stack.of(ALARM) if not one.value("dimensions")}
    for metric, one in counted.items():
        if metric not in watched:
            yield f"no alarm is on {metric[1]!r} of {metric[0]!r}, which {one.name} counts"
    for metric, one in watched.items():
        if metric not in counted and not metric[0].startswith("AWS/"):
            yield f"{one.name} is on {metric[1]!r} of {metric[0]!r}, which no filter counts"


@rule(
    "alarms-have-actions",
    of=(ALARM,),
    severity=Severity.HIGH,
    says="Somebody hears of an alarm, of its start and of its end.",
    mend="Set alarmActions and okActions to a topic, and leave actionsEnabled as it is.",
    controls=("CKV_AWS_319",),
)
def alarms_have_actions(alarm: Resource, _config: Config) -> Iterator[str]:
    """Absent and empty are nobody; actionsEnabled is true where it is absent."""
    for path in ("alarmActions", "okActions"):
        if not any(alarm.items(path)):
            yield f"{path} is empty: nobody hears of it"
    if alarm.value("actionsEnabled") not in (None, True):
        yield "actionsEnabled is not true: nobody hears of it"


@rule(
    "alarm-missing-data",
    of=(ALARM,),
    severity=Severity.HIGH,
    says="An alarm says what silence means; that of an instance's connections is one.",
    mend=f"Set treatMissingData to notBreaching, or to breaching where it is of {CONNECTIONS}.",
)
def alarm_missing_data(alarm: Resource, _config: Config) -> Iterator[str]:
    """Absent is `missing`: it stays as it was. An instance that is down publishes nothing."""
    given = alarm.value("treatMissingData")
    if alarm.value("metricName") == CONNECTIONS:
        if given != "breaching":
            yield f"treatMissingData is {given!r}: nobody hears that the instance is gone"
    elif given not in ("breaching", "notBreaching"):
        yield f"treatMissingData is {given!r}: it has to be breaching or notBreaching"


@rule(
    "alarm-can-fire",
    of=(ALARM,),
    severity=Severity.HIGH,
    says="An alarm compares in the direction in which its metric gets worse, with a threshold.",
    mend="Set comparisonOperator, threshold, period and evaluationPeriods.",
)
def alarm_can_fire(alarm: Resource, _config: Config) -> Iterator[str]:
    """What is free gets worse as it shrinks. Absent or zero never fires, or always."""
    metric = str(alarm.value("metricName"))
    worse = "LessThan" if metric.startswith("Free") else "GreaterThan"
    given = alarm.value("comparisonOperator")
    if not str(given).startswith(worse):
        yield f"comparisonOperator is {given!r}: {metric} is worse when it is {worse}"
    for path in ("threshold", "period", "evaluationPeriods"):
        if not (number := alarm.number(path)) or number < 0:
            yield f"{path} is {number}: it never fires, or always"


def _metric_of(alarm: Resource) -> Metric:
    return str(alarm.value("namespace")), str(alarm.value("metricName"))


def _counted(one: Resource) -> Metric:
    namespace, name = (one.value(f"metricTransformation.{key}") for key in ("namespace", "name"))
    return str(namespace), str(name)
