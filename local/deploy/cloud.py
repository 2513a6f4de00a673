"""The AWS clients of one run: made once per service and region, shared by all threads.

Credentials come from where every AWS SDK takes them (profile, files, environment); a provider that
names its own is refused by its driver. Nothing here is kept after the run.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from local.deploy.drivers.base import DriverError

if TYPE_CHECKING:
    from collections.abc import Sequence

SESSION_NAME = "deploy"
# Credentials that end within this time are renewed: a connection must still be made with them.
RENEW_BEFORE = timedelta(minutes=2)
CONNECT_SECONDS = 5
# A function may take 15 minutes to answer an invocation.
READ_SECONDS = 900
POOL_CONNECTIONS = 32


class Cloud:
    """AWS as one deployer sees it."""

    def __init__(self) -> None:
        self._session: boto3.Session | None = None
        self._clients: dict[tuple[str, str], Any] = {}
        self._roles: dict[str, tuple[boto3.Session, datetime]] = {}
        self._account: str | None = None
        self._lock = threading.RLock()

    def client(self, service: str, region: str, accounts: Sequence[str] = ()) -> Any:  # noqa: ANN401 - boto3 has no types
        """Return the client of `service` in `region`.

        Raises:
            DriverError: the credentials belong to an account that is not among `accounts`.
        """
        if accounts and self._account_of(region) not in accounts:
            raise DriverError(
                f"the credentials belong to account {self._account}, the program allows only "
                f"{', '.join(accounts)}: choose the right profile"
            )
        with self._lock:
            # Making a client is not thread-safe, using it is.
            if (service, region) not in self._clients:
                self._session = self._session or boto3.Session()
                self._clients[service, region] = self._session.client(
                    service, region_name=region, config=_config()
                )
            return self._clients[service, region]

    def database_token(self, *, host: str, port: int, user: str, region: str, role: str) -> str:
        """Return an IAM token for one database user, of `role` or, without one, of the deployer."""
        session = self._assumed(role, region) if role else None
        client = session.client("rds") if session else self.client("rds", region)
        token = client.generate_db_auth_token(DBHostname=host, Port=port, DBUsername=user)
        return str(token)

    def _account_of(self, region: str) -> str:
        with self._lock:
            if self._account is None:
                identity = self.client("sts", region).get_caller_identity()
                self._account = str(identity["Account"])
            return self._account

    def _assumed(self, role: str, region: str) -> boto3.Session:
        with self._lock:
            session, ends = self._roles.get(role, (None, datetime.now(UTC)))
            if session is None or ends - RENEW_BEFORE < datetime.now(UTC):
                granted = self.client("sts", region).assume_role(
                    RoleArn=role, RoleSessionName=SESSION_NAME
                )["Credentials"]
                session = boto3.Session(
                    aws_access_key_id=granted["AccessKeyId"],
                    aws_secret_access_key=granted["SecretAccessKey"],
                    aws_session_token=granted["SessionToken"],
                    region_name=region,
                )
                self._roles[role] = (session, granted["Expiration"])
            return session


def _config() -> Config:
    return Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        max_pool_connections=POOL_CONNECTIONS,
        retries={"mode": "standard", "max_attempts": 4},
    )
