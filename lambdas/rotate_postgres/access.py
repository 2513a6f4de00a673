"""How the function gets in: as the rotator by a new IAM token each time, as a login by password."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from lambdas.rotate_postgres.roles import LOGIN, UNTOLD, VERIFIER, lock_pair
from lambdas.shared.errors import LoginRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lambdas.rotate_postgres.credential import Credential
    from lambdas.rotate_postgres.settings import Rotation
    from lambdas.shared.database import Server, Session
    from lambdas.shared.retry import Deadline

_NOTHING: Mapping[str, str] = MappingProxyType({})


class Connect(Protocol):
    """Opens a session, as `lambdas.shared.database.connect` does."""

    def __call__(
        self,
        server: Server,
        *,
        user: str,
        password: str,
        database: str,
        timeout: float,
        parameters: Mapping[str, str] = ...,
    ) -> Session:
        """Log in."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """The ways into the database.

    Attributes:
        rotation: whose database it is.
        server: where it answers.
        connect: opens a session.
        token: gives an IAM token for the rotator, which lives 15 minutes.
        deadline: until when there is time for it.
    """

    rotation: Rotation
    server: Server
    connect: Connect
    token: Callable[[], str]
    deadline: Deadline

    def by(self, credential: Credential) -> Session:
        """Log in as one of the pair."""
        return self._open(credential.username, credential.password, _NOTHING)

    def as_rotator(self, change: Credential | None = None) -> Session:
        """Log in as the rotator, and keep all others from changing or promoting the pair.

        Args:
            change: the credential that the session is to make PostgreSQL's, if it is to.

        Raises:
            LoginRefusedError: the rotator does not get in.
            BusyError: somebody else keeps the pair.
        """
        parameters = _NOTHING
        if change:
            parameters = {LOGIN: change.username, VERIFIER: change.verifier(), **UNTOLD}
        try:
            session = self._open(self.rotation.rotator, self.token(), parameters)
        except LoginRefusedError as error:
            raise LoginRefusedError(
                f"{self.rotation.rotator} does not get in by IAM: {error} Allow the function's "
                "role rds-db:connect as it, enable IAM authentication on the instance, and run "
                "`pulumi up` with `--refresh`, which makes the login."
            ) from None
        try:
            lock_pair(session, self.rotation)
        except BaseException:
            session.close()
            raise
        return session

    def _open(self, user: str, password: str, parameters: Mapping[str, str]) -> Session:
        return self.connect(
            self.server,
            user=user,
            password=password,
            database=self.rotation.database,
            timeout=self.deadline.remaining(),
            parameters=parameters,
        )
