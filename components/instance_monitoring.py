"""What watches a DB instance: enhanced monitoring's role, RDS's own events, alarms.

Nothing here changes the instance. Alarms on what its log says are the audit trail's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, ResourceOptions

from components import iam_documents, naming
from components.alarms import Alarm

MONITORING_POLICY = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"

EVENTS: Mapping[str, tuple[str, ...]] = {
    "db-instance": (
        "availability",
        "configuration change",
        "deletion",
        "failover",
        "failure",
        "low storage",
        "maintenance",
        "recovery",
        "security",
    ),
    "db-parameter-group": ("configuration change",),
}
"""Source type of an event subscription to the categories that somebody should hear of."""

_GIB = 1024**3


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """What the thresholds of the alarms are fractions of."""

    max_connections: int
    memory_gib: float
    allocated_storage_gib: int


@dataclass(frozen=True, kw_only=True)
class MonitoringRole:
    """A role, and what it can do nothing without."""

    role: aws.iam.Role
    policies: tuple[aws.iam.RolePolicyAttachment, ...]


def alarms(capacity: Capacity) -> tuple[Alarm, ...]:
    """The alarms of one instance.

    The fractions are those that the RDS user guide recommends where it recommends any.
    """
    return (
        Alarm(
            name="connections",
            description="Four of five connections are taken, or the server does not answer: "
            "compare the sessions with the connection budget.",
            metric="DatabaseConnections",
            statistic="Maximum",
            comparison="GreaterThanOrEqualToThreshold",
            threshold=capacity.max_connections * 4 // 5,
            periods=2,
            missing="breaching",
        ),
        Alarm(
            name="cpu",
            description="The processor has been busy for a quarter of an hour: look at the "
            "statements that take the time.",
            metric="CPUUtilization",
            statistic="Average",
            comparison="GreaterThanOrEqualToThreshold",
            threshold=90,
            periods=3,
        ),
        Alarm(
            name="memory",
            description="Less than a twentieth of the memory is left: too many connections, or "
            "too small a class.",
            metric="FreeableMemory",
            statistic="Minimum",
            comparison="LessThanThreshold",
            threshold=int(capacity.memory_gib * _GIB / 20),
            periods=3,
        ),
        Alarm(
            name="storage",
            description="Less than a tenth of the first storage is left, where RDS should have "
            "added some: the limit is reached, or it waits for its six hours.",
            metric="FreeStorageSpace",
            statistic="Minimum",
            comparison="LessThanThreshold",
            threshold=capacity.allocated_storage_gib * _GIB // 10,
        ),
        Alarm(
            name="transaction-ids",
            description="Half of the transaction ids are used without a vacuum: look for old "
            "transactions; at two billion PostgreSQL stops writing.",
            metric="MaximumUsedTransactionIDs",
            statistic="Maximum",
            comparison="GreaterThanOrEqualToThreshold",
            threshold=1_000_000_000,
        ),
    )


def monitoring_role(
    name: str, *, physical_name: str, region: str, account: str, opts: ResourceOptions
) -> MonitoringRole:
    """Declare the role that enhanced monitoring writes its log with."""
    trust = iam_documents.monitoring_trust(region=region, account=account, identifier=physical_name)
    role = aws.iam.Role(
        f"{name}-monitoring",
        name=naming.iam_role_name(physical_name, "monitoring"),
        description=f"Enhanced monitoring of {physical_name}",
        assume_role_policy=json.dumps(trust),
        opts=opts,
    )
    policy = aws.iam.RolePolicyAttachment(
        f"{name}-monitoring", role=role.name, policy_arn=MONITORING_POLICY, opts=opts
    )
    return MonitoringRole(role=role, policies=(policy,))


def event_subscriptions(
    name: str,
    *,
    physical_name: str,
    sources: Mapping[str, Sequence[Input[str]]],
    topic_arn: str,
    opts: ResourceOptions,
) -> None:
    """Declare one subscription for each source type of `EVENTS`, on the `sources` of that type."""
    for source_type, categories in EVENTS.items():
        kind = source_type.removeprefix("db-")
        aws.rds.EventSubscription(
            f"{name}-{kind}-events",
            name=naming.rds_group_name(physical_name, kind),
            sns_topic=topic_arn,
            source_type=source_type,
            source_ids=list(sources[source_type]),
            event_categories=list(categories),
            opts=opts,
        )
