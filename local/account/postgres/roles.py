"""The roles and databases that a new RDS instance has, and the master user's password.

Three things stand in for RDS's patches to PostgreSQL: `rds_superuser` gets ADMIN on `rds_iam` so
that the master can grant it, schemas owned by `rds_iam` and `rds_ad` keep the master from dropping
them with that right, and who is an IAM user is decided by `logins`. The master cannot pass
`rds_superuser` on; on RDS it can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from psycopg import Connection

    from local.account.postgres.instance import InstanceSpec

# The superuser and its database, both out of clients' reach, as on RDS.
SUPERUSER = "rdsadmin"
SERVICE_DATABASE = "rdsadmin"

_ROLES = (
    "CREATE ROLE rds_superuser",
    "CREATE ROLE rds_iam",
    "CREATE ROLE rds_ad",
    "CREATE ROLE rds_password",
    "CREATE ROLE rds_replication",
    "CREATE ROLE rds_reserved NOINHERIT",
    "CREATE ROLE rds_extension NOINHERIT",
    (
        "GRANT pg_checkpoint, pg_create_subscription, pg_monitor, pg_read_all_data,"
        " pg_write_all_data, pg_signal_backend, pg_use_reserved_connections, rds_password,"
        " rds_replication TO rds_superuser WITH ADMIN OPTION"
    ),
    "GRANT rds_iam, rds_ad TO rds_superuser WITH ADMIN TRUE, INHERIT FALSE, SET FALSE",
)
_SINCE_17 = "GRANT pg_maintain TO rds_superuser WITH ADMIN OPTION"


def create_roles(connection: Connection, spec: InstanceSpec, verifier: str) -> None:
    """Create what a new instance has, except for what lies inside the service's database.

    Args:
        connection: the superuser's, to database `postgres`, in autocommit.
        spec: names the master user and the initial database.
        verifier: the SCRAM verifier of the master's password.
    """
    for statement in (*_ROLES, *([_SINCE_17] if spec.major >= 17 else [])):
        connection.execute(statement)
    master = sql.Identifier(spec.master_username)
    connection.execute(
        sql.SQL(
            "CREATE ROLE {} LOGIN CREATEDB CREATEROLE VALID UNTIL 'infinity' PASSWORD {}"
        ).format(master, sql.Literal(verifier))
    )
    connection.execute(sql.SQL("GRANT rds_superuser TO {}").format(master))
    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(SERVICE_DATABASE)))
    connection.execute(
        sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(SERVICE_DATABASE))
    )
    connection.execute(sql.SQL("ALTER DATABASE postgres OWNER TO {}").format(master))
    if spec.database and spec.database != "postgres":
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(spec.database), master)
        )


def protect_service_roles(connection: Connection) -> None:
    """Anchor `rds_iam` and `rds_ad` in the service's database, which `connection` is to."""
    for role in ("rds_iam", "rds_ad"):
        connection.execute(
            sql.SQL("CREATE SCHEMA {0} AUTHORIZATION {0}").format(sql.Identifier(role))
        )


def verifier_of(connection: Connection, user: str, password: str) -> str:
    """Compute the SCRAM verifier here, so that the password never reaches the server or its log."""
    return connection.pgconn.encrypt_password(
        password.encode(), user.encode(), b"scram-sha-256"
    ).decode()


def set_password(connection: Connection, user: str, password: str) -> None:
    """Change a login's password."""
    connection.execute(
        sql.SQL("ALTER ROLE {} PASSWORD {}").format(
            sql.Identifier(user), sql.Literal(verifier_of(connection, user, password))
        )
    )
