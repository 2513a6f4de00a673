"""Production with a workflow and a person whose passwords are rotated: what is declared of them.

What the function does with it is tested with the function, on real servers.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi
import pytest

from lambdas.rotate_postgres.settings import VARIABLE, Rotation
from stacks import platform
from stacks.settings import Settings, load_stack_file

if TYPE_CHECKING:
    from local.deploy.record import Recording
    from tests.conftest import Record

ROOT = Path(__file__).resolve().parents[2]
TODAY = date(2026, 11, 22)
FUNCTION = "aws:lambda/function:Function"
INVOCATION = "aws:lambda/invocation:Invocation"
PERMISSION = "aws:lambda/permission:Permission"
POLICY = "aws:iam/rolePolicy:RolePolicy"
PG_ROLE = "postgresql:index/role:Role"
VERSION = "aws:secretsmanager/secretVersion:SecretVersion"


def _settings() -> Settings:
    settings = load_stack_file(ROOT, "prod", TODAY)
    config = settings.model_dump(mode="json", by_alias=True)
    config["workflows"][0] |= {"login": "rotated", "rotationDays": 3}
    config["people"] = [
        {
            "name": "billing-bi",
            "principal": f"arn:aws:iam::{settings.account}:role/bi",
            "reads": ["billing"],
            "expires": "2027-01-31",
            "connectionLimit": 5,
            "login": "rotated",
        }
    ]
    return Settings.load(config, TODAY)


@pytest.fixture(scope="module")
def stack(recorded: Record) -> Recording:
    def program() -> None:
        for name, value in platform.declare(_settings(), stack="prod").items():
            pulumi.export(name, value)

    return recorded(program, stack="prod")


def _told(stack: Recording, login: str) -> Rotation:
    """What the function of a login is told, as the function itself reads it."""
    variables = stack.one(FUNCTION, f"prod-{login}-function").plain["environment"]["variables"]
    return Rotation.parse(variables[VARIABLE])


def _policy(stack: Recording, name: str) -> str:
    return str(stack.one(POLICY, name).plain["policy"])


def test_the_function_understands_what_it_is_told(stack: Recording) -> None:
    billing, tool = _told(stack, "billing"), _told(stack, "billing-bi")
    assert billing.logins == ("prod_billing_a", "prod_billing_b")
    assert billing.rotator == "prod_billing_rotator"
    assert billing.role == "prod_billing_writer"
    assert billing.writes == ("prod_billing_v2",) or billing.writes[0].startswith("prod_billing_v")
    assert (billing.valid_until, billing.interval_days) == (None, 3)
    assert tool.roles == ("prod_billing_reader",)
    assert (tool.role, tool.writes) == (None, ())
    assert tool.settings["statement_timeout"] == "3600000"
    assert (tool.valid_until, tool.interval_days) == ("2027-02-01T00:00:00+00:00", 7)


@pytest.mark.parametrize("login", ["billing", "billing-bi"])
def test_the_pair_is_what_the_function_makes_of_it(login: str, stack: Recording) -> None:
    told = _told(stack, login)
    for turn, name in zip("ab", told.logins, strict=True):
        role = stack.one(PG_ROLE, f"prod-{login}-{turn}").plain
        assert role["name"] == name
        assert role["connectionLimit"] == told.connection_limit
        assert tuple(role["roles"]) == told.roles
        assert role.get("assumeRole") == told.role
        assert tuple(role["searchPaths"]) == told.settings["search_path"]
        assert role["inherit"] is (told.role is None)
        assert "password" not in role
        assert role.get("validUntil") == (
            "2027-02-01 00:00:00+00" if login == "billing-bi" else None
        )


@pytest.mark.parametrize("login", ["billing", "billing-bi"])
def test_the_function_may_log_in_as_the_rotator_and_rotate_that_secret_alone(
    login: str, stack: Recording
) -> None:
    own = f"prod-{login}-function"
    secret = stack.one("aws:secretsmanager/secret:Secret", f"prod-{login}-connection")
    names = {one.name for one in stack.of_type(POLICY) if one.name.startswith(f"{own}-")}
    assert names == {
        f"{own}-{right}"
        for right in ("run-in-vpc", "rotate-secret", "log-in-as-rotator", "send-dead-letters")
    }
    (connect,) = json.loads(_policy(stack, f"{own}-log-in-as-rotator"))["Statement"]
    (user,) = connect["Resource"]
    assert user.endswith(f"/{_told(stack, login).rotator}")
    assert ":dbuser:db-" in user
    for statement in json.loads(_policy(stack, f"{own}-rotate-secret"))["Statement"]:
        about = statement.get("Condition", {}).get("StringEquals", {})
        arns = {statement["Resource"], about.get("kms:EncryptionContext:SecretARN")}
        assert _told(stack, login).secret in arns
        assert "*" not in json.dumps(statement)
    assert secret.plain["recoveryWindowInDays"] == 30


@pytest.mark.parametrize("login", ["billing", "billing-bi"])
def test_only_its_own_secret_and_rules_may_call_the_function(login: str, stack: Recording) -> None:
    called = stack.one(FUNCTION, f"prod-{login}-function").plain["name"]
    found = [one.plain for one in stack.of_type(PERMISSION) if one.plain["function"] == called]
    assert {one["principal"] for one in found} == {
        "secretsmanager.amazonaws.com",
        "events.amazonaws.com",
    }
    assert len(found) == len({one["sourceArn"] for one in found}) == 3
    assert {one["sourceAccount"] for one in found} == {_settings().account}


def test_no_value_of_a_rotated_secret_is_the_programs(stack: Recording) -> None:
    tracked = {one.name for one in stack.of_type(VERSION)}
    others = {one.name for one in _settings().workflows} - {"billing"}
    assert tracked == {f"prod-{name}-connection" for name in others}
    first = stack.one(INVOCATION, "prod-billing-first-value").plain
    assert json.loads(first["input"]) == {"step": "first"}
    assert first["lifecycleScope"] == "CREATE_ONLY"
    rotation = stack.one("aws:secretsmanager/secretRotation:SecretRotation", "prod-billing").plain
    assert rotation["rotationRules"] == {"automaticallyAfterDays": 3}
    assert rotation["rotateImmediately"] is False


def test_a_password_goes_to_the_instance_and_around_the_proxy(stack: Recording) -> None:
    settings = _settings()
    assert _told(stack, "billing").port == settings.application.port
    through_proxy = [
        one.plain["policy"] for one in stack.of_type(POLICY) if "dbuser:db-" in one.plain["policy"]
    ]
    assert not [one for one in through_proxy if "/prod_billing_a" in one]
    policies = stack.of_type("kubernetes:networking.k8s.io/v1:NetworkPolicy")
    (worker,) = [one.plain["spec"] for one in policies if one.name.endswith("worker")]
    ports = {port["port"] for way in worker["egress"] for port in way.get("ports", [])}
    assert settings.application.port in ports


def test_logs_of_rotations_are_encrypted_with_a_key_that_lets_them(stack: Recording) -> None:
    key = stack.one("aws:kms/key:Key", "connections-key").plain["policy"]
    assert ":log-group:/aws/lambda/airflow-prod-rotate-*" in key


def test_the_readers_of_a_secret_are_its_workflow_and_its_person(stack: Recording) -> None:
    for name, role in (
        ("prod-billing-read-login", "airflow-prod-workflow-billing"),
        ("prod-billing-bi-read-login", "airflow-prod-person-billing-bi"),
    ):
        assert stack.one(POLICY, name).plain["role"] == role
    read, _ = json.loads(_policy(stack, "prod-billing-bi-read-login"))["Statement"]
    assert read["Condition"]["DateLessThan"] == {"aws:CurrentTime": "2027-02-01T00:00:00Z"}
    assert stack.exports["readers"]["prod"]["billing-bi"]["secret"].startswith("airflow/prod/")


def test_the_budget_has_both_logins_and_who_rotates_them(stack: Recording) -> None:
    lines = {one["consumer"]: one for one in stack.exports["budget"]["application"]["lines"]}
    limit = _settings().workflows[0].connection_limit
    assert lines["workflow billing"]["connections"] == 2 * limit + 4
    assert lines["person billing-bi"]["connections"] == 2 * 5 + 4
