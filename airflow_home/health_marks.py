"""Two files in a pod by which its component tells its probe how it is, without a connection.

`heartbeat` is touched whenever Airflow has written its heartbeat to the metadata database, and
`database-away` whenever a login there failed. Their age is what counts; they are empty. A restarted
container finds those of the one before: they age like any other.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

HEARTBEAT = "heartbeat"
DATABASE_AWAY = "database-away"


def touch(mark: str) -> None:
    """Say that it is so at this moment."""
    _path(mark).touch()


def clear(mark: str) -> None:
    """Say that it is so no more."""
    _path(mark).unlink(missing_ok=True)


def age(mark: str) -> float | None:
    """Return for how many seconds it has not been said again; None if it never was."""
    try:
        return max(0.0, time.time() - _path(mark).stat().st_mtime)
    except FileNotFoundError:
        return None


def _path(mark: str) -> Path:
    # Without the variable, as by hand, it is Airflow's own default.
    return Path(os.environ.get("AIRFLOW_HOME", "~/airflow"), mark).expanduser()
