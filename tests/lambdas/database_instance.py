"""One database instance as the tests see it: its event, its superuser, its catalogs, its secret."""

from __future__ import annotations

import json
import secrets
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, LiteralString, TypeAlias

import psycopg

from lambdas.bootstrap_postgres.handler import bootstrap
from lambdas.shared.database import connect
from local.account.postgres import Credential, Decision, UnknownCredentialError

if TYPE_CHECKING:
    from pathlib import Path

    from lambdas.bootstrap_postgres.handler import Connect
    from local.account.postgres import DataPlane, InstanceSpec

Catalogs: TypeAlias = dict[str, list[tuple[Any, ...]]]

ADDRESS = "127.0.0.1"
REGION = "eu-west-1"
ACCOUNT = "123456789012"
FUNCTION_KEY = "AKIAFUNCTION00000001"
FUNCTION_SECRET = secrets.token_hex(20)
FUNCTION_ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/bootstrap/function"


class Identities:
    """The function's role: it may connect as the master or as a rotator, and as nobody else."""

    def credential(self, access_key_id: str, session_token: str | None) -> Credential:
        """Know the function's access key only."""
        if access_key_id != FUNCTION_KEY or session_token is not None:
            raise UnknownCredentialError("the access key is unknown")
        return Credential(secret_key=FUNCTION_SECRET, principal_arn=FUNCTION_ROLE)

    def authorize(self, principal_arn: str, action: str, resource: str) -> Decision:
        """Allow what the function's policy allows."""
        allowed = (principal_arn, action) == (FUNCTION_ROLE, "rds-db:connect")
        return Decision(
            allowed=allowed and resource.endswith(("/dbmaster", "_rotator")),
            reason="no statement allows it",
        )


@dataclass(frozen=True)
class Context:
    """Like Lambda's, for a function that has `seconds` left."""

    seconds: float = 30.0
    aws_request_id: str = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"

    def get_remaining_time_in_millis(self) -> int:
        """Return what is left, all the time."""
        return int(self.seconds * 1000)


@dataclass
class Instance:
    """One database instance, its master secret, and the superuser's view of it."""

    plane: DataPlane
    spec: InstanceSpec
    certificates: Path
    secrets_manager: Any
    sockets: Path
    server_logs: tuple[Path, ...]
    """The server's own log and that of its endpoint."""
    secret_arn: str = ""
    untouched: Catalogs = field(default_factory=dict)
    """What the catalogs say before the first invocation, and"""
    undisturbed: Catalogs = field(default_factory=dict)
    """after one that nothing disturbed; empty until it is known."""
    password: str = field(default="", repr=False)
    passwords: list[str] = field(default_factory=list, repr=False)
    """All that there ever were, and still must be in no log."""

    def event(self, **changes: object) -> dict[str, object]:
        """The function's event for this instance."""
        return {
            "host": ADDRESS,
            "port": self.spec.port,
            "masterSecretArn": self.secret_arn,
            "masterUsername": self.spec.master_username,
            "provisioner": "provisioner",
            "region": REGION,
            **changes,
        }

    def store(self, password: str, username: str = "dbmaster") -> None:
        """Put a password into the secret, as RDS does."""
        self.secrets_manager.put_secret_value(
            SecretId=self.secret_arn,
            SecretString=json.dumps({"username": username, "password": password}),
        )

    def rotate(self) -> str:
        """Change the master's password on the server only; return the new one."""
        self.password = secrets.token_urlsafe(24)
        self.passwords.append(self.password)
        self.plane.modify(self.spec, self.password)
        return self.password

    def superuser(
        self, sql: LiteralString, *values: object, role: LiteralString = "rdsadmin"
    ) -> list[tuple[Any, ...]]:
        """Run SQL as rdsadmin, past the endpoint, or as the role that it changes to."""
        with psycopg.connect(
            host=str(self.sockets),
            port=5432,
            user="rdsadmin",
            dbname="postgres",
            autocommit=True,
        ) as connection:
            connection.execute(f"SET ROLE {role}")
            cursor = connection.execute(sql, values or None)
            return cursor.fetchall() if cursor.description else []

    def catalogs(self) -> Catalogs:
        """Everything that the function may change, and what it must not."""
        return {
            "roles": self.superuser(
                "SELECT a.*, NULL FROM (SELECT rolname, rolsuper, rolinherit, rolcreaterole,"
                " rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconnlimit,"
                " CASE WHEN rolname <> 'dbmaster' THEN rolpassword END, rolvaliduntil::text"
                " FROM pg_authid) a ORDER BY 1"
            ),
            "memberships": self.superuser(
                "SELECT roleid::regrole::text, member::regrole::text, grantor::regrole::text,"
                " admin_option, inherit_option, set_option FROM pg_auth_members ORDER BY 1, 2, 3"
            ),
            "databases": self.superuser(
                "SELECT datname, grantor::regrole::text, grantee::regrole::text, privilege_type,"
                " is_grantable FROM pg_database,"
                " aclexplode(coalesce(datacl, acldefault('d', datdba))) ORDER BY 1, 2, 3, 4"
            ),
            "settings": self.superuser(
                "SELECT setdatabase, setrole, setconfig FROM pg_db_role_setting"
            ),
        }

    def bootstrap(
        self,
        event: dict[str, object] | None = None,
        *,
        seconds: float = 30.0,
        connect: Connect = connect,
    ) -> dict[str, Any]:
        """Invoke the function; neither its answer nor its error may hold a password."""
        try:
            answer = bootstrap(
                event or self.event(),
                Context(seconds),
                certificates=self.certificates,
                connect=connect,
            )
        except BaseException as error:
            self.assert_no_secret("".join(traceback.format_exception(error)))
            raise
        self.assert_no_secret(json.dumps(answer))
        return answer

    def reset(self) -> None:
        """Undo what the function and the tests did."""
        # A membership is only taken away by the role that is recorded as its grantor.
        self.superuser("REVOKE rds_iam FROM dbmaster", role="rds_superuser")
        if self.superuser("SELECT true FROM pg_roles WHERE rolname = 'provisioner'"):
            self.superuser("DROP OWNED BY provisioner")
            self.superuser("DROP ROLE provisioner")
        self.superuser("GRANT CONNECT, TEMPORARY ON DATABASE postgres TO PUBLIC")
        self.secret_arn = self.secrets_manager.create_secret(
            Name=f"rds!db-{secrets.token_hex(8)}", SecretString="{}"
        )["ARN"]
        self.store(self.rotate())

    def assert_no_secret(self, text: str) -> None:
        """Fail if `text` holds a password of the master or the signature of a token."""
        assert "X-Amz-Signature" not in text
        assert not any(password in text for password in self.passwords)
