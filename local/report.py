"""What people read of proofs and of the endpoints' logs: one line each."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from local.example_runs import Outcome
from local.proof import Attempt, entries

ANSWER_CHARACTERS = 160
"""Of an answer that is shown in a table; logs have the whole of it."""
METHODS = {"iam": "IAM token", "scram": "password", "": "nothing"}


def attempt_line(attempt: Attempt) -> str:
    """Return one attempt of the proof as a line."""
    verdict = "may" if attempt.allowed else "may not"
    answer = "" if attempt.allowed else f"  {attempt.answer}"
    line = f"{attempt.login:22} {verdict:8} {attempt.action:9} {attempt.target:26}{answer}"
    return line.rstrip()


def outcome_line(outcome: Outcome) -> str:
    """Return what became of a task of an example as a line."""
    where = f"{outcome.dag_id}.{outcome.task.task_id}"
    tries = f"{outcome.task.tries} {'try' if outcome.task.tries == 1 else 'tries'}"
    return f"{where:42} {outcome.task.state:8} {tries:8} {_shortened(outcome.answer)}".rstrip()


def credentials_lines(log_folder: Path, since: datetime) -> Iterator[str]:
    """Yield who came in and who was refused since then, counted, as lines.

    A role's sessions are one: each pod has a session of its own.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    for one in entries(log_folder, since):
        who = one.identity.rpartition(":")[2].rpartition("/")[0] or "unknown"
        method = METHODS.get(one.method, one.method)
        seen[one.event, one.instance, one.user, method, who, one.reason] += one.count
    for (event, instance, user, method, who, reason), count in sorted(seen.items()):
        line = f"{count:3}x {event:8} {instance:26} {user:27} {method:10} {who}"
        yield f"{line}  {_shortened(reason)}" if reason else line


def _shortened(text: str) -> str:
    return textwrap.shorten(text, ANSWER_CHARACTERS, placeholder=" ...")
