"""One PostgreSQL connection, always over TLS with the server's name and authority verified.

There is no way to ask it for less, and a server that does not speak TLS is not spoken to. Passwords
and IAM tokens are given alike: the server decides which of them it wants.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.native import Connection

from lambdas.shared.errors import (
    BusyError,
    CertificateError,
    ConnectionLimitError,
    FunctionError,
    LoginRefusedError,
    StatementError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

# The certificate authorities of RDS, put beside the code when the package is built.
PACKAGED_CERTIFICATES = Path(__file__).parents[2] / "rds-ca.pem"

# Seconds for one answer of the server. The server's own limits are shorter, so that it, not a
# broken connection, says what took too long.
ANSWER_TIMEOUT = 20.0
_SERVER_LIMITS = {
    "statement_timeout": "15s",
    "lock_timeout": "15s",
    # A function that is stopped while it holds a lock must not keep the next one out for long.
    "idle_in_transaction_session_timeout": "15s",
    "idle_session_timeout": "15s",
}

# SQLSTATEs, from PostgreSQL's appendix A. Classes 08 (connection) and 57P (operator intervention:
# starting up, shutting down, terminated) are a matter of time, and so are 53300 (too many
# connections) and 25006 (read-only: an instance that is not the primary any more, or not yet).
_UNREACHABLE = ("08", "57P", "25006")
_FULL = ("53300",)
_REFUSED = ("28",)
# Serialization failure, deadlock, lock timeout, statement timeout, and two sessions that change one
# row of a catalog, for which PostgreSQL has no better code than XX000.
_BUSY = ("40001", "40P01", "55P03", "57014", "XX000")


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where a PostgreSQL server answers, and whose certificate it must show."""

    host: str
    port: int
    certificates: Path = PACKAGED_CERTIFICATES

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Session:
    """A connection that is logged in. Closing it without a COMMIT undoes what it did."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def run(self, sql: str, **values: str | int) -> list[list[Any]]:
        """Run one statement and return its rows.

        Args:
            sql: the statement; `:name` stands for a value of that name.
            values: sent apart from the statement, never put into it.

        Raises:
            FunctionError: the server refused it, or did not answer.
        """
        try:
            return self._connection.run(sql, **values) or []
        except DatabaseError as error:
            raise _from_server(error) from None
        except (InterfaceError, OSError) as error:
            raise UnreachableError(
                f"The connection was lost ({error}): invoke the function again."
            ) from None

    def close(self) -> None:
        """End the session; a connection that is already lost is as good as closed."""
        try:
            self._connection.close()
        except (InterfaceError, OSError):
            return


def connect(
    server: Server,
    *,
    user: str,
    password: str,
    database: str,
    timeout: float,
    parameters: Mapping[str, str] = MappingProxyType({}),
) -> Session:
    """Log in over verified TLS.

    Args:
        server: where, and whose certificate to expect.
        user: the login.
        password: its password, or an IAM token for it.
        database: the database's name.
        timeout: seconds that each step may take, at most `ANSWER_TIMEOUT`.
        parameters: of the session. The server writes them into no log, as it does statements.

    Raises:
        CertificateError: the server is not who it should be; nothing was sent to it.
        LoginRefusedError: it does not take the credential.
        UnreachableError: it does not answer, or takes no connections now.
        StatementError: it refused for another reason.
    """
    try:
        connection = Connection(
            user,
            host=server.host,
            port=server.port,
            database=database,
            password=password,
            ssl_context=_tls(server.certificates),
            timeout=max(0.1, min(timeout, ANSWER_TIMEOUT)),
            application_name="airflow-postgres",
            startup_params={**_SERVER_LIMITS, **parameters},
        )
    except ssl.SSLCertVerificationError as error:
        raise CertificateError(
            f"The certificate of {server} is refused ({error.verify_message}): use the instance's "
            "own endpoint name, and the certificates of its region's RDS authorities."
        ) from None
    except DatabaseError as error:
        raise _from_server(error) from None
    except (InterfaceError, OSError) as error:
        if (said := _said_before(error)) is not None:
            raise _from_server(said) from None
        raise UnreachableError(
            f"{server} does not answer ({error.__cause__ or error}): check that the instance is "
            "available and that its security group lets the function in."
        ) from None
    return Session(connection)


def _tls(certificates: Path) -> ssl.SSLContext:
    # Not ssl.create_default_context: it would trust the system's authorities as well, and from
    # Python 3.13 on asks for strictness that certificates of the RDS authorities do not meet.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    try:
        context.load_verify_locations(certificates)
    except OSError as error:
        raise CertificateError(
            f"{certificates} cannot be used to verify the server ({error}): build the package "
            "again with a PEM bundle of the RDS certificate authorities."
        ) from None
    return context


def _said_before(error: BaseException) -> DatabaseError | None:
    """Return what the server said before the connection was lost, if it said anything.

    The driver takes leave of a server that has refused it, and the server may be gone by then.
    """
    before = error.__context__
    while before is not None and not isinstance(before, DatabaseError):
        before = before.__context__
    return before


def _from_server(error: DatabaseError) -> FunctionError:
    """Return the error of ours that an answer of PostgreSQL amounts to."""
    fields: dict[str, str] = error.args[0]
    code = fields["C"]
    sentence = f"PostgreSQL says {code}: {fields['M']}. {fields.get('D', '')}".rstrip()
    if code in _BUSY:
        return BusyError(sentence)
    if code.startswith(_REFUSED):
        return LoginRefusedError(sentence)
    if code in _FULL:
        return ConnectionLimitError(sentence)
    if code.startswith(_UNREACHABLE):
        return UnreachableError(sentence)
    return StatementError(sentence)
