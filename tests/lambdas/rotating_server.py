"""One instance with the application's database, and the pairs of logins that are made in it.

Roles are made as the program declares them, by the provisioner, and each pair is of one test.
"""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from lambdas.rotate_postgres.settings import Rotation
from tests.lambdas.database_instance import (
    ADDRESS,
    REGION,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.account.postgres import DataPlane, InstanceSpec

from tests.lambdas.rotating_pair import DATABASE, LIVE, READ, RotatingPair, new_store

# What the program declares of one workflow, beside its logins; see `EnvironmentSchema`.
_WORKFLOW = """
    CREATE ROLE {reader}; CREATE ROLE {writer}; CREATE ROLE {owner};
    GRANT {reader}, {writer}, {owner} TO CURRENT_USER WITH INHERIT TRUE, SET TRUE;
    GRANT {writer} TO {owner}; GRANT {reader} TO {writer};
    ALTER DEFAULT PRIVILEGES FOR ROLE {writer} GRANT SELECT ON TABLES TO {reader};
    CREATE SCHEMA {schema} AUTHORIZATION {owner};
    SET ROLE {owner};
    GRANT CREATE, USAGE ON SCHEMA {schema} TO {writer};
    GRANT USAGE ON SCHEMA {schema} TO {reader};
    SET ROLE {writer};
    CREATE TABLE {schema}.kept (n integer); INSERT INTO {schema}.kept VALUES (1);
    SET ROLE provisioner"""


@dataclass(frozen=True)
class RotatingServer:
    """One instance with database `application`, two workflows' schemas and a provisioner."""

    plane: DataPlane
    spec: InstanceSpec
    certificates: Path
    sockets: Path
    server_logs: tuple[Path, ...]

    def execute(self, statements: str, *, role: str = "rdsadmin", **names: str) -> list[Any]:
        """Run SQL past the endpoint, with names put in, as a role; the rows of the last of it."""
        with psycopg.connect(
            host=str(self.sockets), port=5432, user="rdsadmin", dbname=DATABASE, autocommit=True
        ) as connection:
            connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
            identifiers = {key: sql.Identifier(name) for key, name in names.items()}
            for statement in statements.split(";"):
                composed = sql.SQL(statement).format(**identifiers)
                cursor = connection.execute(composed)
            return cursor.fetchall() if cursor.description else []

    def prepare(self) -> None:
        """Make what is there before any login; and log every statement of the database."""
        with psycopg.connect(
            host=str(self.sockets), port=5432, user="rdsadmin", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute("CREATE ROLE provisioner LOGIN CREATEROLE CREATEDB")
            connection.execute("GRANT rds_iam TO provisioner WITH ADMIN OPTION")
            connection.execute("GRANT rds_password TO provisioner WITH ADMIN OPTION")
            connection.execute("CREATE DATABASE application OWNER provisioner")
        self.execute("REVOKE ALL ON DATABASE application FROM PUBLIC")
        for setting in (
            "log_statement = 'all'",
            "log_min_duration_statement = 0",
            "log_min_error_statement = 'debug5'",
            "log_error_verbosity = 'verbose'",
        ):
            self.execute(f"ALTER DATABASE application SET {setting}")
        for schema in (LIVE, READ):
            stem = schema.removesuffix("_v1")
            names = {kind: f"{stem}_{kind}" for kind in ("owner", "writer", "reader")}
            self.execute(_WORKFLOW, role="provisioner", schema=schema, **names)
        self.execute("GRANT dev_reference_reader TO dev_billing_writer", role="provisioner")

    def pair(self, *, writes: bool = True, **changes: Any) -> RotatingPair:  # noqa: ANN401 - of Rotation
        """Make a pair, its rotator and an empty secret."""
        stem = f"dev_{secrets.token_hex(4)}"
        first, second, rotator = f"{stem}_a", f"{stem}_b", f"{stem}_rotator"
        # As long as the program has no grant with other options, SET and INHERIT as by default.
        self.execute(
            "CREATE ROLE {rotator} LOGIN NOINHERIT CREATEROLE CONNECTION LIMIT 4;"
            "GRANT rds_iam, rds_password TO {rotator};"
            "GRANT CONNECT ON DATABASE application TO {rotator}",
            role="provisioner",
            rotator=rotator,
        )
        roles = (
            ("dev_billing_writer",) if writes else ("dev_billing_reader", "dev_reference_reader")
        )
        for login in (first, second):
            inherit = "NOINHERIT" if writes else "INHERIT"
            act = f"ALTER ROLE {{login}} SET role TO {roles[0]};" if writes else ""
            self.execute(
                f"CREATE ROLE {{login}} LOGIN {inherit} CONNECTION LIMIT 5 VALID UNTIL 'infinity';"
                f"GRANT {', '.join(roles)} TO {{login}};{act}"
                f"ALTER ROLE {{login}} SET search_path TO {LIVE}, {READ};"
                "GRANT CONNECT ON DATABASE application TO {login};"
                "GRANT {login} TO {rotator} WITH ADMIN OPTION",
                role="provisioner",
                login=login,
                rotator=rotator,
            )
        store, secret = new_store(stem)
        settings: dict[str, str | tuple[str, ...]] = {"search_path": (LIVE, READ)}
        if writes:
            settings["role"] = roles[0]
        rotation = Rotation(
            region=REGION,
            secret=secret,
            host=ADDRESS,
            port=self.spec.port,
            database=DATABASE,
            rotator=rotator,
            logins=(first, second),
            connection_limit=5,
            settings=settings,
            roles=roles,
            writes=(LIVE,) if writes else (),
            reads=(READ,) if writes else (LIVE, READ),
            valid_until=None,
            interval_days=7,
        )
        return RotatingPair(server=self, rotation=replace(rotation, **changes), store=store)

    def again(self, pair: RotatingPair) -> RotatingPair:
        """Make a pair what it was in the beginning, with a new secret."""
        for login in pair.rotation.logins:
            self.execute(
                "ALTER ROLE {login} LOGIN PASSWORD NULL; GRANT dev_billing_writer TO {login}",
                role="provisioner",
                login=login,
            )
        store, secret = new_store(pair.rotation.rotator)
        return RotatingPair(
            server=self, rotation=replace(pair.rotation, secret=secret), store=store
        )

    @contextlib.contextmanager
    def let_in_on_socket(self) -> Iterator[None]:
        """Have the server itself ask the pairs for their passwords, and believe the rotators.

        Until the end of the block, nobody comes in by the endpoint.
        """
        file = self.plane._instances[self.spec.identifier].server.layout.home / "pg_hba.conf"
        text = file.read_text()
        file.write_text(
            f"local application /_(a|b)$ scram-sha-256\nlocal application /_rotator$ trust\n{text}"
        )
        self.execute("SELECT pg_reload_conf()")
        yield
        file.write_text(text)
        self.execute("SELECT pg_reload_conf()")
