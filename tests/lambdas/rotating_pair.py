"""A workflow's pair of logins on a real instance, its rotator, its secret and its function."""

from __future__ import annotations

import json
import secrets
import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import psycopg

from lambdas.rotate_postgres.credential import Credential
from lambdas.rotate_postgres.handler import rotate
from lambdas.rotate_postgres.settings import Rotation
from lambdas.rotate_postgres.versions import CURRENT, PENDING, PREVIOUS
from local.account.secrets import Secrets, labels_of
from tests.lambdas.database_instance import (
    ACCOUNT,
    FUNCTION_KEY,
    FUNCTION_SECRET,
    REGION,
    Context,
)
from tests.lambdas.operations import Operations, SecretsClient, WatchedConnect

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.lambdas.rotating_server import RotatingServer

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
DATABASE = "application"
LIVE, READ = "dev_billing_v1", "dev_reference_v1"


@dataclass
class RotatingPair:
    """The pair, and what may be done to it.

    Attributes:
        server: where it is.
        rotation: what its function is told.
        store: Secrets Manager, with this one secret.
        seen: all values that the secret ever had; none of them may be in a log.
    """

    server: RotatingServer
    rotation: Rotation
    store: Secrets
    seen: set[str] = field(default_factory=set, repr=False)

    @property
    def secret(self) -> Any:  # noqa: ANN401 - moto's
        """The secret itself."""
        return self.store.secret(self.rotation.secret)

    @property
    def labels(self) -> dict[str, str]:
        """Which version has which label."""
        return labels_of(self.secret)

    def begin(self) -> str:
        """Begin a rotation as Secrets Manager does; the version that is to become current."""
        token = f"rotation-{secrets.token_hex(16)}"
        self.store.attach_pending(self.secret, token)
        return token

    def take(
        self,
        step: str,
        token: str = "",
        *,
        operations: Operations | None = None,
        seconds: float = 8.0,
        now: datetime | None = None,
        rotation: Rotation | None = None,
        event: dict[str, Any] | None = None,
        certificates: Path | None = None,
    ) -> str:
        """Invoke the function once; its answer or error holds no secret."""
        operations = operations or Operations()
        connect = WatchedConnect(operations)
        clients = {"secretsmanager": SecretsClient(self.store, operations), "rds": _RDS}
        about = {"SecretId": self.rotation.secret, "ClientRequestToken": token}
        try:
            answer = rotate(
                event or ({"Step": step, **about} if step in STEPS else {"step": step}),
                Context(seconds),
                rotation=rotation or self.rotation,
                aws=clients.__getitem__,
                certificates=certificates or self.server.certificates,
                connect=connect,
                now=lambda: now or datetime.now(UTC),
            )
        except BaseException as error:
            connect.hang_up()
            self.assert_no_secret("".join(traceback.format_exception(error)))
            raise
        self.assert_no_secret(json.dumps(answer))
        return str(answer["outcome"])

    def rotate(self, token: str | None = None, steps: Sequence[str] = STEPS) -> str:
        """Take all four steps; the version."""
        token = token or self.begin()
        for step in steps:
            self.take(step, token)
        return token

    def credential(self, label: str = CURRENT) -> Credential:
        """What the version with a label holds."""
        version = self.secret.versions[self.labels[label]]
        credential = Credential.read(version["secret_string"])
        assert credential is not None
        return credential

    def open(self, credential: Credential | None = None) -> psycopg.Connection[Any]:
        """Log in as a client does."""
        credential = credential or self.credential()
        return psycopg.connect(
            host=self.rotation.host,
            port=self.rotation.port,
            dbname=self.rotation.database,
            user=credential.username,
            password=credential.password,
            sslmode="verify-full",
            sslrootcert=str(self.server.certificates),
            connect_timeout=10,
        )

    def assert_works(self, credential: Credential | None = None) -> None:
        """Fail unless a credential, the current one if none is given, opens what it should."""
        with self.open(credential) as connection:
            connection.execute("SELECT n FROM dev_reference_v1.kept")
            if self.rotation.writes:
                connection.execute("CREATE TABLE made (n integer)")
                connection.execute("INSERT INTO made VALUES (1)")
            connection.rollback()

    def secrets_seen(self) -> set[str]:
        """All passwords that there ever were, and what PostgreSQL made of them."""
        for version in self.secret.versions.values():
            credential = Credential.read(version.get("secret_string"))
            if credential:
                self.seen.add(credential.password)
        first, second = self.rotation.logins
        rows = self.server.execute(
            f"SELECT rolpassword FROM pg_authid WHERE rolname IN ('{first}', '{second}')"
            " AND rolpassword IS NOT NULL"
        )
        for (verifier,) in rows:
            self.seen.update(verifier.partition("$")[2].replace("$", ":").split(":")[1:])
        return self.seen

    def assert_no_secret(self, text: str) -> None:
        """Fail if a text holds a password, a part of a verifier, or an IAM token's signature."""
        assert "X-Amz-Signature" not in text
        assert "SCRAM-SHA-256$" not in text
        assert not any(one in text for one in self.secrets_seen())


def new_store(stem: str) -> tuple[Secrets, str]:
    """Secrets Manager with one secret without a value, and the secret's ARN."""
    store = Secrets(REGION, ACCOUNT)
    store._add_secret(f"airflow/dev/connections/{stem}")
    (secret,) = store.secrets.values()
    return store, secret.arn


_RDS = boto3.client(
    "rds",
    region_name=REGION,
    aws_access_key_id=FUNCTION_KEY,
    aws_secret_access_key=FUNCTION_SECRET,
)
A_DAY = timedelta(days=1)
__all__ = ["A_DAY", "CURRENT", "PENDING", "PREVIOUS", "RotatingPair"]
