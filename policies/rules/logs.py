"""Rules for log groups, and for what is counted in PostgreSQL's logs.

Which lines a server writes is decided by its parameters; who is woken by a count in `alarms`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from policies.resources import Resource, Stack
from policies.rule import Config, Severity, rule, rule_of_stack
from policies.rules.databases import INSTANCE, key_problems
from policies.rules.separation import PROXY

LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"

# What has to be counted in the log of every instance: words of PostgreSQL's own, or of pgaudit's.
_REFUSED = ("PAM authentication failed", "password authentication failed", "no pg_hba.conf entry")
_ROLES = ("AUDIT: SESSION", ",ROLE,")


@rule(
    "log-retention",
    of=(LOG_GROUP,),
    severity=Severity.HIGH,
    says="Logs are kept for the days that the environment says, and not for ever.",
    mend="Set retentionInDays to that many days or more.",
    controls=("CKV_AWS_66", "CKV_AWS_338"),
    parameters={"days": {"type": "integer", "minimum": 1, "default": 365}},
)
def log_retention(group: Resource, config: Config) -> Iterator[str]:
    """Absent and zero are for ever: names of people are in these logs."""
    days = group.number("retentionInDays")
    if not days or days < config["days"]:
        yield f"retentionInDays is {days}, not {config['days']} or more; without a number, for ever"


@rule(
    "log-cmk",
    of=(LOG_GROUP,),
    severity=Severity.HIGH,
    says="Logs are encrypted with a key of one's own.",
    mend="Set kmsKeyId to the ARN of a key whose policy lets CloudWatch Logs use it.",
    controls=("CKV_AWS_158",),
    later=("kmsKeyId",),
)
def log_cmk(group: Resource, _config: Config) -> Iterator[str]:
    """Absent is a key of AWS's."""
    yield from key_problems(group, "kmsKeyId")


@rule_of_stack(
    "log-groups-declared",
    of=(INSTANCE, PROXY),
    severity=Severity.HIGH,
    says="Where RDS writes a log, its group is declared: one that it makes is kept for ever.",
    mend="Declare a log group with the name that RDS uses, before the instance or the proxy.",
)
def log_groups_declared(stack: Stack, _config: Config) -> Iterator[str]:
    """RDS makes the group that it misses, with AWS's key and no end."""
    declared = {str(group.value("name")) for group in stack.of(LOG_GROUP)}
    for instance in stack.of(INSTANCE):
        for log in instance.items("enabledCloudwatchLogsExports"):
            if (name := _rds_log(instance, str(log))) not in declared:
                yield f"there is no log group {name}, where {instance.name} writes"
    for proxy in stack.of(PROXY):
        if (name := f"/aws/rds/proxy/{proxy.value('name')}") not in declared:
            yield f"there is no log group {name}, where {proxy.name} writes"


@rule_of_stack(
    "audit-watched",
    of=(INSTANCE, FILTER),
    severity=Severity.HIGH,
    says="Refused logins, logins of the master and changed roles are counted on every instance.",
    mend="Declare a metric filter on the instance's log group postgresql, with those words.",
)
def audit_watched(stack: Stack, _config: Config) -> Iterator[str]:
    """The words are those of PostgreSQL and pgaudit; `-` before one means that it is left out."""
    patterns = defaultdict(list)
    for one in stack.of(FILTER):
        patterns[str(one.value("logGroupName"))].append(str(one.value("pattern")))
    for instance in stack.of(INSTANCE):
        log = _rds_log(instance, "postgresql")
        for what, words in _watched(instance).items():
            if not any(_looks_for(pattern, words) for pattern in patterns[log]):
                yield f"no filter on {log} counts {what}: it looks for {', '.join(words)}"


def _watched(instance: Resource) -> Mapping[str, tuple[str, ...]]:
    return {
        "refused logins": _REFUSED,
        "logins of the master": (f"connection authorized: user={instance.value('username')} ",),
        "changed roles": _ROLES,
    }


def _looks_for(pattern: str, words: tuple[str, ...]) -> bool:
    return all(f'"{word}"' in pattern and f'-"{word}"' not in pattern for word in words)


def _rds_log(instance: Resource, log: str) -> str:
    return f"/aws/rds/instance/{instance.value('identifier')}/{log}"


@rule(
    "metric-filter-counts",
    of=(FILTER,),
    severity=Severity.HIGH,
    says="A metric filter looks for something, and each line that it finds counts.",
    mend="Set pattern, and value to 1; defaultValue to 0, so that nothing found is a value too.",
)
def metric_filter_counts(one: Resource, _config: Config) -> Iterator[str]:
    """Absent, the pattern is every line; a value of 0 wakes nobody."""
    if not one.value("pattern"):
        yield "pattern is empty: it counts every line"
    value, default = (one.value(f"metricTransformation.{key}") for key in ("value", "defaultValue"))
    if str(value) != "1":
        yield f"metricTransformation.value is {value!r}, not 1: a line that is found has to count"
    if str(default) != "0":
        yield f"metricTransformation.defaultValue is {default!r}, not 0: silence counts as nothing"
