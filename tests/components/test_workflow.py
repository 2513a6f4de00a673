"""`Workflow`: identity, login, what it may read, and a connection without a credential."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from components.environment_schema import EnvironmentSchema, EnvironmentSchemaArgs
from components.postgres_instance import PostgresInstance, PostgresInstanceArgs
from components.workflow import Pool, Workflow, WorkflowArgs
from local.deploy import wire

if TYPE_CHECKING:
    from local.deploy.record import Recording
    from tests.components.conftest import Names
    from tests.conftest import Record

COMPONENT = "airflow-postgres:components:Workflow"
LOGIN = "airflow-postgres:components:DatabaseLogin"
PG_ROLE = "postgresql:index/role:Role"
GRANT_ROLE = "postgresql:index/grantRole:GrantRole"
IAM_ROLE = "aws:iam/role:Role"
SECRET = "aws:secretsmanager/secret:Secret"
POLICY = "aws:iam/rolePolicy:RolePolicy"
VERSION = "aws:secretsmanager/secretVersion:SecretVersion"


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What differs between the workflows of these tests."""

    writes: bool = True
    protected: bool = True


@pytest.fixture
def variant() -> Variant:
    return Variant()


@pytest.fixture
def recording(recorded: Record, instance_args: PostgresInstanceArgs, variant: Variant) -> Recording:
    """Two workflows that read each other."""

    def program() -> None:
        instance = PostgresInstance("application", replace(instance_args, port=5434))
        schemas = {
            name: EnvironmentSchema(
                f"prod-{name}",
                EnvironmentSchemaArgs(
                    environment="prod",
                    workflow=name,
                    versions=(1,),
                    live=1,
                    database="application",
                    drop=False,
                ),
            )
            for name in ("billing", "reference")
        }
        for name, other in (("billing", "reference"), ("reference", "billing")):
            workflow = Workflow(
                f"prod-{name}",
                WorkflowArgs(
                    environment="prod",
                    workflow=name,
                    schema=schemas[name],
                    writes=variant.writes,
                    reads={other: schemas[other]},
                    server=instance,
                    database="application",
                    connection_limit=20,
                    oidc_provider_arn="arn:aws:iam::123456789012:oidc-provider/oidc.eks/id/A",
                    oidc_issuer="https://oidc.eks/id/A",
                    secrets_key_arn="arn:key",
                    task_logs_policy='{"Statement": "of its logs"}',
                    region="eu-west-1",
                    protected=variant.protected,
                ),
            )
            assert workflow.pool == Pool(name=name, slots=20)

    return recorded(program)


def test_everything_is_registered_under_the_component(recording: Recording, names: Names) -> None:
    assert names(recording.children(recording.one(COMPONENT, "prod-billing"))) == {
        (LOGIN, "prod-billing"),
        (GRANT_ROLE, "prod-billing-reads-reference"),
        (SECRET, "prod-billing-connection"),
        (VERSION, "prod-billing-connection"),
        (POLICY, "prod-billing-read-connection"),
        (POLICY, "prod-billing-write-task-logs"),
    }


def test_a_writer_reads_others_through_the_role_it_acts_as(recording: Recording) -> None:
    login = recording.one(PG_ROLE, "prod-billing-login").plain
    assert login["roles"] == ["rds_iam", "prod_billing_writer"]
    assert login["assumeRole"] == "prod_billing_writer"
    grant = recording.one(GRANT_ROLE, "prod-billing-reads-reference").plain
    assert (grant["role"], grant["grantRole"]) == ("prod_billing_writer", "prod_reference_reader")


@pytest.mark.parametrize("variant", [Variant(writes=False)])
def test_a_reader_has_the_readers_of_its_own_schema_and_of_others(recording: Recording) -> None:
    login = recording.one(PG_ROLE, "prod-billing-login").plain
    assert login["roles"] == ["rds_iam", "prod_billing_reader", "prod_reference_reader"]
    assert login["inherit"] is True
    assert "assumeRole" not in login
    workflow = recording.one(COMPONENT, "prod-billing")
    assert GRANT_ROLE not in {one.type for one in recording.children(workflow)}


def test_names_are_looked_up_in_its_own_schema_first(recording: Recording) -> None:
    login = recording.one(PG_ROLE, "prod-billing-login").plain
    assert login["searchPaths"] == ["prod_billing_v1", "prod_reference_v1"]
    assert login["connectionLimit"] == 20


def test_one_service_account_may_assume_its_role(recording: Recording) -> None:
    role = recording.one(IAM_ROLE, "prod-billing-login").plain
    assert role["name"] == "airflow-prod-workflow-billing"
    (statement,) = json.loads(role["assumeRolePolicy"])["Statement"]
    assert statement["Condition"]["StringEquals"] == {
        "oidc.eks/id/A:sub": "system:serviceaccount:airflow-prod:workflow-billing",
        "oidc.eks/id/A:aud": "sts.amazonaws.com",
    }


def test_the_connection_is_what_airflow_reads_and_holds_no_credential(
    recording: Recording,
) -> None:
    secret = recording.one(SECRET, "prod-billing-connection").plain
    assert secret["name"] == "airflow/prod/connections/billing"
    assert secret["kmsKeyId"] == "arn:key"
    version = recording.one(VERSION, "prod-billing-connection")
    tls = {"sslmode": "verify-full"}
    assert json.loads(version.plain["secretString"]) == {
        "conn_type": "postgres",
        "host": "airflow-prod-application.rds.amazonaws.com",
        "port": 5434,
        "login": "prod_billing",
        "schema": "application",
        "extra": {"iam": True, "aws_conn_id": None, **tls, "sqlalchemy_query": tls},
    }
    assert wire.is_secret(version.inputs["secretString"])


def test_its_tasks_may_read_the_connection_and_write_their_logs(recording: Recording) -> None:
    read = recording.one(POLICY, "prod-billing-read-connection").plain
    assert read["role"] == "airflow-prod-workflow-billing"
    read_secret, decrypt = json.loads(read["policy"])["Statement"]
    arn = f"arn:{SECRET}:prod-billing-connection"
    assert (read_secret["Action"], read_secret["Resource"]) == (
        "secretsmanager:GetSecretValue",
        arn,
    )
    assert (decrypt["Action"], decrypt["Resource"]) == ("kms:Decrypt", "arn:key")
    assert decrypt["Condition"]["StringEquals"] == {
        "kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com",
        "kms:EncryptionContext:SecretARN": arn,
    }
    logs = recording.one(POLICY, "prod-billing-write-task-logs").plain
    assert logs["role"] == "airflow-prod-workflow-billing"
    assert logs["policy"] == '{"Statement": "of its logs"}'


@pytest.mark.parametrize(("variant", "days"), [(Variant(), 30), (Variant(protected=False), 0)])
def test_a_deleted_connection_is_kept_where_things_are_protected(
    recording: Recording, days: int
) -> None:
    assert recording.one(SECRET, "prod-billing-connection").plain["recoveryWindowInDays"] == days


def test_what_it_tells(recording: Recording) -> None:
    assert recording.one(COMPONENT, "prod-billing").registered_outputs == {
        "logins": ["prod_billing"],
        "iam_role_arn": f"arn:{IAM_ROLE}:prod-billing-login",
        "connection_secret_name": "airflow/prod/connections/billing",
    }
