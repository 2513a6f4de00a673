"""The stack files of the repository hold what they say, and so does their schema."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from stacks import schema
from stacks.budget import connection_budget
from stacks.settings import Settings, load_stack_file

ROOT = Path(__file__).parents[2]
STACKS = ("local", "dev", "prod")


def raw(stack: str) -> dict[str, Any]:
    """The stack file as an editor sees it."""
    document: dict[str, Any] = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text("utf-8"))
    return document


def settings(stack: str) -> Settings:
    return load_stack_file(ROOT, stack, datetime.now(UTC).date())


def keys(value: object, path: str = "") -> set[str]:
    """The paths of all keys of groups; entries of lists have keys of their own choice."""
    if not isinstance(value, dict):
        return {path}
    return {path}.union(*(keys(each, f"{path}/{key}") for key, each in value.items()))


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_file_is_valid_and_its_budget_fits(stack: str) -> None:
    budget = connection_budget(settings(stack))

    assert budget.metadata.left >= 0
    assert budget.application.left >= 0


@pytest.mark.parametrize("stack", STACKS)
def test_the_files_hold_the_same_keys_and_all_of_them(stack: str) -> None:
    assert keys(raw(stack)["config"]) == keys(raw("prod")["config"])
    assert set(raw(stack)["config"]) == {
        f"airflow-postgres:{field.alias}" for field in Settings.model_fields.values()
    }


@pytest.mark.parametrize("stack", STACKS)
def test_editors_find_the_schema(stack: str) -> None:
    first, _ = (ROOT / f"Pulumi.{stack}.yaml").read_text("utf-8").split("\n", maxsplit=1)

    assert first == "# yaml-language-server: $schema=stacks/settings.schema.json"
    assert (ROOT / "stacks/settings.schema.json") == schema.FILE


@pytest.mark.parametrize("stack", ["local", "dev"])
@pytest.mark.parametrize("instance", ["metadata", "application"])
def test_dev_and_local_are_small_and_may_be_destroyed(stack: str, instance: str) -> None:
    of_instance = getattr(settings(stack), instance)

    assert of_instance.instance_class.startswith("db.t4g.")
    assert not of_instance.multi_az
    assert not of_instance.protected


@pytest.mark.parametrize("instance", ["metadata", "application"])
def test_prod_survives_a_zone_and_a_slip(instance: str) -> None:
    of_instance = getattr(settings("prod"), instance)

    assert not of_instance.instance_class.startswith("db.t")
    assert of_instance.multi_az
    assert of_instance.protected
    assert of_instance.backup_retention_days == 35


def test_no_stack_shares_an_account_with_another() -> None:
    assert len({settings(stack).account for stack in STACKS}) == len(STACKS)


def test_the_schema_is_fresh() -> None:
    assert schema.FILE.read_text("utf-8") == schema.rendered(), (
        "stacks/settings.schema.json is stale; run `python -m stacks.schema`"
    )


def test_the_schema_is_a_schema() -> None:
    Draft7Validator.check_schema(schema.stack_file_schema())


def mistakes(document: object) -> list[str]:
    """The paths at which an editor would show a mistake."""
    found = Draft7Validator(schema.stack_file_schema()).iter_errors(document)
    return ["/".join(str(part) for part in error.absolute_path) for error in found]


@pytest.mark.parametrize("stack", STACKS)
def test_the_schema_accepts_the_stack_files(stack: str) -> None:
    assert mistakes(raw(stack)) == []


def test_the_schema_accepts_what_pulumi_makes_of_them() -> None:
    """`pulumi stack init` puts its salt into the file, and quotes around scalars."""
    document = raw("local")
    document["encryptionsalt"] = "v1:gySfbrRZ6kw=:v1:x"
    for key, value in document["config"].items():
        if isinstance(value, bool | int):
            document["config"][key] = json.dumps(value)

    assert document["config"]["airflow-postgres:connectionProxy"] == "false"
    assert mistakes(document) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("config/airflow-postgres:account", "12"),
        ("config/airflow-postgres:account", 123456789012),
        ("config/airflow-postgres:environments", []),
        ("config/airflow-postgres:logRetentionDays", 31),
        ("config/airflow-postgres:connectionProxy", "yes"),
        ("config/airflow-postgres:metadata/instanceClass", "db.t4g.tiny"),
        ("config/airflow-postgres:metadata/engineVersion", 16),
        ("config/airflow-postgres:workflows/0/connectionLimit", "20"),
        ("config/airflow-postgres:workflows/0/login", "password"),
    ],
)
def test_the_schema_shows_a_wrong_value(path: str, value: object) -> None:
    document: Any = copy.deepcopy(raw("prod"))
    *parents, last = (int(part) if part.isdigit() else part for part in path.split("/"))
    at = document
    for parent in parents:
        at = at[parent]
    at[last] = value

    assert mistakes(document) == [path]


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("", "settings"),
        ("config", "airflow-postgres:workflow"),
        ("config", "aws:region"),
        ("config/airflow-postgres:metadata", "instance_class"),
        ("config/airflow-postgres:airflow/scheduler", "poolsize"),
    ],
)
def test_the_schema_shows_an_unknown_key(path: str, key: str) -> None:
    document = copy.deepcopy(raw("prod"))
    at = document
    for part in filter(None, path.split("/")):
        at = at[part]
    at[key] = "x"

    assert mistakes(document) == [path]


def test_everything_in_the_schema_is_described() -> None:
    whole = schema.stack_file_schema()
    groups = {"settings": whole["properties"]["config"], **whole["$defs"]}

    for name, group in groups.items():
        assert group["description"], name
        for key, rule in group["properties"].items():
            assert rule["description"].endswith("."), f"{name}.{key}"
