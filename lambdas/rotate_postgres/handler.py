"""The entry point: what Lambda calls, and which clients it uses."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from lambdas.rotate_postgres.access import Access, Connect
from lambdas.rotate_postgres.request import FAILURES, Request
from lambdas.rotate_postgres.settings import VARIABLE, Rotation
from lambdas.rotate_postgres.steps import Steps
from lambdas.rotate_postgres.versions import Versions
from lambdas.shared.aws import clients, database_token
from lambdas.shared.database import PACKAGED_CERTIFICATES, Server, connect
from lambdas.shared.errors import EventError, FunctionError
from lambdas.shared.log import Log
from lambdas.shared.retry import Context, Deadline, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# In seconds, for one call of AWS: shorter than a session may be idle while it holds the lock. All
# of an attempt is tried again, not the call.
_AWS = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 1})


def handle(event: object, context: Context) -> dict[str, Any]:
    """Take the step that `event` names; see `rotate`."""
    rotation = Rotation.parse(os.environ.get(VARIABLE))
    return rotate(event, context, rotation=rotation, aws=clients(rotation.region, _AWS))


def rotate(
    event: object,
    context: Context,
    *,
    rotation: Rotation,
    aws: Callable[[str], Any],
    certificates: Path = PACKAGED_CERTIFICATES,
    connect: Connect = connect,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> dict[str, Any]:
    """Take one step; a temporary error is tried again until there is no time left.

    Args:
        event: see `Request`.
        context: Lambda's.
        rotation: what is rotated.
        aws: gives the boto3 client of a service.
        certificates: PEM file of the authorities that may sign the server's certificate.
        connect: opens a session.
        now: the time, with its zone.

    Returns:
        The step and its outcome.

    Raises:
        FunctionError: what is wrong and what to do about it. The current credential works, or it
            did not before.
    """
    request = Request.parse(event)
    log = Log(request_id=context.aws_request_id)
    deadline = Deadline(context)
    if request.secret and request.secret != rotation.secret:
        raise EventError(
            f"The event is about secret {request.secret}, and this function rotates "
            f"{rotation.secret} only: correct the input of the invocation."
        )
    log.write("started", step=request.step, version=request.token)
    if word := FAILURES.get(request.step):
        # An alarm rings for the word. What is current works on, and this function has not failed.
        log.write(word, secret=rotation.secret)
        return {"step": request.step, "outcome": "logged"}
    steps = Steps(
        rotation=rotation,
        versions=Versions(aws("secretsmanager"), rotation.secret),
        access=Access(
            rotation=rotation,
            server=Server(host=rotation.host, port=rotation.port, certificates=certificates),
            connect=connect,
            token=lambda: database_token(
                aws, host=rotation.host, port=rotation.port, user=rotation.rotator
            ),
            deadline=deadline,
        ),
        log=log,
        now=now,
    )
    take = {
        "createSecret": lambda: steps.create(request.token),
        "setSecret": lambda: steps.set(request.token),
        "testSecret": lambda: steps.test(request.token),
        "finishSecret": lambda: steps.finish(request.token),
        "first": steps.first,
        "check": steps.check,
    }[request.step]
    try:
        outcome = until(deadline, take, log)
    except FunctionError as error:
        # As one line, which `make rotate` and people look for; the runtime's has a traceback.
        log.write("failed", step=request.step, error=str(error))
        raise
    log.write("finished", step=request.step, outcome=outcome)
    return {"step": request.step, "outcome": outcome}
