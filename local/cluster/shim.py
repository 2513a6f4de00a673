"""Stands between the node and a container's main process, and outlives the node.

It is run as a file of its own, with nothing but the standard library, once per container start; its
one argument, the container's folder, is for those who look at the list of processes. Or it runs in
a fork of `local.cluster.zygote`, which goes on as the container. It becomes the
reaper of whatever the container leaves behind, passes SIGTERM on to the main process, kills it on
SIGUSR1, ends every descendant with it, and leaves the exit code in a file. On Linux nothing that
the container started can leave it; elsewhere a process that makes a session of its own and loses
its parent can.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

# What Kubernetes reports when a container cannot be started at all.
START_ERROR = 128
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_HANDLED = {signal.SIGTERM, signal.SIGUSR1}


def main() -> None:
    """Run the container that standard input describes, to its end."""
    launch = run(os.dup(sys.stdin.fileno()))
    if launch is not None:
        execute(launch)


def run(source: int) -> dict[str, Any] | None:
    """Run the container that the descriptor `source` describes, to its end.

    Returns:
        None after the end. In the container's main process its description: it is to become that.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with os.fdopen(source, "rb") as described:
        text = described.read()
    if not text:
        return None  # The node has ended, or thought better of it.
    launch: dict[str, Any] = json.loads(text)
    folder = Path(launch["folder"])
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    child = os.fork()
    if child == 0:
        _enter(launch, log)
        return launch
    os.close(log)
    _write(folder / "pid", str(child))
    signal.signal(signal.SIGTERM, lambda *_: _signal(child, signal.SIGTERM))
    signal.signal(signal.SIGUSR1, lambda *_: _signal(child, signal.SIGKILL))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
    code = _wait(child)
    _end_descendants(child)
    _write(folder / "exit", str(code))
    return None


def execute(launch: dict[str, Any]) -> NoReturn:
    """Start the container's command in this process."""
    try:
        os.execvpe(launch["argv"][0], launch["argv"], launch["env"])  # noqa: S606  no shell is wanted
    except BaseException as error:  # noqa: BLE001  nobody else is to go on in this process
        _give_up(error)


def _enter(launch: dict[str, Any], log: int) -> None:
    """Give this process all that the container's main process has, except for its program."""
    try:
        os.setsid()
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            with contextlib.suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        nothing = os.open(os.devnull, os.O_RDONLY)
        for descriptor, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(descriptor, target)
        for descriptor in {nothing, log} - {0, 1, 2}:
            os.close(descriptor)
        if launch["user"] is not None:
            os.setgroups([])
            os.setgid(launch["user"])
            os.setuid(launch["user"])
        os.umask(0o022)
        os.chdir(launch["cwd"])
    except BaseException as error:  # noqa: BLE001  nobody else is to go on in this process
        _give_up(error)


def _give_up(error: BaseException) -> NoReturn:
    os.write(2, f"The container could not be started: {error}\n".encode())
    os._exit(START_ERROR)


def _wait(child: int) -> int:
    """Reap whatever ends until `child` does; return its exit code as Kubernetes gives it."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _end_descendants(child: int) -> None:
    """Kill what is left, until nothing is: orphans become this process's children."""
    with contextlib.suppress(OSError):
        os.killpg(child, signal.SIGKILL)
    while True:
        try:
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        for pid in _children():
            _signal(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)


def _children() -> list[int]:
    """The direct children of this process; none where there is no /proc."""
    me, found = str(os.getpid()), []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name, in parentheses, may hold anything; the state and the parent follow it.
            if stat.read_text(errors="replace").rpartition(")")[2].split()[1] == me:
                found.append(int(stat.parent.name))
    return found


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _write(file: Path, content: str) -> None:
    partial = file.with_name(f"{file.name}.partial")
    partial.write_text(content, encoding="utf-8")
    partial.replace(file)


if __name__ == "__main__":
    main()
