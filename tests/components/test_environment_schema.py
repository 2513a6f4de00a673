"""`EnvironmentSchema`: versions side by side, group roles, and exactly their rights."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from components.environment_schema import EnvironmentSchema, EnvironmentSchemaArgs

if TYPE_CHECKING:
    from local.deploy.record import Recording
    from tests.components.conftest import Names
    from tests.conftest import Record

COMPONENT = "airflow-postgres:components:EnvironmentSchema"
ROLE = "postgresql:index/role:Role"
SCHEMA = "postgresql:index/schema:Schema"
GRANT_ROLE = "postgresql:index/grantRole:GrantRole"
GRANT = "postgresql:index/grant:Grant"
DEFAULT = "postgresql:index/defaultPrivileges:DefaultPrivileges"

GRANTS = ("schema-for-writer", "schema-for-reader", "table-for-reader", "routine-for-public")

ARGS = EnvironmentSchemaArgs(
    environment="prod",
    workflow="billing",
    versions=(3, 2),
    live=3,
    database="application",
    drop=False,
)


@pytest.fixture
def recording(recorded: Record) -> Recording:
    return recorded(lambda: EnvironmentSchema("prod-billing", ARGS))


def test_everything_is_registered_under_the_component(recording: Recording, names: Names) -> None:
    assert names(recording.children(recording.one(COMPONENT))) == {
        *((ROLE, f"prod-billing-{role}") for role in ("owner", "writer", "reader")),
        (GRANT_ROLE, "prod-billing-writer-reads"),
        (DEFAULT, "prod-billing-owner-tables-for-writer"),
        (DEFAULT, "prod-billing-owner-sequences-for-writer"),
        (DEFAULT, "prod-billing-owner-tables-for-reader"),
        (DEFAULT, "prod-billing-writer-tables-for-reader"),
        (DEFAULT, "prod-billing-owner-functions-for-public"),
        (DEFAULT, "prod-billing-writer-functions-for-public"),
        *(
            (type_, f"prod-billing-v{version}{suffix}")
            for version in (2, 3)
            for type_, suffix in ((SCHEMA, ""), *((GRANT, f"-{grant}") for grant in GRANTS))
        ),
    }


def test_group_roles_cannot_log_in(recording: Recording) -> None:
    names = {role: f"prod_billing_{role}" for role in ("owner", "writer", "reader")}
    roles = {role: recording.one(ROLE, f"prod-billing-{role}") for role in names}
    assert {role: one.plain for role, one in roles.items()} == {
        "owner": {"name": names["owner"], "login": False, "roles": [names["writer"]]},
        "writer": {"name": names["writer"], "login": False},
        "reader": {"name": names["reader"], "login": False},
    }
    # What is granted to a writer elsewhere is not taken away here.
    assert roles["writer"].options.ignore_changes == ("roles",)
    assert roles["owner"].options.ignore_changes == ()


def test_the_owner_is_deleted_first_and_the_reader_last(recording: Recording) -> None:
    def waits_for(role: str) -> set[str]:
        urns = recording.one(ROLE, f"prod-billing-{role}").dependencies
        return {recording.by_urn(urn).name for urn in urns}

    assert waits_for("reader") == set()
    assert waits_for("writer") == {"prod-billing-reader"}
    assert waits_for("owner") == {"prod-billing-writer"}


def test_default_privileges_follow_the_creator(recording: Recording) -> None:
    found = {
        (one.plain["owner"], one.plain["objectType"], one.plain["role"]): one.plain["privileges"]
        for one in recording.of_type(DEFAULT)
    }
    change, read = ["DELETE", "INSERT", "SELECT", "UPDATE"], ["SELECT"]
    owner, writer, reader = (f"prod_billing_{role}" for role in ("owner", "writer", "reader"))
    assert found == {
        (owner, "table", writer): change,
        (owner, "sequence", writer): ["SELECT", "UPDATE", "USAGE"],
        (owner, "table", reader): read,
        (writer, "table", reader): read,
        (owner, "function", "public"): [],
        (writer, "function", "public"): [],
    }
    assert all("schema" not in one.plain for one in recording.of_type(DEFAULT))


def test_a_writer_may_read_what_a_reader_may(recording: Recording) -> None:
    grant = recording.one(GRANT_ROLE).plain
    assert (grant["role"], grant["grantRole"]) == ("prod_billing_writer", "prod_billing_reader")


@pytest.mark.parametrize("version", [2, 3])
def test_each_version_has_the_same_rights(recording: Recording, version: int) -> None:
    found = {
        (one.plain["role"], one.plain["objectType"]): one.plain["privileges"]
        for one in recording.of_type(GRANT)
        if one.plain["schema"] == f"prod_billing_v{version}"
    }
    assert found == {
        ("prod_billing_writer", "schema"): ["CREATE", "USAGE"],
        ("prod_billing_reader", "schema"): ["USAGE"],
        ("prod_billing_reader", "table"): ["SELECT"],
        ("public", "routine"): [],
    }


def test_changes_of_one_schema_are_made_one_after_the_other(recording: Recording) -> None:
    suffixes = ("", *(f"-{suffix}" for suffix in GRANTS))
    expected = [f"prod-billing-v{version}{suffix}" for version in (2, 3) for suffix in suffixes]
    one_by_one = {one.name: one for one in recording if one.type in {SCHEMA, GRANT}}
    assert one_by_one.keys() == set(expected)
    for before, after in pairwise(expected):
        assert one_by_one[before].urn in one_by_one[after].dependencies


@pytest.mark.parametrize("drop", [False, True])
def test_a_version_off_the_list_stays_unless_it_is_to_be_dropped(
    recorded: Record, *, drop: bool
) -> None:
    recording = recorded(lambda: EnvironmentSchema("prod-billing", replace(ARGS, drop=drop)))
    for schema in recording.of_type(SCHEMA):
        assert schema.options.retain_on_delete is not drop
        assert schema.plain["dropCascade"] is drop
        assert schema.plain["ifNotExists"] is True
        assert schema.plain["owner"] == "prod_billing_owner"
    others = [one for one in recording if one.type != SCHEMA]
    assert not [one for one in others if one.options.retain_on_delete]


@pytest.mark.parametrize("live", [2, 3])
def test_what_it_tells(recorded: Record, live: int) -> None:
    recording = recorded(lambda: EnvironmentSchema("prod-billing", replace(ARGS, live=live)))
    assert recording.one(COMPONENT).registered_outputs == {
        "owner": "prod_billing_owner",
        "writer": "prod_billing_writer",
        "reader": "prod_billing_reader",
        "live": f"prod_billing_v{live}",
    }


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"live": 4}, r"versions is \[3, 2\]; the live version, 4, must be one of them; add it"),
        ({"versions": (0, 3)}, "is 0; a version is a number from 1 on"),
        ({"workflow": "w" * 60}, "PostgreSQL keeps 63"),
    ],
)
def test_refused_at_once(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        replace(ARGS, **changes)
