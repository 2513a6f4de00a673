"""`DatabaseLogin`: a leaf without a password, and the IAM role that may use it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from pulumi import Output

from components.database_login import DatabaseLogin, DatabaseLoginArgs
from components.database_server import DatabaseEndpoint

if TYPE_CHECKING:
    from tests.components.conftest import Names
    from tests.conftest import Record

COMPONENT = "airflow-postgres:components:DatabaseLogin"
LOGIN = "postgresql:index/role:Role"
GRANT = "postgresql:index/grant:Grant"
IAM_ROLE = "aws:iam/role:Role"
POLICY = "aws:iam/rolePolicy:RolePolicy"


@dataclass(frozen=True)
class Server:
    """A server as an instance or a proxy would be."""

    endpoint: DatabaseEndpoint

    def connect_policy(self, db_user: str, ends_at: datetime | None = None) -> Output[str]:
        """As theirs."""
        return self.endpoint.connect_policy(db_user, ends_at=ends_at)


def writer() -> DatabaseLoginArgs:
    """The login of a workflow that writes; inside a program, as it makes outputs."""
    endpoint = DatabaseEndpoint(
        address=Output.from_input("db.example"),
        port=5434,
        resource_id=Output.from_input("db-A"),
        security_group_id=Output.from_input("sg-1"),
        region="eu-west-1",
        account="123456789012",
    )
    return DatabaseLoginArgs(
        user="prod_billing",
        server=Server(endpoint),
        database="application",
        connection_limit=20,
        roles=["prod_billing_writer"],
        assume_role="prod_billing_writer",
        search_path=["prod_billing_v3", "prod_reference_v1"],
        iam_role="airflow-prod-workflow-billing",
        trust='{"Statement": "whom the caller names"}',
    )


def test_everything_is_registered_under_the_component(recorded: Record, names: Names) -> None:
    recording = recorded(lambda: DatabaseLogin("prod-billing", writer()))
    assert names(recording.children(recording.one(COMPONENT))) == {
        (LOGIN, "prod-billing-login"),
        (GRANT, "prod-billing-connect"),
        (IAM_ROLE, "prod-billing-login"),
        (POLICY, "prod-billing-login"),
    }
    assert recording.one(COMPONENT).registered_outputs == {
        "user": "prod_billing",
        "logins": ["prod_billing"],
        "iam_role_arn": f"arn:{IAM_ROLE}:prod-billing-login",
        "iam_role_name": "airflow-prod-workflow-billing",
    }


def test_a_login_that_writes_acts_as_its_writer_alone(recorded: Record) -> None:
    login = recorded(lambda: DatabaseLogin("prod-billing", writer())).one(LOGIN)
    assert login.plain == {
        "name": "prod_billing",
        "login": True,
        "inherit": False,
        "roles": ["rds_iam", "prod_billing_writer"],
        "assumeRole": "prod_billing_writer",
        "connectionLimit": 20,
        "searchPaths": ["prod_billing_v3", "prod_reference_v1"],
        "statementTimeout": 0,
    }


def test_a_login_that_reads_has_the_rights_of_all_its_roles(recorded: Record) -> None:
    def program() -> None:
        args = replace(writer(), roles=["a", "b"], assume_role=None, statement_timeout_seconds=300)
        DatabaseLogin("prod-analysts", args)

    login = recorded(program).one(LOGIN).plain
    assert login["roles"] == ["rds_iam", "a", "b"]
    assert login["inherit"] is True
    assert "assumeRole" not in login
    assert login["statementTimeout"] == 300_000


def test_it_may_connect_to_one_database(recorded: Record) -> None:
    grant = recorded(lambda: DatabaseLogin("prod-billing", writer())).one(GRANT)
    assert grant.plain == {
        "database": "application",
        "objectType": "database",
        "role": "prod_billing",
        "privileges": ["CONNECT"],
    }


def test_one_iam_role_may_use_it(recorded: Record) -> None:
    recording = recorded(lambda: DatabaseLogin("prod-billing", writer()))
    role = recording.one(IAM_ROLE).plain
    assert role["name"] == "airflow-prod-workflow-billing"
    assert role["assumeRolePolicy"] == '{"Statement": "whom the caller names"}'
    assert role["maxSessionDuration"] == 3600
    policy = recording.one(POLICY).plain
    assert policy["role"] == "airflow-prod-workflow-billing"
    (statement,) = json.loads(policy["policy"])["Statement"]
    user = "arn:aws:rds-db:eu-west-1:123456789012:dbuser:db-A/prod_billing"
    assert (statement["Action"], statement["Resource"]) == ("rds-db:connect", [user])
    assert "Condition" not in statement


def test_access_can_end(recorded: Record) -> None:
    ends_at = datetime(2027, 2, 1, tzinfo=UTC)
    recording = recorded(lambda: DatabaseLogin("prod-billing", replace(writer(), ends_at=ends_at)))
    (statement,) = json.loads(recording.one(POLICY).plain["policy"])["Statement"]
    assert statement["Condition"] == {"DateLessThan": {"aws:CurrentTime": "2027-02-01T00:00:00Z"}}


def test_a_login_without_connections_is_refused(recorded: Record) -> None:
    def program() -> None:
        with pytest.raises(ValueError, match="connection_limit of 'prod_billing' is 0; a login"):
            replace(writer(), connection_limit=0)

    recorded(program)
