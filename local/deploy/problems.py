"""What went wrong, in sentences: exceptions of boto3 and psycopg become text for people."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from local.deploy.drivers.base import DriverError
from local.deploy.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Collection

# How many dependents a sentence names; the others are counted.
SHOWN = 6
# What the SDKs and servers would say about a credential must not be repeated.
_SIGNED = re.compile(r"X-Amz-[A-Za-z-]+=[^&\s\"']+")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One resource or data source that failed."""

    key: str
    """Its URN; of a data source, the call."""
    message: str

    def __str__(self) -> str:
        subject = label(self.key) if self.key.startswith("urn:") else f"data source {self.key}"
        return f"{subject}: {self.message}"


@dataclass(frozen=True, kw_only=True)
class Untried:
    """One resource that was not tried, because something that it needs is not there."""

    urn: str
    because: tuple[str, ...]
    """Keys of what failed; nothing when the run was stopped."""
    deleting: bool = False
    """Whether it is what failed that still needs this, rather than the other way round."""


def label(urn: str) -> str:
    """Return type and name of a resource, short enough for a line."""
    _, _, types, name = urn.split("::", 3)
    return f"{types.rsplit('$', 1)[-1]} {name}"


def is_taken(error: BaseException) -> bool:
    """Tell whether `error` says that somebody else's thing has the name already."""
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "")
        return "Exists" in code or "Duplicate" in code
    return isinstance(error, psycopg.errors.DuplicateObject | psycopg.errors.DuplicateDatabase)


def sentence(error: BaseException) -> str:
    """Return what `error` says, without line breaks, stack traces or signatures."""
    if isinstance(error, ClientError):
        details = error.response.get("Error", {})
        text = f"{error.operation_name}: {details.get('Message')} ({details.get('Code')})"
    elif isinstance(error, psycopg.Error) and error.diag.message_primary:
        parts = [error.diag.message_primary, error.diag.message_detail, error.diag.message_hint]
        text = f"{'; '.join(filter(None, parts))} (SQLSTATE {error.sqlstate})"
    elif isinstance(error, KeyError):
        text = f"input or answer {error} is missing"
    elif isinstance(error, DriverError | DeployError | BotoCoreError | psycopg.Error):
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error}"
    return _SIGNED.sub("[signed]", " ".join(text.split()))


def explain(problems: Collection[Problem], untried: Collection[Untried]) -> list[str]:
    """Return one sentence per problem, with what depended on it and was therefore not tried."""
    lines = []
    for problem in problems:
        line = str(problem)
        waiting = [one for one in untried if problem.key in one.because]
        for deleting, reason in ((False, "not tried, as they need it"), (True, "not deleted")):
            labels = [label(one.urn) for one in waiting if one.deleting == deleting]
            more = f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
            line += f"; {reason}: {', '.join(labels[:SHOWN])}{more}" if labels else ""
        lines.append(line)
    return lines
