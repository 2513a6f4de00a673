"""`Provisioner`: the bootstrap, who may act as whom, and the databases it leaves behind."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from components.postgres_instance import PostgresInstance
from components.provisioner import Provisioner

if TYPE_CHECKING:
    from collections.abc import Callable

    from components.postgres_instance import PostgresInstanceArgs
    from components.provisioner import ProvisionerArgs
    from local.deploy.record import Recording
    from tests.components.conftest import Names
    from tests.conftest import Record

    MakeArgs: TypeAlias = Callable[[PostgresInstance], ProvisionerArgs]

COMPONENT = "airflow-postgres:components:Provisioner"
FUNCTION = "aws:lambda/function:Function"
INVOCATION = "aws:lambda/invocation:Invocation"
PROVIDER = "pulumi:providers:postgresql"
ROLE = "aws:iam/role:Role"
POLICY = "aws:iam/rolePolicy:RolePolicy"
GRANT = "postgresql:index/grant:Grant"
DATABASE = "postgresql:index/database:Database"

ALL = {
    ("aws:cloudwatch/logGroup:LogGroup", "provisioner-function"),
    ("aws:ec2/securityGroup:SecurityGroup", "provisioner-function"),
    (
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        "provisioner-function-to-database",
    ),
    (
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "provisioner-function-to-database",
    ),
    ("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "provisioner-function-to-aws"),
    (ROLE, "provisioner-function"),
    (POLICY, "provisioner-function-run-in-vpc"),
    (POLICY, "provisioner-function-read-master-secret"),
    (POLICY, "provisioner-function-log-in-as-master"),
    (FUNCTION, "provisioner-function"),
    (INVOCATION, "provisioner-bootstrap"),
    (ROLE, "provisioner-deploy"),
    (POLICY, "provisioner-deploy"),
    (ROLE, "provisioner-break-glass"),
    (POLICY, "provisioner-break-glass"),
    (PROVIDER, "provisioner-postgres"),
    (DATABASE, "provisioner-application"),
    (PROVIDER, "provisioner-application"),
    (GRANT, "provisioner-application-public-database"),
    (GRANT, "provisioner-application-public-schema"),
}


@pytest.fixture
def recording(
    recorded: Record, instance_args: PostgresInstanceArgs, provisioner_args: MakeArgs
) -> Recording:
    def program() -> None:
        instance = PostgresInstance("application", instance_args)
        Provisioner("provisioner", provisioner_args(instance))

    return recorded(program)


def dependencies(recording: Recording, type_: str, name: str) -> set[tuple[str, str]]:
    """Type and name of what a resource waits for."""
    waits_for = map(recording.by_urn, recording.one(type_, name).dependencies)
    return {(one.type, one.name) for one in waits_for}


def statements(recording: Recording, policy: str) -> list[dict[str, Any]]:
    """The statements of one policy."""
    document: dict[str, list[dict[str, Any]]] = json.loads(
        recording.one(POLICY, policy).plain["policy"]
    )
    return document["Statement"]


def test_everything_is_registered_under_the_component(recording: Recording, names: Names) -> None:
    assert names(recording.children(recording.one(COMPONENT))) == ALL


def test_the_function(recording: Recording) -> None:
    function = recording.one(FUNCTION).plain
    code = function.pop("code")
    assert code["path"] == "build/prod/bootstrap_postgres.zip"
    assert function == {
        "name": "airflow-prod-application-bootstrap",
        "description": "Creates the login provisioner and retires the master's password; "
        "may be invoked again",
        "role": f"arn:{ROLE}:provisioner-function",
        "runtime": "python3.13",
        "architectures": ["arm64"],
        "handler": "lambdas.bootstrap_postgres.handler.handle",
        "timeout": 180,
        "memorySize": 256,
        "reservedConcurrentExecutions": 1,
        "vpcConfig": {
            "subnetIds": ["subnet-a", "subnet-b"],
            "securityGroupIds": ["provisioner-function-id"],
        },
    }


def test_the_function_waits_for_all_it_needs(recording: Recording) -> None:
    assert dependencies(recording, FUNCTION, "provisioner-function") >= {
        (type_, name)
        for type_, name in ALL
        if type_
        in {
            "aws:cloudwatch/logGroup:LogGroup",
            "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        }
        or (type_ == POLICY and name.startswith("provisioner-function"))
    }


def test_the_function_may_read_one_secret_and_log_in_as_the_master(recording: Recording) -> None:
    read, decrypt = statements(recording, "provisioner-function-read-master-secret")
    assert read["Resource"] == "arn:aws:secretsmanager:application"
    assert decrypt["Resource"] == "arn:aws:kms/key:Key:application-key"
    (log_in,) = statements(recording, "provisioner-function-log-in-as-master")
    assert log_in["Resource"] == [
        f"arn:aws:rds-db:eu-west-1:123456789012:dbuser:db-APPLICATION{'A' * 15}/dbmaster"
    ]
    log, *_ = statements(recording, "provisioner-function-run-in-vpc")
    assert log["Resource"].endswith(":/aws/lambda/airflow-prod-application-bootstrap:*")


def test_the_function_reaches_the_database_and_aws_only(recording: Recording) -> None:
    way_out = {
        one.name: (
            one.plain.get("referencedSecurityGroupId") or one.plain["cidrIpv4"],
            one.plain["fromPort"],
            one.plain["toPort"],
        )
        for one in recording.of_type("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
    }
    assert way_out == {
        "provisioner-function-to-database": ("application-id", 5433, 5433),
        "provisioner-function-to-aws": ("0.0.0.0/0", 443, 443),
    }
    way_in = recording.one(
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "provisioner-function-to-database",
    ).plain
    assert way_in["securityGroupId"] == "application-id"
    assert way_in["referencedSecurityGroupId"] == "provisioner-function-id"


def test_the_invocation_hands_over_names_and_no_secret(recording: Recording) -> None:
    invocation = recording.one(INVOCATION).plain
    assert json.loads(invocation["input"]) == {
        "host": "airflow-prod-application.rds.amazonaws.com",
        "port": 5433,
        "region": "eu-west-1",
        "masterSecretArn": "arn:aws:secretsmanager:application",
        "masterUsername": "dbmaster",
        "provisioner": "provisioner",
        "connectionLimit": 9,
    }
    assert invocation["lifecycleScope"] == "CREATE_ONLY"
    assert invocation["triggers"] == {
        "instance": f"db-APPLICATION{'A' * 15}",
        "package": "sha256-of-the-package",
    }


@pytest.mark.parametrize(
    ("purpose", "principal", "db_user"),
    [("deploy", "deployer", "provisioner"), ("break-glass", "break-glass", "dbmaster")],
)
def test_a_role_is_for_named_principals_and_one_login(
    recording: Recording, purpose: str, principal: str, db_user: str
) -> None:
    role = recording.one(ROLE, f"provisioner-{purpose}").plain
    assert role["name"] == f"airflow-prod-application-{purpose}"
    assert role["maxSessionDuration"] == 3600
    (trust,) = json.loads(role["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"AWS": [f"arn:aws:iam::123456789012:role/{principal}"]}
    (log_in,) = statements(recording, f"provisioner-{purpose}")
    assert log_in["Resource"] == [
        f"arn:aws:rds-db:eu-west-1:123456789012:dbuser:db-APPLICATION{'A' * 15}/{db_user}"
    ]


def test_providers_log_in_with_tokens_and_verify_the_server(recording: Recording) -> None:
    for database in ("postgres", "application"):
        provider = recording.one(PROVIDER, f"provisioner-{database}").plain
        assert provider == {
            "host": "airflow-prod-application.rds.amazonaws.com",
            "port": "5433",
            "database": database,
            "username": "provisioner",
            "awsRdsIamAuth": "true",
            "awsRdsIamRegion": "eu-west-1",
            "awsRdsIamProviderRoleArn": f"arn:{ROLE}:provisioner-deploy",
            "sslmode": "verify-full",
            "sslrootcert": "certificates/eu-west-1-bundle.pem",
            "superuser": "false",
            "maxConnections": "3",
            "connectTimeout": "30",
        }


def test_nothing_is_dialled_before_there_is_someone_to_log_in(recording: Recording) -> None:
    first = dependencies(recording, PROVIDER, "provisioner-postgres")
    assert {(INVOCATION, "provisioner-bootstrap"), (POLICY, "provisioner-deploy")} <= first
    second = dependencies(recording, PROVIDER, "provisioner-application")
    assert (DATABASE, "provisioner-application") in second


def test_a_database_belongs_to_the_provisioner_and_is_closed_to_everyone(
    recording: Recording,
) -> None:
    database = recording.one(DATABASE)
    assert (database.plain["name"], database.plain["owner"]) == ("application", "provisioner")
    assert database.options.protect
    assert recording.by_urn(database.provider_urn).name == "provisioner-postgres"
    grants = {one.plain["objectType"]: one for one in recording.of_type(GRANT)}
    assert grants["schema"].plain["schema"] == "public"
    for grant in grants.values():
        assert (grant.plain["role"], grant.plain["privileges"]) == ("public", [])
        assert grant.plain["database"] == "application"
        assert recording.by_urn(grant.provider_urn).name == "provisioner-application"


def test_an_unprotected_instance_has_unprotected_databases(
    recorded: Record, instance_args: PostgresInstanceArgs, provisioner_args: MakeArgs
) -> None:
    def program() -> None:
        instance = PostgresInstance("application", replace(instance_args, protected=False))
        Provisioner("provisioner", provisioner_args(instance))

    assert not recorded(program).one(DATABASE).options.protect


def test_what_it_tells(recording: Recording) -> None:
    assert recording.one(COMPONENT).registered_outputs == {
        "deploy_role_arn": f"arn:{ROLE}:provisioner-deploy",
        "break_glass_role_arn": f"arn:{ROLE}:provisioner-break-glass",
    }


def test_only_its_own_databases_have_a_provider(
    recorded: Record, instance_args: PostgresInstanceArgs, provisioner_args: MakeArgs
) -> None:
    def program() -> None:
        instance = PostgresInstance("application", instance_args)
        provisioner = Provisioner("provisioner", provisioner_args(instance))
        assert provisioner.databases == ("application",)
        with pytest.raises(ValueError, match="'other' is not provisioned here; there are: appl"):
            provisioner.provider("other")

    recorded(program)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"deployers": ()}, "deployers is empty; at least one is needed"),
        ({"break_glass": ()}, "break_glass is empty; at least one is needed"),
        ({"databases": ()}, "databases is empty; at least one is needed"),
        (
            {"databases": ("a", "b", "c")},
            "connections_per_database is 3; more than the 3 databases are needed",
        ),
    ],
)
def test_refused_at_once(
    recorded: Record,
    instance_args: PostgresInstanceArgs,
    provisioner_args: MakeArgs,
    changes: dict[str, Any],
    sentence: str,
) -> None:
    def program() -> None:
        args = provisioner_args(PostgresInstance("application", instance_args))
        with pytest.raises(ValueError, match=sentence):
            replace(args, **changes)

    recorded(program)
