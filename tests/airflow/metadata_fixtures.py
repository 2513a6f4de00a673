"""A metadata database as the program declares one, in an account that runs.

Fixture:
    metadata: shared by a session; nothing is migrated in it yet.

There are no assertions in here (PYTEST_DONT_REWRITE).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.local.account_fixtures import (
    ACCOUNT,
    MASTER,
    REGION,
    LocalAccount,
    allow,
    document,
    instance_input,
    unique,
)

DATABASE, SCHEMA = "airflow_test", "airflow"
OWNER, WRITER = "airflow_test_owner", "airflow_test_writer"
LOGINS = {"migration": OWNER, "scheduler": WRITER}


@dataclass(frozen=True)
class Metadata:
    """A metadata database, and who logs in to it."""

    account: LocalAccount
    identifier: str
    folder: Path
    roles: Mapping[str, str]

    def login(self, component: str) -> str:
        """The login of a component."""
        return f"airflow_test_{component}"

    def url(
        self, component: str, driver: str = "psycopg", query: str = "sslmode=verify-full"
    ) -> str:
        """What Airflow is told."""
        endpoint = self.account.wait(self.identifier)["Endpoint"]
        return (
            f"postgresql+{driver}://{self.login(component)}@{endpoint['Address']}:"
            f"{endpoint['Port']}/{DATABASE}?{query}"
        )

    def environment(self, component: str) -> dict[str, str]:
        """What the pod of a component is given: its web identity, and where things are."""
        token = self.folder / f"{component}.jwt"
        token.write_text(self.account.issuer.mint("airflow-dev", f"airflow-{component}"))
        return {
            "AWS_ROLE_ARN": self.roles[component],
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
            "AWS_ENDPOINT_URL": self.account.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": str(self.account.paths.ca_bundle),
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.url(component),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": self.url(component, "psycopg_async"),
        }

    def master(self, database: str = DATABASE) -> psycopg.Connection[Any]:
        """A session of the master."""
        password = self.account.master_password(self.identifier)
        return self.account.connect(self.identifier, MASTER, password, database)

    def refusals(self) -> list[str]:
        """Why logins of components were refused, as the endpoint says."""
        return [
            line["reason"]
            for line in self.account.journal(self.identifier)
            if line["event"] == "refused"
        ]

    def logins(self) -> int:
        """How many logins of components there were."""
        return sum(
            line["event"] == "in" and line["method"] == "iam"
            for line in self.account.journal(self.identifier)
        )


_STATEMENTS = f"""
CREATE ROLE {OWNER} NOLOGIN;
CREATE ROLE {WRITER} NOLOGIN;
GRANT {OWNER} TO CURRENT_USER;
CREATE ROLE airflow_test_migration LOGIN NOINHERIT IN ROLE rds_iam, {OWNER};
ALTER ROLE airflow_test_migration SET role = {OWNER};
ALTER ROLE airflow_test_migration SET search_path = {SCHEMA};
CREATE ROLE airflow_test_scheduler LOGIN IN ROLE rds_iam, {WRITER};
ALTER ROLE airflow_test_scheduler SET search_path = {SCHEMA};
"""
_IN_DATABASE = f"""
REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC;
GRANT CONNECT ON DATABASE {DATABASE} TO airflow_test_migration, airflow_test_scheduler;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA {SCHEMA} AUTHORIZATION {OWNER};
GRANT USAGE ON SCHEMA {SCHEMA} TO {WRITER};
ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA {SCHEMA}
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {WRITER};
ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA {SCHEMA}
    GRANT SELECT, USAGE ON SEQUENCES TO {WRITER};
"""


def make_metadata(account: LocalAccount, port: int, folder: Path) -> Metadata:
    """Create an instance with the database in it, and the components' logins and roles."""
    identifier = unique("metadata")
    account.client("rds").create_db_instance(**instance_input(identifier, port))
    found = account.wait(identifier)
    resource = f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:{found['DbiResourceId']}"
    made = Metadata(
        account,
        identifier,
        folder,
        {
            component: account.service_account_role(
                f"airflow-{component}",
                connect=document(allow("rds-db:connect", f"{resource}/airflow_test_{component}")),
            )
            for component in LOGINS
        },
    )
    with made.master("postgres") as connection:
        for statement in [*_STATEMENTS.split(";\n"), f"CREATE DATABASE {DATABASE}"]:
            if statement.strip():
                connection.execute(sql.SQL(statement))
    with made.master() as connection:
        connection.execute(sql.SQL(_IN_DATABASE))
    return made


@pytest.fixture(scope="session")
def metadata(
    local_account: LocalAccount,
    next_port: Callable[[], int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Metadata:
    return make_metadata(local_account, next_port(), tmp_path_factory.mktemp("airflow"))
