"""Valid settings become frozen objects; a wrong key, type, form or range becomes one sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from stacks.settings import Settings

Edits = Mapping[str, Any]


def test_every_value_arrives_under_its_python_name(loaded: Callable[[Edits], Settings]) -> None:
    parsed = loaded({})

    assert parsed.account == "012345678901"
    assert parsed.environments == ("dev", "qa")
    assert parsed.database_subnets == ("subnet-0000000a", "subnet-0000000b")
    assert parsed.ca_bundle == "certificates/eu-west-1-bundle.pem"
    assert parsed.log_retention_days == 30
    assert parsed.metadata.instance_class == "db.t4g.medium"
    assert parsed.metadata.max_allocated_storage_gib == 40
    assert parsed.application.engine_version == "18"
    assert parsed.connection_proxy is False
    assert parsed.airflow.dag_processor.max_overflow == 5
    assert parsed.workflows[0].connection_limit == 20
    assert parsed.people[0].expires == date(2027, 1, 31)
    assert parsed.agents[0].reads == ("billing", "reference")


def test_absent_keys_have_the_safe_meaning(loaded: Callable[[Edits], Settings]) -> None:
    reference = loaded({}).workflows[1]

    assert (reference.reads, reference.login, reference.drop) == ((), "iam", False)
    assert (reference.schema_versions, reference.versions) == (None, (1,))
    longest = loaded({}).longest_access_days
    assert (longest.people, longest.agents) == (366, 31)


def test_versions_are_ascending(loaded: Callable[[Edits], Settings]) -> None:
    assert loaded({"workflows.0.schemaVersions": [3, 1, 2]}).workflows[0].versions == (1, 2, 3)


def test_access_ends_at_the_midnight_after_its_last_day(
    loaded: Callable[[Edits], Settings],
) -> None:
    assert loaded({}).people[0].ends_at == datetime(2027, 2, 1, tzinfo=UTC)


def test_settings_cannot_be_changed(loaded: Callable[[Edits], Settings]) -> None:
    parsed = loaded({})

    with pytest.raises(ValidationError, match="frozen"):
        parsed.region = "eu-west-2"  # type: ignore[misc]  # that it is refused is what is tested
    assert hash(parsed) == hash(loaded({}))


NAME = (
    "lower-case letters and digits, starting with a letter, with single dashes between words, "
    "at most 40 characters"
)
READER = "name, principal, reads, expires, connectionLimit, login, rotationDays"
WRONG: list[tuple[Edits, str, str, str]] = [
    (
        {"workflows.2.connectionLimit": "20"},
        'workflows[2].connectionLimit (workflow "tax-reports") is "20"',
        "a whole number from 1 to 5000",
        "write it without quotes",
    ),
    (
        {"workflows.2.connectionLimit": 0},
        'workflows[2].connectionLimit (workflow "tax-reports") is 0',
        "a whole number from 1 to 5000",
        "correct it",
    ),
    (
        {"workflows.2.connectionLimit": ...},
        'workflows[2].connectionLimit (workflow "tax-reports") is missing',
        "a whole number from 1 to 5000",
        "add it",
    ),
    ({"connectionProxy": ...}, "connectionProxy is missing", "true or false", "add it"),
    ({"connectionProxy": 1}, "connectionProxy is 1", "true or false", "correct it"),
    (
        {"workflows.0.writes": "yes"},
        'workflows[0].writes (workflow "billing") is "yes"',
        "true or false",
        "correct it",
    ),
    (
        {"workflows.0.drop": "true"},
        'workflows[0].drop (workflow "billing") is "true"',
        "true or false",
        "write it without quotes",
    ),
    (
        {"workflows.0.login": "password"},
        'workflows[0].login (workflow "billing") is "password"',
        'one of "iam", "rotated"',
        "correct it",
    ),
    (
        {"workflows.0.schemaVersions": []},
        'workflows[0].schemaVersions (workflow "billing") is []',
        "a list with at least 1 of: a whole number from 1 to 9999",
        "correct it",
    ),
    (
        {"metadata.engineVersion": 16.1},
        "metadata.engineVersion is 16.1",
        'a PostgreSQL version in quotes: a major such as "16", or a minor such as "16.10"',
        "put it in quotes",
    ),
    (
        {"metadata.instanceClass": None},
        "metadata.instanceClass is null",
        "an RDS instance class such as db.m7g.large",
        "correct it",
    ),
    (
        {"metadata.monitoringIntervalSeconds": 2},
        "metadata.monitoringIntervalSeconds is 2",
        "one of 0, 1, 5, 10, 15, 30, 60",
        "correct it",
    ),
    (
        {"account": "12345678901"},
        'account is "12345678901"',
        "the 12 digits of an AWS account, in quotes",
        "correct it",
    ),
    (
        {"environments": []},
        "environments is []",
        f"a list with at least 1 of: {NAME}",
        "correct it",
    ),
    (
        {"databaseSubnets": ["subnet-0000000a"]},
        'databaseSubnets is ["subnet-0000000a"]',
        "a list with at least 2 of: a subnet id: subnet- and 8 or 17 hexadecimal digits",
        "correct it",
    ),
    (
        {"people": {"analysts": {}}},
        'people is {"analysts": {}}',
        f"a list with any number of: a group with the keys {READER}",
        "correct it",
    ),
    (
        {"airflow.triggerer": None},
        "airflow.triggerer is null",
        "a group with the keys replicas, workers, poolSize, maxOverflow",
        "correct it",
    ),
    (
        {"agents.0.expires": "31.12.2026"},
        'agents[0].expires (agent "report-writer") is "31.12.2026"',
        "a day as YYYY-MM-DD",
        "correct it",
    ),
    (
        {"workflows.0.reads.0": 7},
        'workflows[0].reads[0] (workflow "billing") is 7',
        NAME,
        "put it in quotes",
    ),
]


@pytest.mark.parametrize(
    ("edits", "stated", "allowed", "remedy"), WRONG, ids=[stated for _, stated, _, _ in WRONG]
)
def test_a_sentence_tells_the_key_the_value_what_is_allowed_and_what_to_do(
    problem: Callable[[Edits], str],
    edits: Edits,
    stated: str,
    allowed: str,
    remedy: str,
) -> None:
    assert problem(edits) == f"airflow-postgres:{stated}; it must be {allowed}; {remedy}."


UNKNOWN = [
    (
        "workflows.2.conectionLimit",
        'workflows[2].conectionLimit (workflow "tax-reports")',
        "did you mean connectionLimit?",
    ),
    (
        "people.0.connection_limit",
        'people[0].connection_limit (person "analysts")',
        "did you mean connectionLimit?",
    ),
    ("enviroments", "enviroments", "did you mean environments?"),
    (
        "airflow.scheduler.zone",
        "airflow.scheduler.zone",
        "allowed here: replicas, workers, poolSize, maxOverflow.",
    ),
]


@pytest.mark.parametrize(("path", "where", "hint"), UNKNOWN)
def test_an_unknown_key_is_told_what_was_meant(
    problem: Callable[[Edits], str], path: str, where: str, hint: str
) -> None:
    assert problem({path: 20}) == (
        f"airflow-postgres:{where} is not a setting; {hint} Rename it, or remove it."
    )


def test_several_problems_are_several_sentences(
    problems: Callable[[Edits], tuple[str, ...]],
) -> None:
    found = problems({"region": "Ireland", "metadata.port": 80, "workflows.1.name": "Reference"})

    assert [sentence.split(" is ")[0] for sentence in found] == [
        "airflow-postgres:region",
        "airflow-postgres:metadata.port",
        'airflow-postgres:workflows[1].name (workflow "Reference")',
    ]


def test_the_value_of_an_unknown_key_is_not_repeated(
    problem: Callable[[Edits], str],
) -> None:
    sentence = problem({"masterPassword": "canary-8f2a"})

    assert "canary-8f2a" not in sentence
