"""Texts have a form: names, principals, paths; and no value anywhere ends in a traceback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Edits = Mapping[str, Any]


@pytest.mark.parametrize(
    "name", ["", "Billing", "1st", "-a", "a-", "a--b", "a_b", "a b", "bílling", "a" * 41, "a\n"]
)
def test_such_names_are_refused(problems: Callable[[Edits], tuple[str, ...]], name: str) -> None:
    assert len(problems({"environments.0": name})) == 1


@pytest.mark.parametrize(
    "arn",
    [
        "*",
        "arn:aws:iam::012345678901:root",
        "arn:aws:iam::012345678901:role/*",
        "arn:aws:iam::*:role/deployer",
        "arn:aws:iam::12345678901:role/deployer",
        "arn:aws:sts::012345678901:assumed-role/deployer/me",
        "arn:aws:iam::012345678901:role/",
    ],
)
def test_a_principal_is_exactly_one_role_or_user(problem: Callable[[Edits], str], arn: str) -> None:
    sentence = problem({"deployers.0": arn})

    assert sentence.startswith("airflow-postgres:deployers[0] is ")
    assert "must be the ARN of one IAM role or user" in sentence


@pytest.mark.parametrize(
    "path", ["/etc/ca.pem", "../ca.pem", "a/../ca.pem", "a//b", "./ca.pem", ""]
)
def test_the_ca_bundle_stays_inside_the_project(
    problems: Callable[[Edits], tuple[str, ...]], path: str
) -> None:
    assert len(problems({"caBundle": path})) == 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_PLACES = [
    "region", "environments", "environments.0", "databaseSubnets", "deployers.0", "alarmTopic",
    "logRetentionDays", "metadata", "metadata.engineVersion", "metadata.instanceClass",
    "metadata.backupWindow", "metadata.maintenanceWindow", "metadata.port", "airflow",
    "airflow.apiServer.replicas", "workflows", "workflows.0", "workflows.0.reads",
    "workflows.0.schemaVersions", "workflows.0.name", "people", "people.0.expires",
    "people.0.name", "agents.0.principal", "longestAccessDays", "unknown",
]  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(place=st.sampled_from(_PLACES), value=_JSON)
def test_no_value_anywhere_ends_in_anything_but_settings_or_sentences(
    request: pytest.FixtureRequest, place: str, value: object
) -> None:
    config = request.getfixturevalue("config")
    at: Any = {**config}
    root = at
    *parents, last = (int(part) if part.isdigit() else part for part in place.split("."))
    for parent in parents:
        at[parent] = at[parent].copy()
        at = at[parent]
    at[last] = value

    for sentence in request.getfixturevalue("found")(root):
        assert sentence.startswith("airflow-postgres:")
        assert sentence.endswith(".")
