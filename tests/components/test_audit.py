"""`AuditTrail`: each event of each instance is counted and alarmed on by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from components.audit import EVENTS, AuditTrail, AuditTrailArgs

if TYPE_CHECKING:
    from local.deploy.record import Recording
    from tests.components.conftest import Names
    from tests.conftest import Record

COMPONENT = "airflow-postgres:components:AuditTrail"
FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


@pytest.fixture
def recording(recorded: Record) -> Recording:
    args = AuditTrailArgs(
        prefix="airflow-prod",
        log_groups={"metadata": "/log/metadata", "application": "/log/application"},
        alarm_topic_arn="arn:topic",
    )
    return recorded(lambda: AuditTrail("audit", args))


def test_everything_is_registered_under_the_component(recording: Recording, names: Names) -> None:
    assert names(recording.children(recording.one(COMPONENT))) == {
        (type_, f"audit-{instance}-{event}")
        for type_ in (FILTER, ALARM)
        for instance in ("metadata", "application")
        for event in ("refused-logins", "master-logins", "role-changes")
    }
    assert recording.one(COMPONENT).registered_outputs == {}


def test_each_alarm_is_on_what_its_filter_counts(recording: Recording) -> None:
    for counted in recording.of_type(FILTER):
        (metric,) = [counted.plain["metricTransformation"]]
        alarm = recording.one(ALARM, counted.name).plain
        assert (alarm["namespace"], alarm["metricName"]) == (metric["namespace"], metric["name"])
        assert (metric["value"], metric["defaultValue"]) == ("1", "0")
        assert alarm["alarmActions"] == ["arn:topic"]
        instance = counted.name.split("-")[1]
        assert counted.plain["logGroupName"] == f"/log/{instance}"
        assert metric["namespace"] == f"airflow-prod/{instance}"


def matches(pattern: str, line: str) -> bool:
    """Apply a CloudWatch filter pattern made of quoted terms, with `?` for any and `-` for none."""
    terms = [term for term in pattern.replace('" ', '"\n').splitlines() if term]
    any_of = [term[1:].strip('"') for term in terms if term.startswith("?")]
    none_of = [term[1:].strip('"') for term in terms if term.startswith("-")]
    all_of = [term.strip('"') for term in terms if term.startswith('"')]
    return (
        (not any_of or any(term in line for term in any_of))
        and all(term in line for term in all_of)
        and not any(term in line for term in none_of)
    )


CONNECTED = "LOG:  connection authorized: user="
AUDITED = "LOG:  AUDIT: SESSION,1,1,"


@pytest.mark.parametrize(
    ("session", "text", "expected"),
    [
        ("x@db", 'FATAL:  PAM authentication failed for user "x"', "RefusedLogins"),
        ("x@db", 'FATAL:  password authentication failed for user "x"', "RefusedLogins"),
        ("x@db", 'FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "x"', "RefusedLogins"),
        ("x@db", 'FATAL:  pg_hba.conf rejects connection for host "10.0.0.1"', "RefusedLogins"),
        ("dbmaster@db", f"{CONNECTED}dbmaster database=db SSL enabled", "MasterLogins"),
        ("dbmaster2@db", f"{CONNECTED}dbmaster2 database=db SSL enabled", None),
        ("dbmaster@db", f"{AUDITED}ROLE,GRANT ROLE,,,grant a to b,<not logged>", "RoleChanges"),
        ("provisioner@db", f"{AUDITED}ROLE,GRANT ROLE,,,grant a to b,<not logged>", None),
        ("x@db", f"{AUDITED}DDL,CREATE TABLE,TABLE,a.b,create table a.b (),<not logged>", None),
    ],
)
def test_lines_of_the_log_are_told_apart(session: str, text: str, expected: str | None) -> None:
    line = f"2026-11-22 10:00:00 UTC:10.0.0.1(4242):{session}:[1]:{text}"
    found = [event.alarm.metric for event in EVENTS if matches(event.pattern, line)]
    assert found == ([expected] if expected else [])
