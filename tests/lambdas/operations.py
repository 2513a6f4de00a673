"""All that a function does outside of itself, one operation after the other, so it can go wrong.

Logins, statements and calls of Secrets Manager are real; an `Operations` stands around each.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError
from moto.core.exceptions import JsonRESTError

from lambdas.shared.database import Server, Session, connect

if TYPE_CHECKING:
    from local.account.secrets import Secrets

Answer = TypeVar("Answer")
Action = Callable[[], object]


class Killed(BaseException):
    """The function's process is gone: nothing in it can catch this."""


class Operations:
    """Lets everything pass; each operation has a name, such as `sql:COMMIT` or `aws:put_secret`."""

    def around(self, name: str, do: Callable[[], Answer]) -> Answer:  # noqa: ARG002 - for others
        """Carry out one operation."""
        return do()


class Faulty(Operations):
    """Does something before or after the n-th operation whose name begins with `name`.

    Args:
        name: how the operation's name begins.
        before: what happens instead of it, if it raises, or just before it.
        after: what happens once it is done.
        n: which of them, counted from 1.
        times: how many in a row.
    """

    def __init__(
        self,
        name: str,
        *,
        before: Action = lambda: None,
        after: Action = lambda: None,
        n: int = 1,
        times: int = 1,
    ) -> None:
        self._name = name
        self._before, self._after = before, after
        self._meant = range(n, n + times)
        self.seen = 0

    def around(self, name: str, do: Callable[[], Answer]) -> Answer:
        """Carry out one operation, with what goes wrong."""
        if not name.startswith(self._name):
            return do()
        self.seen += 1
        if self.seen not in self._meant:
            return do()
        self._before()
        answer = do()
        self._after()
        return answer


class Recorded(Operations):
    """Writes all names down."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def around(self, name: str, do: Callable[[], Answer]) -> Answer:
        """Carry out one operation, and remember it."""
        self.names.append(name)
        return do()


def die() -> None:
    """End the function's process."""
    raise Killed


def aws_error(code: str, status: int = 400) -> Action:
    """Have AWS answer with an error."""

    def action() -> None:
        raise ClientError(
            {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Operation"
        )

    return action


class WatchedSession(Session):
    """A session whose statements are operations."""

    operations: Operations

    def run(self, sql: str, **values: str | int) -> list[list[Any]]:
        """Run one statement."""
        name = " ".join(sql.split())
        return self.operations.around(f"sql:{name}", lambda: Session.run(self, sql, **values))


class WatchedConnect:
    """Connects as ever; a login is an operation. Sessions that a killed process held are ended."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._sessions: list[WatchedSession] = []

    def __call__(self, server: Server, **login: Any) -> Session:  # noqa: ANN401 - handed on
        """Log in."""
        session = self._operations.around(
            f"connect:{login['user']}", lambda: self._open(server, login)
        )
        self._sessions.append(session)
        return session

    def _open(self, server: Server, login: dict[str, Any]) -> WatchedSession:
        session = WatchedSession(connect(server, **login)._connection)
        session.operations = self._operations
        return session

    def hang_up(self) -> None:
        """End all sessions as a dying process does: without a goodbye."""
        for session in self._sessions:
            with contextlib.suppress(OSError, AttributeError):
                session._connection._usock.shutdown(2)


class SecretsClient:
    """Calls the account's own Secrets Manager as boto3's client does; each call is an operation."""

    def __init__(self, store: Secrets, operations: Operations) -> None:
        # moto's types say nothing of what may be absent.
        self._store: Any = store
        self._operations = operations

    def describe_secret(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        """Return the answer of DescribeSecret."""
        return dict(self._call("describe", lambda: self._store.describe_secret(SecretId).to_dict()))

    def get_secret_value(self, *, SecretId: str, VersionId: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        """Return the answer of GetSecretValue."""
        answer = self._call("get", lambda: self._store.get_secret_value(SecretId, VersionId, None))
        return {**answer, "CreatedDate": datetime.fromtimestamp(answer["CreatedDate"], UTC)}

    def put_secret_value(self, **given: Any) -> None:  # noqa: ANN401 - boto3's names
        """Do what PutSecretValue does."""
        self._call(
            "put",
            lambda: self._store.put_secret_value(
                given["SecretId"],
                given["SecretString"],
                "",
                given["ClientRequestToken"],
                list(given["VersionStages"]),
            ),
        )

    def update_secret_version_stage(self, **given: Any) -> None:  # noqa: ANN401 - boto3's names
        """Do what UpdateSecretVersionStage does."""
        self._call(
            "move",
            lambda: self._store.update_secret_version_stage(
                given["SecretId"],
                given["VersionStage"],
                given.get("RemoveFromVersionId"),
                given.get("MoveToVersionId"),
            ),
        )

    def _call(self, name: str, do: Callable[[], Any]) -> Any:  # noqa: ANN401 - any answer
        def answer() -> Any:  # noqa: ANN401 - any answer
            try:
                return deepcopy(do())
            except JsonRESTError as error:
                answered = {"Error": {"Code": error.error_type, "Message": error.message}}
                raise ClientError(answered, name) from None

        return self._operations.around(f"aws:{name}", answer)
