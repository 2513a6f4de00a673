"""Whether a process still does anything; it tests nothing."""

from __future__ import annotations

import psutil


def lives(process: psutil.Process) -> bool:
    """Whether it has not ended; whoever reaps it, as the system's first process, may be late."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
