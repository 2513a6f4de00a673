"""Airflow connections as the values that its secrets backend reads. They never hold a password."""

from __future__ import annotations

from typing import Any


def postgres_connection(*, host: str, port: int, login: str, database: str) -> dict[str, Any]:
    """A connection of `PostgresHook` that logs in with IAM tokens and verifies the server.

    It names no file of CA certificates: where that lies is the pod's business (`PGSSLROOTCERT`).
    """
    tls = {"sslmode": "verify-full"}
    return {
        "conn_type": "postgres",
        "host": host,
        "port": port,
        "login": login,
        "schema": database,
        "extra": {
            "iam": True,
            # None: the pod's own identity. When it is absent, Airflow looks for a connection
            # `aws_default`, and warns that there is none.
            "aws_conn_id": None,
            **tls,
            # The hook's SQLAlchemy engine takes no notice of the one above.
            "sqlalchemy_query": tls,
        },
    }
