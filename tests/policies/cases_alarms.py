"""Cases of the rules in `policies/rules/alarms.py`."""

from __future__ import annotations

from dataclasses import replace

from policies.resources import Resource
from policies.rules.alarms import ALARM
from policies.rules.logs import FILTER
from tests.policies.cases import Case, Change, gone, put
from tests.policies.cases_databases import without_origins

CONNECTIONS = (ALARM, "application-connections")
STORAGE = (ALARM, "application-storage")
FAILED = "local-billing-bi-failed"


def of_another(dimension: str) -> Change:
    """Let an alarm watch something else by that name, which comes from nothing here."""
    return without_origins("dimensions", {dimension: "another"})


def both(resource: Resource) -> Resource:
    """Leave a namespace that AWS feeds for one that nobody does."""
    changed = {**resource.properties, "namespace": "another"}
    return replace(resource, properties=changed)


CASES = (
    Case(
        rule="alarms-present",
        at=STORAGE,
        path="metricName",
        breaks=(
            gone,
            of_another("DBInstanceIdentifier"),
            put("metricName", to="FreeLocalStorage"),
            both,
        ),
        zero="",
    ),
    Case(rule="alarms-present", at=(ALARM, "application-proxy-refused-logins"), breaks=(gone,)),
    Case(
        rule="alarms-present",
        at=(ALARM, "local-billing-bi-unheard"),
        breaks=(of_another("QueueName"), gone),
        stack="local",
    ),
    Case(
        rule="alarms-of-rotations",
        at=(FILTER, FAILED),
        path="pattern",
        breaks=(
            put("pattern", to='{ $.event = "rotation_done" }'),
            put("logGroupName", to="/aws/lambda/another"),
        ),
        zero="",
        stack="local",
    ),
    Case(
        rule="alarms-of-rotations",
        at=(ALARM, "local-billing-bi-errors"),
        breaks=(gone, put("metricName", to="Throttles")),
        stack="local",
    ),
    Case(
        rule="alarms-on-filters",
        at=(ALARM, "audit-application-refused-logins"),
        path="metricName",
        breaks=(gone, put("metricName", to="Another"), put("namespace", to="another")),
        zero="",
    ),
    Case(
        rule="alarms-on-filters",
        at=(FILTER, "audit-application-refused-logins"),
        path="metricTransformation.name",
        breaks=(
            put("metricTransformation.name", to="Another"),
            put("metricTransformation", to="x"),
        ),
        zero="",
    ),
    Case(
        rule="alarms-have-actions",
        at=CONNECTIONS,
        path="alarmActions",
        breaks=(
            put("alarmActions", to=[]),
            put("alarmActions", to=[""]),
            put("okActions", to=None),
            put("actionsEnabled", to=False),
        ),
        zero=[],
    ),
    Case(
        rule="alarm-missing-data",
        at=CONNECTIONS,
        path="treatMissingData",
        breaks=(put("treatMissingData", to="notBreaching"),),
        zero="",
    ),
    Case(
        rule="alarm-missing-data",
        at=STORAGE,
        path="treatMissingData",
        breaks=(put("treatMissingData", to="missing"), put("treatMissingData", to=["breaching"])),
        zero="",
    ),
    Case(
        rule="alarm-can-fire",
        at=STORAGE,
        path="threshold",
        breaks=(
            put("comparisonOperator", to="GreaterThanThreshold"),
            put("threshold", to=-1),
            put("threshold", to="1"),
            put("period", to=0),
            put("evaluationPeriods", to=None),
        ),
        zero=0,
    ),
)
