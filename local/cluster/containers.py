"""One start of a container: its process behind a shim, followed and ended from the node.

The shim (`local.cluster.shim`) outlives the node, so that a container can be found again. What a
container may do is decided elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil

from local.cluster import shim
from local.recorded import record_process, recorded_process

if TYPE_CHECKING:
    from local.cluster.warm_start import WarmInterpreter

KILLED = 137
"""The exit code of a container that SIGKILL ended, or whose end nobody saw."""
_POLL_SECONDS = 0.05
# What a signal takes to arrive.
_INSTANT_SECONDS = 0.001


@dataclass(frozen=True, kw_only=True)
class Launch:
    """All that a start needs.

    Attributes:
        folder: the container's own folder, closed to the pod's user.
        argv: command and arguments.
        env: all variables of the process.
        cwd: its working directory.
        user: the id of its user and of its only group; None for the node's own.
    """

    folder: str
    argv: list[str]
    env: dict[str, str] = field(repr=False)
    cwd: str
    user: int | None


class Container:
    """A container that runs, or has ended.

    Args:
        folder: where its shim, its log and its exit code are.
        process: its shim; None when that has ended.
        started: the shim, if this very process started it.
    """

    def __init__(
        self,
        folder: Path,
        process: psutil.Process | None,
        started: subprocess.Popen[bytes] | None = None,
    ) -> None:
        self._folder = folder
        self._process = process
        self._started = started

    @classmethod
    def start(cls, launch: Launch, warm: WarmInterpreter) -> Self:
        """Start it; the log of an earlier start is kept as `log.previous`."""
        folder = Path(launch.folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("pid", "exit", "shim"):
            (folder / name).unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            (folder / "log").replace(folder / "log.previous")
        (folder / "log").touch(mode=0o600)
        started = None
        if (forked := warm.fork(folder)) is not None:
            pid, descriptor = forked
        else:
            started, descriptor = _start_shim(folder)
            pid = started.pid
        # Whatever comes in between, a shim that is not described starts nothing.
        with contextlib.suppress(BrokenPipeError), os.fdopen(descriptor, "wb") as pipe:
            process = psutil.Process(pid)
            record_process(folder / "shim", pid)
            pipe.write(json.dumps(asdict(launch)).encode())
        return cls(folder, process, started)

    @classmethod
    def find(cls, folder: Path) -> Self | None:
        """Find the container that an earlier node started in `folder`; None if it never did."""
        if not (folder / "shim").exists():
            return None
        return cls(folder, recorded_process(folder / "shim"))

    async def ended(self) -> int:
        """Wait for its end; return the exit code."""
        if self._process is not None:
            await _gone(self._process)
            if self._started is not None:
                self._started.wait()
            self._process = None
        self._sweep()
        try:
            return int((self._folder / "exit").read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return KILLED

    def terminate(self) -> None:
        """Send SIGTERM to its main process."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill its main process and, with it, everything it started."""
        self._signal(signal.SIGUSR1)

    def destroy(self) -> None:
        """Kill it without asking the shim, which may hang."""
        if self._process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                _kill_all(self._process)
        self._sweep()

    def _signal(self, number: int) -> None:
        if self._process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                self._process.send_signal(number)

    def _sweep(self) -> None:
        """Kill what a shim left that was killed itself, or that cannot reap orphans."""
        if (self._folder / "exit").exists() and sys.platform.startswith("linux"):
            return
        with contextlib.suppress(FileNotFoundError, ValueError):
            session = int((self._folder / "pid").read_text("utf-8"))
            for pid in _session(session):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _kill_all(shim: psutil.Process) -> None:
    """Kill a shim and all that it started, also what it starts at this moment.

    Raises:
        psutil.NoSuchProcess: it has ended meanwhile.
    """
    # Stopped it starts nothing more, and still is the parent of what loses its own.
    shim.suspend()
    while shim.status() not in {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE}:
        time.sleep(_INSTANT_SECONDS)
    dead: set[psutil.Process] | None = None
    while True:
        found = set(shim.children(recursive=True))
        living = [one for one in found if _alive(one)]
        # Who is born while the list is made is not in it, and its parent may be dead when asked.
        # Nobody reaps the dead: if the same are found again, none of them had a child meanwhile.
        if not living and found == dead:
            break
        dead = None if living else found
        for process in living:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(_INSTANT_SECONDS)
    shim.kill()


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _start_shim(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start a shim; return it, and the descriptor that takes the launch."""
    theirs, ours = os.pipe()
    try:
        started = subprocess.Popen(
            # Isolated and without site-packages: it is up in a fifth of the time.
            [sys.executable, "-I", "-S", shim.__file__, folder],
            stdin=theirs,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={},
            start_new_session=True,
        )
    finally:
        os.close(theirs)
    return started, ours


def _session(session: int) -> Iterator[int]:
    """The processes of a session: those of Airflow's tasks have process groups of their own."""
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == session:
                yield pid


async def _gone(process: psutil.Process) -> None:
    """Wait until a process has ended, whoever its parent is."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        # Another process's child gives no event to wait for.
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)
        return
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
