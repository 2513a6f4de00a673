"""`MetadataAccess`: who owns Airflow's tables, who changes them, and who each component is."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from components.airflow.metadata_access import MetadataAccess, MetadataAccessArgs
from components.postgres_instance import PostgresInstance

if TYPE_CHECKING:
    from components.postgres_instance import PostgresInstanceArgs
    from local.deploy.record import Recording
    from tests.components.conftest import Names
    from tests.conftest import Record

COMPONENT = "airflow-postgres:components:MetadataAccess"
LOGIN = "airflow-postgres:components:DatabaseLogin"
ROLE = "postgresql:index/role:Role"
GRANT = "postgresql:index/grant:Grant"
DEFAULT = "postgresql:index/defaultPrivileges:DefaultPrivileges"
SCHEMA = "postgresql:index/schema:Schema"
IAM_ROLE = "aws:iam/role:Role"
POLICY = "aws:iam/rolePolicy:RolePolicy"
LIMITS = {
    "migration": 3,
    "api-server": 240,
    "scheduler": 45,
    "dag-processor": 46,
    "triggerer": 47,
}


@pytest.fixture
def changes() -> dict[str, Any]:
    """Arguments that are different."""
    return {}


@pytest.fixture
def recording(
    recorded: Record, instance_args: PostgresInstanceArgs, changes: dict[str, Any]
) -> Recording:
    def program() -> None:
        args = MetadataAccessArgs(
            environment="prod",
            server=PostgresInstance("metadata", instance_args),
            database="airflow_prod",
            connection_limits=LIMITS,
            policies={"api-server": {"read-task-logs": '{"Statement": "of the caller"}'}},
            oidc_provider_arn="arn:aws:iam::123456789012:oidc-provider/oidc.eks/id/A",
            oidc_issuer="https://oidc.eks/id/A",
            protected=True,
        )
        access = MetadataAccess("prod-metadata", replace(args, **changes))
        assert set(access.identities) == set(LIMITS)

    return recorded(program)


def test_everything_is_registered_under_the_component(recording: Recording, names: Names) -> None:
    assert names(recording.children(recording.one(COMPONENT))) == {
        (ROLE, "prod-metadata-writer"),
        (ROLE, "prod-metadata-owner"),
        (DEFAULT, "prod-metadata-owner-tables-for-writer"),
        (DEFAULT, "prod-metadata-owner-sequences-for-writer"),
        (DEFAULT, "prod-metadata-owner-functions-for-public"),
        (SCHEMA, "prod-metadata-schema"),
        (GRANT, "prod-metadata-schema-for-writer"),
        *((LOGIN, f"prod-metadata-{component}") for component in LIMITS),
        (POLICY, "prod-metadata-api-server-read-task-logs"),
    }
    assert recording.one(COMPONENT).registered_outputs == {
        "owner": "airflow_prod_owner",
        "writer": "airflow_prod_writer",
        "schema": "airflow",
    }


def test_who_owns_and_who_writes_cannot_log_in(recording: Recording) -> None:
    for kind in ("owner", "writer"):
        role = recording.one(ROLE, f"prod-metadata-{kind}").plain
        assert role == {"name": f"airflow_prod_{kind}", "login": False}


def test_migrations_act_as_the_owner_alone(recording: Recording) -> None:
    login = recording.one(ROLE, "prod-metadata-migration-login").plain
    assert login["name"] == "airflow_prod_migration"
    assert login["roles"] == ["rds_iam", "airflow_prod_owner"]
    assert (login["assumeRole"], login["inherit"]) == ("airflow_prod_owner", False)


@pytest.mark.parametrize("component", sorted(set(LIMITS) - {"migration"}))
def test_the_others_change_rows_and_no_tables(recording: Recording, component: str) -> None:
    login = recording.one(ROLE, f"prod-metadata-{component}-login").plain
    assert login["name"] == f"airflow_prod_{component.replace('-', '_')}"
    assert login["roles"] == ["rds_iam", "airflow_prod_writer"]
    assert login["inherit"] is True
    assert "assumeRole" not in login


def test_the_writer_may_change_what_the_owner_creates(recording: Recording) -> None:
    rights = {
        (one.plain["objectType"], one.plain["role"]): tuple(one.plain["privileges"])
        for one in recording.of_type(DEFAULT)
    }
    assert rights == {
        ("table", "airflow_prod_writer"): ("DELETE", "INSERT", "SELECT", "UPDATE"),
        ("sequence", "airflow_prod_writer"): ("SELECT", "UPDATE", "USAGE"),
        ("function", "public"): (),
    }
    assert {one.plain["owner"] for one in recording.of_type(DEFAULT)} == {"airflow_prod_owner"}
    usage = recording.one(GRANT, "prod-metadata-schema-for-writer").plain
    assert (usage["schema"], usage["role"], usage["privileges"]) == (
        "airflow",
        "airflow_prod_writer",
        ["USAGE"],
    )


def test_each_has_its_own_limit_and_looks_names_up_in_the_schema(recording: Recording) -> None:
    for component, limit in LIMITS.items():
        login = recording.one(ROLE, f"prod-metadata-{component}-login").plain
        assert login["connectionLimit"] == limit
        assert login["searchPaths"] == ["airflow"]


@pytest.mark.parametrize(
    ("component", "account"),
    [
        ("migration", "airflow-migrate-database-job"),
        ("api-server", "airflow-api-server"),
        ("scheduler", "airflow-scheduler"),
        ("dag-processor", "airflow-dag-processor"),
        ("triggerer", "airflow-triggerer"),
    ],
)
def test_one_service_account_is_one_login(
    recording: Recording, component: str, account: str
) -> None:
    name = f"prod-metadata-{component}-login"
    role = recording.one(IAM_ROLE, name).plain
    assert role["name"] == f"airflow-prod-component-{component}"
    (trust,) = json.loads(role["assumeRolePolicy"])["Statement"]
    assert trust["Condition"]["StringEquals"] == {
        "oidc.eks/id/A:sub": f"system:serviceaccount:airflow-prod:{account}",
        "oidc.eks/id/A:aud": "sts.amazonaws.com",
    }
    (log_in,) = json.loads(recording.one(POLICY, name).plain["policy"])["Statement"]
    (user,) = log_in["Resource"]
    assert user.endswith(f"/airflow_prod_{component.replace('-', '_')}")


def test_further_rights_are_the_callers(recording: Recording) -> None:
    policy = recording.one(POLICY, "prod-metadata-api-server-read-task-logs").plain
    assert policy["role"] == "airflow-prod-component-api-server"
    assert (policy["name"], policy["policy"]) == (
        "read-task-logs",
        '{"Statement": "of the caller"}',
    )


@pytest.mark.parametrize("changes", [{"protected": True}, {"protected": False}])
def test_the_schema_is_as_durable_as_the_instance(
    recording: Recording, changes: dict[str, Any]
) -> None:
    schema = recording.one(SCHEMA)
    assert schema.plain["owner"] == "airflow_prod_owner"
    assert schema.options.protect is changes["protected"]
    assert schema.plain["dropCascade"] is not changes["protected"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"connection_limits": {"scheduler": 1}}, r"connection_limits has \['scheduler'\]; needed"),
        ({"policies": {"worker": {}}}, "policies has 'worker'; known are"),
    ],
)
def test_a_component_that_is_none_is_refused(
    recorded: Record, instance_args: PostgresInstanceArgs, change: dict[str, Any], message: str
) -> None:
    def program() -> None:
        fields: dict[str, Any] = {
            "environment": "prod",
            "server": PostgresInstance("metadata", instance_args),
            "database": "airflow_prod",
            "connection_limits": LIMITS,
            "policies": {},
            "oidc_provider_arn": "arn",
            "oidc_issuer": "https://a",
            "protected": True,
        }
        with pytest.raises(ValueError, match=message):
            MetadataAccessArgs(**{**fields, **change})

    recorded(program)
