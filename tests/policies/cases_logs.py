"""Cases of the rules in `policies/rules/logs.py`."""

from __future__ import annotations

from policies.rules.logs import FILTER, LOG_GROUP
from tests.policies.cases import LATER, Case, Change, gone, put
from tests.policies.cases_databases import key_breaks

SERVER_LOG = (LOG_GROUP, "application-postgresql")
MASTER = (FILTER, "audit-metadata-master-logins")


def pattern(text: str) -> Change:
    """Let a filter look for something else."""
    return put("pattern", to=text)


CASES = (
    Case(
        rule="log-retention",
        at=SERVER_LOG,
        path="retentionInDays",
        breaks=(
            put("retentionInDays", to=30),
            put("retentionInDays", to="400"),
            put("retentionInDays", to=-1),
        ),
        zero=0,
    ),
    Case(
        rule="log-cmk",
        at=SERVER_LOG,
        path="kmsKeyId",
        breaks=key_breaks("kmsKeyId"),
        zero="",
        unknown=LATER,
    ),
    Case(
        rule="log-groups-declared",
        at=(LOG_GROUP, "application-upgrade"),
        path="name",
        breaks=(gone, put("name", to="/aws/rds/instance/another/upgrade")),
        zero="",
    ),
    Case(
        rule="log-groups-declared",
        at=(LOG_GROUP, "application-proxy"),
        breaks=(gone,),
    ),
    Case(
        rule="audit-watched",
        at=MASTER,
        path="logGroupName",
        breaks=(
            pattern('"connection authorized: user=another "'),
            pattern('-"connection authorized: user=dbmaster "'),
            put("logGroupName", to="/aws/rds/instance/airflow-prod-metadata/upgrade"),
            put("pattern", to=["x"]),
        ),
        zero="",
    ),
    Case(
        rule="audit-watched",
        at=(FILTER, "audit-application-role-changes"),
        breaks=(pattern('"AUDIT: SESSION" ",DDL,"'),),
    ),
    Case(
        rule="audit-watched",
        at=(FILTER, "audit-application-refused-logins"),
        breaks=(pattern('?"password authentication failed"'),),
    ),
    Case(
        rule="metric-filter-counts",
        at=MASTER,
        path="metricTransformation.value",
        breaks=(
            put("metricTransformation.value", to="0"),
            put("metricTransformation.defaultValue", to="1"),
            put("metricTransformation.defaultValue", to=None),
            put("metricTransformation", to=None),
        ),
        zero="",
    ),
    Case(
        rule="metric-filter-counts",
        at=(FILTER, "local-billing-bi-failed"),
        path="pattern",
        breaks=(pattern(""),),
        zero="",
        stack="local",
        also=frozenset({"alarms-of-rotations"}),
    ),
)
