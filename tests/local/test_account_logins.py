"""From a service account to a database: web identity, STS, token, login; and each way it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from tests.local.account_fixtures import (
    ACCOUNT,
    MASTER,
    REGION,
    LocalAccount,
    allow,
    deny,
    document,
    instance_input,
    unique,
)

pytest_plugins = ["tests.local.account_fixtures"]

WORKFLOW, OTHER = "dev_billing", "dev_marketing"


@dataclass(frozen=True)
class Database:
    """An instance with two IAM logins, and the role of one of them."""

    account: LocalAccount
    identifier: str
    role: str

    def resource(self, user: str) -> str:
        """The ARN that `rds-db:connect` names for a login."""
        resource_id = self.account.wait(self.identifier)["DbiResourceId"]
        return f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:{resource_id}/{user}"

    def credentials(self, **given: Any) -> dict[str, Any]:  # noqa: ANN401
        """The session that a pod of the workflow gets."""
        token = self.account.issuer.mint("airflow-dev", "workflow-billing")
        return dict(self.account.exchange(self.role, token, **given)["Credentials"])

    def log_in(self, user: str = WORKFLOW, credentials: dict[str, Any] | None = None) -> str:
        """Log in with a token; who one is then."""
        token = self.account.token(self.identifier, user, credentials or self.credentials())
        with self.account.connect(self.identifier, user, token) as connection:
            row = connection.execute("SELECT current_user").fetchone()
        return str(row[0]) if row else ""

    def refused(self, *given: Any) -> str:  # noqa: ANN401
        """Try to log in; the reason in the endpoint's log."""
        with pytest.raises(psycopg.OperationalError, match="authentication failed"):
            self.log_in(*given)
        return str(self.account.journal(self.identifier)[-1]["reason"])

    def policy(self, name: str, text: str) -> None:
        """Give the role another policy."""
        self.account.client("iam").put_role_policy(
            RoleName=self.role.rpartition("/")[2], PolicyName=name, PolicyDocument=text
        )


@pytest.fixture(scope="module")
def with_logins(local_account: LocalAccount, next_port: Callable[[], int]) -> Iterator[Database]:
    """Make an instance of its own, since its IAM authentication is switched off and on."""
    identifier = unique("db")
    local_account.client("rds").create_db_instance(**instance_input(identifier, next_port()))
    password = local_account.master_password(identifier)
    with local_account.connect(identifier, MASTER, password) as connection:
        for user in (WORKFLOW, OTHER):
            connection.execute(f"CREATE ROLE {user} LOGIN IN ROLE rds_iam")
    database = Database(
        local_account, identifier, local_account.service_account_role("workflow-billing")
    )
    database.policy("connect", document(allow("rds-db:connect", database.resource(WORKFLOW))))
    yield database
    local_account.client("rds").delete_db_instance(
        DBInstanceIdentifier=identifier, SkipFinalSnapshot=True
    )


def test_a_workflow_gets_in_as_itself(with_logins: Database) -> None:
    assert with_logins.log_in() == WORKFLOW
    entry = [one for one in with_logins.account.journal(with_logins.identifier)
             if one["event"] == "in"][-1]  # fmt: skip
    role = with_logins.role.rpartition("/")[2]
    assert (entry["user"], entry["method"]) == (WORKFLOW, "iam")
    assert entry["identity"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/pod"


def test_as_nobody_else(with_logins: Database) -> None:
    reason = with_logins.refused(OTHER)
    role = with_logins.role.rpartition("/")[2]
    resource = with_logins.resource(OTHER)
    assert reason == f"no statement of role {role} allows rds-db:connect on {resource}"


def test_not_at_another_instance(with_logins: Database, database: str) -> None:
    """One role, one instance: resource ids differ, though the user's name is the same."""
    account = with_logins.account
    password = account.master_password(database)
    with account.connect(database, MASTER, password) as connection:
        connection.execute(f"CREATE ROLE {WORKFLOW} LOGIN IN ROLE rds_iam")
    elsewhere = Database(account, database, with_logins.role)
    assert elsewhere.refused().startswith("no statement of role")


def test_not_with_another_roles_session(with_logins: Database) -> None:
    account = with_logins.account
    assert with_logins.refused(WORKFLOW, account.assume(account.role())).startswith("no statement")


def test_an_explicit_deny_counts_at_once_and_so_does_its_end(with_logins: Database) -> None:
    credentials = with_logins.credentials()
    assert with_logins.log_in(WORKFLOW, credentials) == WORKFLOW
    with_logins.policy("stop", document(deny("rds-db:*")))
    role = with_logins.role.rpartition("/")[2]
    assert with_logins.refused(WORKFLOW, credentials) == (
        f"explicit deny in policy stop of role {role}"
    )
    with_logins.account.client("iam").delete_role_policy(RoleName=role, PolicyName="stop")
    assert with_logins.log_in(WORKFLOW, credentials) == WORKFLOW


def test_a_session_policy_holds_at_the_database_too(with_logins: Database) -> None:
    less = with_logins.credentials(Policy=document(allow("rds-db:connect", "arn:aws:rds-db:x")))
    assert "session policy of role" in with_logins.refused(WORKFLOW, less)


def test_a_condition_holds_at_the_database_too(with_logins: Database) -> None:
    account, resource = with_logins.account, with_logins.resource(WORKFLOW)
    over = allow(
        "rds-db:connect",
        resource,
        Condition={"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}},
    )
    role = account.role(connect=document(over))
    assert with_logins.refused(WORKFLOW, account.assume(role)).startswith("no statement of role")


def test_switched_off_and_on_again(with_logins: Database) -> None:
    account, identifier = with_logins.account, with_logins.identifier

    def switch(*, on: bool) -> None:
        account.client("rds").modify_db_instance(
            DBInstanceIdentifier=identifier,
            EnableIAMDatabaseAuthentication=on,
            ApplyImmediately=True,
        )
        account.wait(identifier)

    switch(on=False)
    assert with_logins.refused() == "IAM database authentication is not enabled on this instance"
    switch(on=True)
    assert with_logins.log_in() == WORKFLOW
