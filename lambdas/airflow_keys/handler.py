"""The entry point: first values for keys that have none, or one step of a key's rotation.

First values are given without reading anything: whether there is one is asked of the secret's
versions. A rotation reads the value of the one secret that it is about. No value is logged,
returned or kept.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from lambdas.airflow_keys.request import Request
from lambdas.airflow_keys.secret import Secret
from lambdas.airflow_keys.steps import Steps
from lambdas.airflow_keys.values import KINDS
from lambdas.shared.errors import BusyError, ConfigurationError
from lambdas.shared.log import Log

if TYPE_CHECKING:
    from lambdas.shared.retry import Context

OVERLAP_VARIABLE = "OVERLAP_SECONDS"
"""How long after `promote` of the jwt key `retire` is refused."""
# A step of a call to AWS, in seconds. Without them botocore would wait a minute, five times over.
_AWS = Config(
    connect_timeout=5, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}
)
# The version of the first value: of two that put one at once, the second finds it taken.
_FIRST = "airflow-keys-first-value-of-secret"


def handle(event: object, context: Context) -> dict[str, Any]:
    """Put first values where there are none, or take the step that the event names.

    Args:
        event: see `Request`.
        context: Lambda's.

    Returns:
        Which secrets were given a first value, and which had one; or what the step has come to.

    Raises:
        FunctionError: what is wrong and what to do about it; invoking it again is harmless.
    """
    request = Request.parse(event)
    log = Log(request_id=context.aws_request_id)
    client = boto3.session.Session(region_name=request.region).client("secretsmanager", config=_AWS)
    secrets = {kind: Secret(client, arn) for kind, arn in request.secrets.items()}
    return _rotate(request, secrets, log) if request.step else _fill(secrets, log)


def _fill(secrets: dict[str, Secret], log: Log) -> dict[str, Any]:
    answer: dict[str, Any] = {"put": [], "kept": []}
    for kind, secret in secrets.items():
        outcome = "put" if _put_first(secret, kind) else "kept"
        log.write(outcome, key=kind, secret=secret.arn)
        answer[outcome].append(kind)
    return answer


def _put_first(secret: Secret, kind: str) -> bool:
    """Give the secret a value; false when it had one."""
    if secret.has_value():
        return False
    try:
        secret.put(KINDS[kind](), _FIRST, what="first value")
    except BusyError:
        return False
    return True


def _rotate(request: Request, secrets: dict[str, Secret], log: Log) -> dict[str, Any]:
    ((kind, secret),) = secrets.items()
    steps = Steps(secret, kind, overlap=_overlap(), now=lambda: datetime.now(UTC))
    outcome = steps.take(request)
    log.write(
        request.step,
        key=kind,
        secret=secret.arn,
        done=outcome.done,
        phase=outcome.phase,
        version=outcome.version,
        force=request.force,
    )
    return {
        "key": kind,
        "step": request.step,
        "done": outcome.done,
        "phase": outcome.phase,
        "version": outcome.version,
        "since": outcome.since.astimezone(UTC).isoformat(),
        "retireAt": outcome.retire_at and outcome.retire_at.astimezone(UTC).isoformat(),
    }


def _overlap() -> timedelta:
    given = os.environ.get(OVERLAP_VARIABLE, "")
    if not given.isdecimal():
        raise ConfigurationError(
            f"Variable {OVERLAP_VARIABLE} is {given!r}; allowed is a number of seconds: deploy the "
            "function again."
        )
    return timedelta(seconds=int(given))
