"""Rotating one login now: Secrets Manager is asked to, and each step is told as it is taken.

It works in any account, with whatever credentials the session has; it reads no secret. What the
function does is in `lambdas/rotate_postgres`, what to do when it cannot in docs/rotation.md.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from components import naming, rotation_names
from stacks.settings import Person, Settings, Workflow

RUNBOOK = "docs/rotation.md says what to do"
WAIT_SECONDS = 300
"""Longer than a failover of the database, which the function waits for."""
_LOG_SECONDS = 20
_POLL_SECONDS = 0.5
_ENDING_SECONDS = 30
"""How long a rotation whose label was taken away may take to notice it."""
_CLOCKS_DIFFER = timedelta(seconds=10)
_NOT_COMPLETED = "previous rotation isn't complete"
"""Of Secrets Manager's error, whose code says as little as `InvalidRequestException`."""


class RotationError(Exception):
    """The login was not rotated; the text says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Rotated:
    """A login whose password is rotated."""

    environment: str
    name: str
    secret: str
    function: str

    @property
    def what(self) -> str:
        """How it is called where there are several environments."""
        return f"{self.environment}/{self.name}"


def rotated_logins(settings: Settings) -> list[Rotated]:
    """Return all logins of a stack that are rotated."""
    groups: Sequence[tuple[Callable[[str, str], str], Sequence[Workflow | Person]]] = (
        (naming.connection_secret, settings.workflows),
        (naming.login_secret, settings.people),
    )
    return [
        Rotated(
            environment=environment,
            name=one.name,
            secret=secret(environment, one.name),
            function=rotation_names.function_name(environment, one.name),
        )
        for environment in settings.environments
        for secret, entries in groups
        for one in entries
        if one.interval_days is not None
    ]


def rotate(session: boto3.Session, login: Rotated, progress: Callable[[str], None]) -> None:
    """Rotate a login and wait until it is done; `progress` is told of each step.

    Raises:
        RotationError: it cannot be begun, a step failed, or it takes too long.
    """
    secrets, logs = session.client("secretsmanager"), session.client("logs")
    try:
        version, begun = _begin(secrets, login, progress)
        deadline, done_at, told = time.monotonic() + WAIT_SECONDS, 0.0, set[str]()
        while not done_at or time.monotonic() < done_at + _LOG_SECONDS:
            if not done_at and _labels(secrets, login).get("AWSCURRENT") == version:
                done_at = time.monotonic()
            for line in _lines(logs, login, begun, version):
                step = _told(line)
                if step not in told:
                    told.add(step)
                    progress(step)
                if line["event"] == "failed":
                    raise RotationError(f"{line['error']} Clients' login works on; {RUNBOOK}.")
                if done_at and (line["event"], line.get("step")) == ("finished", "finishSecret"):
                    return
            if not done_at and time.monotonic() > deadline:
                raise RotationError(
                    f"{login.secret} was not rotated within {WAIT_SECONDS} s; Secrets Manager "
                    f"tries again by itself, and clients' login works on; {RUNBOOK}."
                )
            time.sleep(_POLL_SECONDS)
    except ClientError as error:
        said = error.response["Error"]
        raise RotationError(
            f"{login.secret} cannot be rotated now ({said['Code']}: {said['Message']}); {RUNBOOK}."
        ) from None
    except BotoCoreError as error:
        raise RotationError(f"AWS cannot be asked ({error}): log in to it first.") from None


def _begin(
    secrets: Any,  # noqa: ANN401  boto3 has no types
    login: Rotated,
    progress: Callable[[str], None],
) -> tuple[str, datetime]:
    """Ask for a rotation; return which version it makes, and since when.

    One that was not completed is what Secrets Manager goes on with, and refuses another meanwhile.
    """
    patience = time.monotonic() + _ENDING_SECONDS
    while True:
        begun = datetime.now(UTC)
        try:
            version = str(secrets.rotate_secret(SecretId=login.secret)["VersionId"])
        except ClientError as error:
            if _NOT_COMPLETED not in error.response["Error"]["Message"]:
                raise
            labels = _labels(secrets, login)
            left = labels.get("AWSPENDING")
            if left and left != labels.get("AWSCURRENT"):
                progress(f"{login.secret}: version {left}, left by a rotation, is tried again")
                # What failed before is known; the function's clock is taken for this machine's.
                return left, begun
            if time.monotonic() > patience:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            progress(f"{login.secret}: version {version} is to become the current one")
            return version, begun - _CLOCKS_DIFFER


def _labels(secrets: Any, login: Rotated) -> dict[str, str]:  # noqa: ANN401  boto3 has no types
    """Which version has which label."""
    versions = secrets.describe_secret(SecretId=login.secret)["VersionIdsToStages"]
    return {label: version for version, labels in versions.items() for label in labels}


def _lines(logs: Any, login: Rotated, begun: datetime, version: str) -> Iterator[dict[str, Any]]:  # noqa: ANN401  boto3 has no types
    """Yield what the function has logged of this rotation, as far as the log has arrived."""
    requests = set()
    for page in logs.get_paginator("filter_log_events").paginate(
        logGroupName=naming.lambda_log_group(login.function),
        startTime=int(begun.timestamp() * 1000),
    ):
        for entry in page["events"]:
            line = _own_line(entry["message"])
            if line.get("event") == "started" and line["version"] == version:
                if datetime.fromisoformat(line["time"]) >= begun:
                    requests.add(line["requestId"])
            elif line.get("requestId") in requests:
                yield line


def _own_line(message: str) -> dict[str, Any]:
    """What the function itself has logged; nothing if the line is the runtime's."""
    try:
        line = json.loads(message)
    except ValueError:
        return {}
    return line if isinstance(line, dict) and "event" in line else {}


def _told(line: dict[str, Any]) -> str:
    about = {k: v for k, v in line.items() if k not in {"time", "requestId", "event", "step"}}
    clock = line["time"][11:19]
    said = ", ".join(map(str, about.values()))
    return f"{clock}  {line.get('step', ''):14} {line['event']:14} {said}".rstrip()
