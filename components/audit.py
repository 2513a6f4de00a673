"""What the databases' own logs say that somebody should hear of: counted, and alarmed on.

The log groups, their retention and encryption belong to the instances. Reading the logs is the
session audit's work, not declared here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import ComponentResource, Input, ResourceOptions

from components import naming
from components.alarms import Alarm, declare_alarm


@dataclass(frozen=True, kw_only=True)
class Event:
    """Lines of PostgreSQL's log that mean the same, and when they are an alarm."""

    pattern: str
    """CloudWatch's filter pattern: all terms, or one of those with a question mark, or none of
    those with a minus."""
    alarm: Alarm


EVENTS = (
    Event(
        # The texts of a token that is refused, of a password that is, and of a client that came
        # without TLS or as someone unknown.
        pattern='?"PAM authentication failed" ?"password authentication failed" '
        '?"no pg_hba.conf entry" ?"pg_hba.conf rejects"',
        alarm=Alarm(
            name="refused-logins",
            description="Many logins were refused within five minutes: a client is misconfigured, "
            "or someone is trying.",
            metric="RefusedLogins",
            statistic="Sum",
            comparison="GreaterThanOrEqualToThreshold",
            threshold=10,
        ),
    ),
    Event(
        pattern=f'"connection authorized: user={naming.MASTER_USER} "',
        alarm=Alarm(
            name="master-logins",
            description="Someone logged in as the master: break glass, or the bootstrap function "
            "at the first deployment and after a change of it.",
            metric="MasterLogins",
            statistic="Sum",
            comparison="GreaterThanOrEqualToThreshold",
            threshold=1,
        ),
    ),
    Event(
        # pgaudit's class ROLE: roles, memberships, rights. RDS starts each line with
        # <time>:<client>:<user>@<database>:, and the provisioner's changes are deployments.
        pattern=f'"AUDIT: SESSION" ",ROLE," -":{naming.PROVISIONER_USER}@"',
        alarm=Alarm(
            name="role-changes",
            description="Roles or rights were changed, and not by a deployment: compare them with "
            "what is declared.",
            metric="RoleChanges",
            statistic="Sum",
            comparison="GreaterThanOrEqualToThreshold",
            threshold=1,
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class AuditTrailArgs:
    """Which logs are watched, and who hears of it."""

    prefix: str
    """First words of all physical names, and of the metrics' namespace."""
    log_groups: Mapping[str, Input[str]]
    """Names of log groups of PostgreSQL, by a word for each instance."""
    alarm_topic_arn: str


class AuditTrail(ComponentResource):
    """Metrics and alarms on refused logins, logins of the master and changed roles."""

    def __init__(
        self, name: str, args: AuditTrailArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("airflow-postgres:components:AuditTrail", name, None, opts)
        for instance, log_group in args.log_groups.items():
            for event in EVENTS:
                self._event(f"{name}-{instance}", instance, log_group, event, args)
        self.register_outputs({})

    def _event(
        self,
        name: str,
        instance: str,
        log_group: Input[str],
        event: Event,
        args: AuditTrailArgs,
    ) -> None:
        child = ResourceOptions(parent=self)
        namespace = f"{args.prefix}/{instance}"
        aws.cloudwatch.LogMetricFilter(
            f"{name}-{event.alarm.name}",
            name=naming.alarm_name(args.prefix, name, event.alarm.name),
            log_group_name=log_group,
            pattern=event.pattern,
            metric_transformation=aws.cloudwatch.LogMetricFilterMetricTransformationArgs(
                namespace=namespace, name=event.alarm.metric, value="1", default_value="0"
            ),
            opts=child,
        )
        declare_alarm(
            name,
            event.alarm,
            prefix=args.prefix,
            namespace=namespace,
            dimensions=None,
            topic_arn=args.alarm_topic_arn,
            opts=child,
        )
