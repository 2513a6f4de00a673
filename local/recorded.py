"""Processes that outlive who started them: recorded in a file, found by it, never mistaken.

A record names a process by its id and the moment it began, so that an id that went to somebody else
is left alone. Who starts a process may be killed before it records it; such a one is known by its
command line, which names the checkout.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from local.account.files import write_private

if TYPE_CHECKING:
    from collections.abc import Iterator


def record_process(record: Path, pid: int) -> None:
    """Remember a process, so that it is known again and never taken for another."""
    write_private(record, json.dumps({"pid": pid, "started": _started(pid)}).encode())


def recorded_process(record: Path) -> psutil.Process | None:
    """The process that a record names, if it is still the same and alive."""
    try:
        content = json.loads(record.read_bytes())
        process = psutil.Process(content["pid"])
        if _started(process.pid) != content["started"]:
            return None
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except (OSError, ValueError, KeyError, TypeError, psutil.NoSuchProcess):
        return None


def processes_of(module: str, root: Path, record: Path) -> list[psutil.Process]:
    """All processes `python -m module --root root ...`: the recorded one first."""
    recorded = recorded_process(record)
    if recorded is None:
        return [*_running(module, root)]
    return [recorded, *(one for one in _running(module, root) if one.pid != recorded.pid)]


def _running(module: str, root: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cmdline()[1:5] == ["-m", module, "--root", str(root)]:
                yield process


def _started(pid: int) -> str:
    """When a process began, exactly; on Linux psutil's time moves with the machine's clock.

    Raises:
        psutil.NoSuchProcess: there is none.
    """
    if not sys.platform.startswith("linux"):
        return str(psutil.Process(pid).create_time())
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        raise psutil.NoSuchProcess(pid) from None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    # proc_pid_stat(5): field 22, in clock ticks since boot; the name, field 2, may hold anything.
    return f"{boot} {text.rpartition(')')[2].split()[19]}"
