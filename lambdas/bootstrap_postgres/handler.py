"""The entry point: what Lambda calls, and how the function gets in.

The password of the master is tried first, and an IAM token for the master if it is refused: before
the first commit only the one opens the server, from then on only the other. Which of them is right
is the server's to say, so nothing is remembered between invocations.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Protocol

from botocore.config import Config

from lambdas.bootstrap_postgres.catalog import DATABASE
from lambdas.bootstrap_postgres.provision import provision
from lambdas.bootstrap_postgres.request import Request
from lambdas.shared.aws import clients, database_token
from lambdas.shared.database import PACKAGED_CERTIFICATES, Server, Session, connect
from lambdas.shared.errors import LoginRefusedError, SecretError
from lambdas.shared.log import Log
from lambdas.shared.retry import Context, Deadline, until
from lambdas.shared.secret_value import read_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from lambdas.bootstrap_postgres.provision import Outcome

# A step of a call to AWS, in seconds. Without them botocore would wait a minute, five times over.
_AWS = Config(
    connect_timeout=5, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}
)


class Connect(Protocol):
    """Opens a session, as `lambdas.shared.database.connect` does."""

    def __call__(
        self, server: Server, *, user: str, password: str, database: str, timeout: float
    ) -> Session:
        """Log in."""


def handle(event: object, context: Context) -> dict[str, Any]:
    """Bring the server that `event` names into the state it asks for; see `provision`."""
    return bootstrap(event, context)


def bootstrap(
    event: object,
    context: Context,
    *,
    certificates: Path = PACKAGED_CERTIFICATES,
    connect: Connect = connect,
) -> dict[str, Any]:
    """Do what `handle` does, with the certificates and the driver given.

    Args:
        event: see `Request`.
        context: Lambda's.
        certificates: PEM file of the authorities that may sign the server's certificate.
        connect: opens the session.

    Returns:
        What was found and done.

    Raises:
        FunctionError: what is wrong and what to do about it. Nothing was changed, or everything if
            it was the answer to the COMMIT that was lost last.
    """
    request = Request.parse(event)
    log = Log(request_id=context.aws_request_id)
    deadline = Deadline(context)
    aws = clients(request.region, _AWS)
    server = Server(host=request.host, port=request.port, certificates=certificates)
    log.write("started", server=str(server), master=request.master, login=request.provisioner)

    def log_in(credential: str) -> Session:
        return connect(
            server,
            user=request.master,
            password=credential,
            database=DATABASE,
            timeout=deadline.remaining(),
        )

    def attempt() -> dict[str, Any]:
        credentials = {
            # Read at each attempt: Secrets Manager may be rotating it at this moment.
            "password": lambda: _master_password(aws, request),
            "iam": lambda: database_token(
                aws, host=request.host, port=request.port, user=request.master
            ),
        }
        session, method = _first_accepted(log_in, credentials, request)
        log.write("logged_in", method=method)
        with closing(session):
            outcome = provision(session, request)
        for step in outcome.done:
            log.write("done", step=step)
        log.write("committed", steps=len(outcome.done))
        return _answer(request, outcome, method)

    return until(deadline, attempt, log)


def _first_accepted(
    log_in: Callable[[str], Session],
    credentials: Mapping[str, Callable[[], str]],
    request: Request,
) -> tuple[Session, str]:
    """Return the session that the first accepted credential opens, and that credential's name."""
    refusals = []
    for method, credential in credentials.items():
        try:
            return log_in(credential()), method
        except LoginRefusedError as error:
            refusals.append(f"by {method}: {error}")
    raise LoginRefusedError(
        f"{request.master} cannot log in {' '.join(refusals)} Enable IAM authentication on "
        "the instance, allow the function's role rds-db:connect as the master on it, and see that "
        f"secret {request.master_secret_arn} is the instance's own."
    )


def _master_password(aws: Callable[[str], Any], request: Request) -> str:
    secret = read_secret(aws("secretsmanager"), request.master_secret_arn)
    if secret.get("username") != request.master or not secret.get("password"):
        raise SecretError(
            f"Secret {request.master_secret_arn} does not hold the password of {request.master}: "
            "pass the ARN and the user name of one and the same instance."
        )
    return secret["password"]


def _answer(request: Request, outcome: Outcome, method: str) -> dict[str, Any]:
    return {
        "provisioner": request.provisioner,
        "master": request.master,
        "serverVersion": outcome.server_version,
        "loggedInBy": method,
        "foundProvisioner": outcome.found_provisioner,
        "done": list(outcome.done),
    }
