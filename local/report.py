"""What people read of proofs and of the endpoints' logs: one line each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from local.proof import Attempt, Entry, entries

METHODS = {"iam": "IAM token", "scram": "password", "": "nothing"}


def attempt_line(attempt: Attempt) -> str:
    """Return one attempt of the proof as a line."""
    verdict = "may" if attempt.allowed else "may not"
    answer = "" if attempt.allowed else f"  {attempt.answer}"
    line = f"{attempt.login:22} {verdict:8} {attempt.action:9} {attempt.target:26}{answer}"
    return line.rstrip()


def credentials_lines(log_folder: Path, since: datetime) -> Iterator[str]:
    """Yield who came in and who was refused since then, counted, as lines."""
    found = entries(log_folder, since)
    for entry in sorted(found, key=lambda one: (one.event, one.instance, one.user)):
        yield _entry_line(entry)


def _entry_line(entry: Entry) -> str:
    method = METHODS.get(entry.method, entry.method)
    who = entry.identity.rpartition(":")[2] or "unknown"
    line = f"{entry.count:3}x {entry.event:8} {entry.instance:26} {entry.user:22} {method:10} {who}"
    return f"{line}  {entry.reason}" if entry.reason else line
