"""Cases of the rules in `policies/rules/databases_watch.py`."""

from __future__ import annotations

from policies.rules.databases import INSTANCE
from policies.rules.databases_watch import SUBSCRIPTION
from policies.values import UNKNOWN
from tests.policies.cases import HOLDS, LATER, Case, drop, edit, gone, put
from tests.policies.cases_databases import key_breaks

APPLICATION = (INSTANCE, "application")
EVENTS = (SUBSCRIPTION, "application-instance-events")
LOGS = "enabledCloudwatchLogsExports"
CASES = (
    Case(
        rule="rds-logs",
        at=APPLICATION,
        path=LOGS,
        breaks=(
            put(LOGS, to=["postgresql"]),
            put(LOGS, to=["upgrade"]),
            put(LOGS, to="postgresql,upgrade"),
            put(LOGS, to=["postgresql", UNKNOWN]),
        ),
        zero=[],
    ),
    Case(
        rule="rds-enhanced-monitoring",
        at=APPLICATION,
        path="monitoringInterval",
        breaks=(
            put("monitoringInterval", to=0),
            put("monitoringInterval", to=20),
            put("monitoringInterval", to=True),
            drop("monitoringRoleArn"),
        ),
        zero=0,
    ),
    Case(
        rule="rds-perf-insights",
        at=APPLICATION,
        path="performanceInsightsEnabled",
        breaks=(put("performanceInsightsEnabled", to=False),),
        zero=False,
    ),
    Case(
        rule="rds-perf-insights-cmk",
        at=APPLICATION,
        path="performanceInsightsKmsKeyId",
        breaks=key_breaks("performanceInsightsKmsKeyId"),
        zero="",
        unknown=LATER,
    ),
    Case(
        rule="rds-events",
        at=EVENTS,
        path="eventCategories",
        breaks=(
            gone,
            put("eventCategories", to=["failover", "maintenance"]),
            edit("eventCategories", lambda given: [one for one in given if one != "failure"]),
            put("sourceType", to="db-snapshot"),
            put("enabled", to=False),
            put("sourceIds", to=["airflow-prod-metadata"]),
            drop("snsTopic"),
        ),
        zero=[],
        # Without categories, it tells of everything.
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
    ),
    Case(
        rule="rds-events",
        at=(SUBSCRIPTION, "application-parameter-group-events"),
        path="sourceIds",
        breaks=(gone, put("eventCategories", to=["creation"])),
        zero=[],
        # Without sources, it hears of all.
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
    ),
)
