"""Rules for what is recorded of instances: their logs, their load, RDS's own events.

What the log says is decided by the parameter groups (`parameters`); its log group, and the alarms,
are judged elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.resources import Resource, Stack
from policies.rule import Config, Severity, rule, rule_in_stack
from policies.rules.databases import INSTANCE, key_problems
from policies.rules.separation import PARAMETER_GROUP
from policies.values import is_unknown, known

SUBSCRIPTION = "aws:rds/eventSubscription:EventSubscription"
LOGS = ("postgresql", "upgrade")
INTERVALS = (1, 5, 10, 15, 30, 60)
"""Seconds that enhanced monitoring may be set to; 0 is off."""

_EVENTS = {
    INSTANCE: (
        "db-instance",
        "identifier",
        (
            "availability",
            "configuration change",
            "deletion",
            "failover",
            "failure",
            "low storage",
            "maintenance",
        ),
    ),
    PARAMETER_GROUP: ("db-parameter-group", "name", ("configuration change",)),
}


@rule(
    "rds-logs",
    of=(INSTANCE,),
    severity=Severity.MEDIUM,
    says="PostgreSQL's log and that of upgrades are in CloudWatch.",
    mend=f"Set enabledCloudwatchLogsExports to {', '.join(LOGS)}.",
    controls=("FSBP RDS.9", "FSBP RDS.36", "CKV_AWS_129"),
)
def rds_logs(instance: Resource, _config: Config) -> Iterator[str]:
    """Absent is none: the instance keeps its logs for three days."""
    path = "enabledCloudwatchLogsExports"
    exported = known(instance.items(path), path)
    for log in LOGS:
        if log not in exported:
            yield f"{path} lacks {log!r}: it is gone after three days, and with the instance"


@rule(
    "rds-enhanced-monitoring",
    of=(INSTANCE,),
    severity=Severity.MEDIUM,
    says="The operating system below an instance is measured.",
    mend="Set monitoringInterval to a minute or less, and monitoringRoleArn.",
    controls=("FSBP RDS.6", "CKV_AWS_118"),
)
def rds_enhanced_monitoring(instance: Resource, _config: Config) -> Iterator[str]:
    """Absent and zero are off; RDS takes an interval only with a role."""
    interval = instance.number("monitoringInterval")
    if interval not in INTERVALS:
        yield f"monitoringInterval is {interval}, not one of {', '.join(map(str, INTERVALS))}"
    if not instance.is_set("monitoringRoleArn"):
        yield "monitoringRoleArn is not set: RDS has no role to write what it measures"


@rule(
    "rds-perf-insights",
    of=(INSTANCE,),
    severity=Severity.MEDIUM,
    says="Performance Insights shows which statements an instance waits for.",
    mend="Set performanceInsightsEnabled to true.",
    controls=("CKV_AWS_353",),
)
def rds_perf_insights(instance: Resource, _config: Config) -> Iterator[str]:
    """Absent is false: the provider's default."""
    if instance.value("performanceInsightsEnabled") is not True:
        yield "performanceInsightsEnabled is not true: nobody can tell what made it slow"


@rule(
    "rds-perf-insights-cmk",
    of=(INSTANCE,),
    severity=Severity.HIGH,
    says="What Performance Insights keeps, statements among it, has a key of one's own.",
    mend="Set performanceInsightsKmsKeyId to the ARN of a key.",
    controls=("CKV_AWS_354",),
    later=("performanceInsightsKmsKeyId",),
)
def rds_perf_insights_cmk(instance: Resource, _config: Config) -> Iterator[str]:
    """Asked only where it is enabled; whether it has to be is for another rule to say."""
    if instance.value("performanceInsightsEnabled"):
        yield from key_problems(instance, "performanceInsightsKmsKeyId")


@rule_in_stack(
    "rds-events",
    of=(INSTANCE, PARAMETER_GROUP),
    severity=Severity.MEDIUM,
    says="Somebody hears of what RDS does to an instance, and of changed parameters.",
    mend="Declare an event subscription with these sources and categories, enabled, with a topic.",
    controls=("FSBP RDS.20", "FSBP RDS.21"),
)
def rds_events(source: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """A subscription without sources hears of all, one without categories of everything.

    That of RDS.22 is about groups of a network that AWS has switched off.
    """
    type_, key, wanted = _EVENTS[source.type]
    heard: set[str] = set()
    for one in stack.of(SUBSCRIPTION):
        if one.value("sourceType") == type_ and _is_about(one, stack, source, key):
            categories = known(one.items("eventCategories"), "eventCategories")
            heard.update(map(str, categories or wanted))
    if missing := [one for one in wanted if one not in heard]:
        yield f"no subscription of {type_} tells of its {', '.join(missing)}"


def _is_about(subscription: Resource, stack: Stack, source: Resource, key: str) -> bool:
    """Tell whether a subscription is on, and hears of a source."""
    if subscription.value("enabled") is False or not subscription.is_set("snsTopic"):
        return False
    given = subscription.items("sourceIds")
    if not given:
        return True
    if any(map(is_unknown, given)) and source in stack.origins(subscription, "sourceIds"):
        return True
    return source.properties.get(key) in [one for one in given if not is_unknown(one)]
