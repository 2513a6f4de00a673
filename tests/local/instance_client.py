"""A running database instance as its clients see it, with what tests ask of it most."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
import pytest
from psycopg import sql

if TYPE_CHECKING:
    from pathlib import Path

    from local.account.postgres import DataPlane, InstanceSpec
    from tests.local.known_identities import Key, KnownIdentities

MASTER = "dbmaster"
# What a member of rds_iam is told, whatever is wrong with its token.
PAM = 'PAM authentication failed for user "{user}"'


@dataclass
class Instance:
    """A running instance as its clients see it."""

    spec: InstanceSpec
    address: str
    ca: Path
    log: Path
    master_password: str = field(repr=False)
    identities: KnownIdentities
    plane: DataPlane
    session: psycopg.Connection | None = None

    def login(self, attributes: str = "LOGIN", *, iam: bool = False, password: str = "") -> str:
        """Create a login with a name of its own."""
        name = f"login_{secrets.token_hex(4)}"
        statements = [f"CREATE ROLE {name} {attributes}"]
        if iam:
            statements.append(f"GRANT rds_iam TO {name}")
        if password:
            statements.append(f"ALTER ROLE {name} PASSWORD '{password}'")
        self.run(*statements)
        return name

    def iam_login(self) -> tuple[str, Key]:
        """Create a login that is a member of `rds_iam`, and a role that may connect as it."""
        name = self.login(iam=True)
        key = self.identities.role(name.replace("_", "-"))
        self.identities.say("Allow", key, self.spec.connect_resource(name))
        return name, key

    def token(self, key: Key, user: str) -> str:
        """A token for this instance."""
        return key.token(self.address, self.spec.port, user)

    def parameters(self, user: str, password: str, **more: str) -> dict[str, Any]:
        """What libpq is told: TLS with `verify-full` unless told otherwise."""
        return {
            "host": self.address,
            "port": self.spec.port,
            "user": user,
            "password": password,
            "dbname": "postgres",
            "sslmode": "verify-full",
            "sslrootcert": str(self.ca),
            "connect_timeout": 20,
            **more,
        }

    def connect(self, user: str, password: str, **more: str) -> psycopg.Connection:
        """Connect with psycopg 3, in autocommit."""
        return psycopg.connect(**self.parameters(user, password, **more), autocommit=True)

    def master(self, **more: str) -> psycopg.Connection:
        """Connect as the master user, with its password."""
        return self.connect(MASTER, self.master_password, **more)

    def refusal(self, user: str, password: str, message: str, **more: str) -> str:
        """Try to log in, see `message` in PostgreSQL's own words, return the log's reason."""
        with pytest.raises(psycopg.OperationalError) as caught:
            self.connect(user, password, **more)
        assert message in str(caught.value)
        line = self.line(event="refused", user=user)
        assert not self.lines(event="in", user=user)
        assert line["sqlstate"] in {"28000", "28P01"}
        reason: str = line["reason"]
        return reason

    @property
    def data(self) -> Path:
        """The server's data directory."""
        return self.plane._instances[self.spec.identifier].server.layout.data

    def postmaster(self) -> psutil.Process:
        """The server's process."""
        return psutil.Process(int((self.data / "postmaster.pid").read_text().split()[0]))

    def run(self, *statements: str) -> None:
        """Execute SQL as the master, in a session that is kept for it."""
        if self.session is None or self.session.broken or self.session.closed:
            self.session = self.master()
        try:
            self.session.execute("SELECT 1")
        except psycopg.OperationalError:  # the server was restarted since
            self.close()
            self.session = self.master()
        for statement in statements:
            self.execute(self.session, statement)

    def close(self) -> None:
        """Close the session that `run` keeps."""
        if self.session is not None:
            self.session.close()

    @staticmethod
    def execute(connection: psycopg.Connection, statement: str) -> None:
        """Execute SQL that a test composed."""
        connection.execute(sql.SQL(statement))

    def lines(self, **wanted: object) -> list[dict[str, Any]]:
        """The lines of the endpoint's log in which every wanted field has the wanted value."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in lines if wanted.items() <= line.items()]

    def line(self, **wanted: object) -> dict[str, Any]:
        """The only such line; it may take a moment to be written."""
        deadline = time.monotonic() + 5
        while not (found := self.lines(**wanted)) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(found) == 1, (wanted, found)
        return found[0]


def value(connection: psycopg.Connection, query: str) -> object:
    """The first column of the first row."""
    row = connection.execute(sql.SQL(query)).fetchone()
    return row and row[0]
