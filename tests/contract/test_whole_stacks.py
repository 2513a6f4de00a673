"""The stacks as their files say: what is in each, what differs, and what they tell afterwards."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi
import pytest

from local.deploy.program import ProgramError, main_program
from local.deploy.record import record
from stacks import platform
from stacks.settings import load_stack_file
from stacks.stack_file import stack_configuration

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.deploy.record import Recording
    from tests.conftest import Record

ROOT = Path(__file__).resolve().parents[2]
STACKS = ("local", "dev", "prod")
INSTANCE = "aws:rds/instance:Instance"
SCHEMA = "postgresql:index/schema:Schema"
BY_NAME = {"airflow": 1, "workflows": 2, "readers": 2}
"""How many names lead to what is documented of an export: environment, workflow."""
LOGIN = "airflow-postgres:components:DatabaseLogin"
ROTATED_LOGIN = "airflow-postgres:components:RotatedLogin"


def components(recording: Recording) -> Counter[str]:
    """How many there are of each component."""
    return Counter(one.type.rpartition(":")[2] for one in recording if not one.custom)


def documented_exports() -> dict[str, set[str]]:
    """Each export that `platform.declare` documents, with the fields that it names."""
    text = inspect.getdoc(platform.declare) or ""
    section = text.partition("Exports:\n")[2].partition("\n\nRaises:")[0]
    entries = re.findall(r"^ {4}(\w[\w, ]*):(.*(?:\n {8}.*)*)", section, re.MULTILINE)
    return {
        name: set(re.findall(r"`(\w+)`", words))
        for names, words in entries
        for name in names.split(", ")
    }


def schemas(recording: Recording) -> set[str]:
    """The names of all schemas."""
    return {one.plain["name"] for one in recording.of_type(SCHEMA)}


def test_production(recorded_stack: Callable[[str], Recording]) -> None:
    recording = recorded_stack("prod")
    assert schemas(recording) == {
        "airflow",
        "prod_billing_v2",
        "prod_billing_v3",
        "prod_marketing_v1",
        "prod_reference_v1",
    }
    for instance in recording.of_type(INSTANCE):
        assert instance.options.protect
        assert instance.plain["multiAz"] is True
        assert instance.plain["deletionProtection"] is True
        assert instance.plain["backupRetentionPeriod"] == 35
        assert instance.plain["skipFinalSnapshot"] is False
        assert instance.plain["monitoringInterval"] > 0
        assert instance.plain["performanceInsightsEnabled"] is True
    protected = Counter(one.type.rpartition(":")[2] for one in recording if one.options.protect)
    assert protected == {
        "Instance": 2,
        "Key": 5,
        "Database": 2,
        "Bucket": 1,
        "Schema": 1,
        "Secret": 3,
    }
    for key in recording.of_type("aws:kms/key:Key"):
        assert key.plain["deletionWindowInDays"] == 30
    for secret in recording.of_type("aws:secretsmanager/secret:Secret"):
        assert secret.plain["recoveryWindowInDays"] == 30


def test_production_moves_workflows_through_the_proxy_and_people_around_it(
    recorded_stack: Callable[[str], Recording],
) -> None:
    recording = recorded_stack("prod")
    exported = recording.exports
    assert exported["proxy"]["resourceId"].startswith("prx-")
    policies = recording.of_type("aws:iam/rolePolicy:RolePolicy")
    workflows = {
        one.name: one.plain["policy"]
        for one in policies
        if one.plain["role"].startswith("airflow-prod-workflow-") and one.plain["name"] == "log-in"
    }
    assert len(workflows) == len(exported["workflows"]["prod"])
    for policy in workflows.values():
        assert ":dbuser:prx-" in policy
        assert ":dbuser:db-" not in policy


def test_development_may_be_destroyed(recorded_stack: Callable[[str], Recording]) -> None:
    recording = recorded_stack("dev")
    assert not [one for one in recording if one.options.protect]
    for instance in recording.of_type(INSTANCE):
        assert instance.plain["multiAz"] is False
        assert instance.plain["deletionProtection"] is False
        assert instance.plain["skipFinalSnapshot"] is True
        assert re.fullmatch(r"db\.t\d.*", instance.plain["instanceClass"])


@pytest.mark.parametrize("stack", STACKS)
def test_each_environment_has_each_workflow_and_reader(
    stack: str, recorded_stack: Callable[[str], Recording]
) -> None:
    recording = recorded_stack(stack)
    exports = recording.exports
    assert exports["workflows"].keys() == exports["readers"].keys() == exports["airflow"].keys()
    logins = [
        login
        for kind in ("workflows", "readers")
        for environment in exports[kind].values()
        for each in environment.values()
        for login in each["logins"]
    ]
    airflows = 5 * len(exports["airflow"])
    pairs = len(recording.of_type(ROTATED_LOGIN))
    assert len(logins) == len(set(logins))
    assert len(logins) == len(recording.of_type(LOGIN)) - airflows + 2 * pairs
    assert set(exports["metadata"]["databases"]) == {
        f"airflow_{environment}".replace("-", "_") for environment in exports["workflows"]
    }
    assert exports["application"]["databases"] == ["application"]


@pytest.mark.parametrize("stack", STACKS)
def test_each_search_path_is_of_live_schemas_that_exist(
    stack: str, recorded_stack: Callable[[str], Recording]
) -> None:
    recording = recorded_stack(stack)
    for role in recording.of_type("postgresql:index/role:Role"):
        if role.plain["login"] and not role.plain.get("createRole"):
            assert {*role.plain["searchPaths"]} <= schemas(recording)
            assert role.plain["searchPaths"]


def test_the_stacks_differ_in_values_only(recorded_stack: Callable[[str], Recording]) -> None:
    kinds = {stack: components(recorded_stack(stack)).keys() for stack in STACKS}
    # Nobody has a password in dev and prod as they are.
    assert kinds["local"] == kinds["dev"] | {"RotatedLogin", "Rotation"}
    assert kinds["prod"] == kinds["dev"] | {"ConnectionProxy"}


@pytest.mark.parametrize("stack", STACKS)
def test_the_exports_are_the_documented_ones(
    stack: str, recorded_stack: Callable[[str], Recording]
) -> None:
    exports = recorded_stack(stack).exports
    assert exports.keys() | {"proxy"} == documented_exports().keys()
    assert ("proxy" in exports) is (stack == "prod")
    for name, fields in documented_exports().items():
        found = [exports[name]] if name in exports else []
        for _ in range(BY_NAME.get(name, 0)):
            found = [each for one in found for each in one.values()]
        if fields:
            assert all(one.keys() == fields for one in found), name


@pytest.mark.parametrize("stack", STACKS)
def test_max_connections_is_what_the_budget_says(
    stack: str, recorded_stack: Callable[[str], Recording]
) -> None:
    recording = recorded_stack(stack)
    for group in recording.of_type("aws:rds/parameterGroup:ParameterGroup"):
        parameters = {one["name"]: one["value"] for one in group.plain["parameters"]}
        budget = recording.exports["budget"][group.name.removesuffix("-parameters")]
        assert parameters["max_connections"] == str(budget["maxConnections"])


@pytest.mark.parametrize("stack", STACKS)
def test_a_first_preview_shows_all_of_it(
    stack: str, recorded_stack: Callable[[str], Recording]
) -> None:
    def program() -> None:
        platform.declare(load_stack_file(ROOT, stack, today=date(2026, 11, 22)), stack=stack)

    # Nothing exists and nothing can be looked up, so all that AWS would answer is unknown.
    unknown = record(program, stack=stack, root=ROOT)
    assert {one.urn for one in unknown} == {one.urn for one in recorded_stack(stack)}


def test_the_program_declares_the_platform(
    recorded: Record, recorded_stack: Callable[[str], Recording]
) -> None:
    config = stack_configuration(ROOT, "local")
    recording = recorded(main_program(ROOT), stack="local", config=config)
    expected = recorded_stack("local")
    assert {one.urn for one in recording} == {one.urn for one in expected}
    assert recording.exports == expected.exports


def test_the_program_refuses_settings_in_a_sentence(recorded: Record) -> None:
    config = stack_configuration(ROOT, "local") | {"airflow-postgres:regoin": "eu-west-1"}
    with pytest.raises(ProgramError, match="regoin") as caught:
        recorded(main_program(ROOT), stack="local", config=config)
    # The kind of error that Pulumi shows without a traceback.
    assert isinstance(caught.value.__cause__, pulumi.RunError)
    assert not re.search(r"Traceback|\.py|Error", str(caught.value))
