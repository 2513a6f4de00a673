"""A PostgreSQL server as a process: started, supervised, ended, found again after its parent died.

Processes are known by the pid file in their own data directory and by their command line, never by
name: other servers on this machine are none of our business.
"""

from __future__ import annotations

import logging
import os
import pwd
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from local.account.postgres.instance import InstanceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

START_SECONDS = 60  # crash recovery included
STOP_SECONDS = 20
_POLL_SECONDS = 0.02
_RESTART_SECONDS = 2  # after a server that crashed did not start: a full disk, say
# What a server that replaces a killed one says until the last of the old one's processes is gone.
_STILL_IN_USE = "pre-existing shared memory block"
# No secret of ours may reach the server's environment, so it gets one of its own.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RunAs:
    """The user that servers run as; PostgreSQL refuses to run as root.

    Attributes:
        uid: another user than the present one, or None.
        gid: that user's group, or None.
    """

    uid: int | None = None
    gid: int | None = None

    @classmethod
    def for_servers(cls) -> RunAs:
        """`nobody` when everything runs as root, otherwise whoever runs this.

        Raises:
            InstanceError: there is no such user.
        """
        if os.geteuid() != 0:
            return cls()
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError as cause:
            raise InstanceError(
                "PostgreSQL does not run as root and there is no user nobody: run this as an "
                "ordinary user, or make that user."
            ) from cause
        return cls(uid=nobody.pw_uid, gid=nobody.pw_gid)

    @property
    def is_another(self) -> bool:
        """Whether servers run as somebody else than this process."""
        return self.uid is not None

    def make_folder(self, path: Path) -> None:
        """Make a folder that only the server's user may enter."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def run(self, command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
        """Run a program to its end and return what it said."""
        return subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            cwd="/",
            env=_ENVIRONMENT,
            user=self.uid,
            group=self.gid,
            extra_groups=self._extra_groups,
            umask=0o077,
        )

    def spawn(self, command: Sequence[str | Path], log: Path) -> psutil.Popen:
        """Start a program that outlives us, with its output appended to `log`."""
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return psutil.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                cwd="/",
                env=_ENVIRONMENT,
                user=self.uid,
                group=self.gid,
                extra_groups=self._extra_groups,
                umask=0o077,
                start_new_session=True,  # Ctrl-C in a terminal is not meant for it
            )
        finally:
            os.close(descriptor)

    @property
    def _extra_groups(self) -> list[int] | None:
        return [] if self.is_another else None


class Postmaster:
    """The server process of one data directory; started again by itself when it crashes.

    Args:
        command: how to start it; it names `data`.
        data: the data directory.
        log: gets the server's log.
        run_as: the user it runs as.
        is_ready: whether it answers.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        data: Path,
        log: Path,
        run_as: RunAs,
        is_ready: Callable[[], bool],
    ) -> None:
        self._command = command
        self._data = data
        self._log = log
        self._run_as = run_as
        self._is_ready = is_ready
        self._lock = threading.RLock()
        self._process: psutil.Popen | None = None

    def start(self) -> None:
        """Start it, after ending one that an earlier parent left behind; returns when it answers.

        Raises:
            InstanceError: it does not come up; the text has its last complaint.
        """
        with self._lock:
            if self._process is None:
                end_orphan(self._data)
                self._process = self._launch(time.monotonic() + START_SECONDS)
                threading.Thread(target=self._supervise, args=[self._process], daemon=True).start()

    def stop(self, *, immediately: bool = False) -> None:
        """End it and its sessions; `immediately` leaves the data to crash recovery."""
        with self._lock:
            process, self._process = self._process, None
            if process is None:
                end_orphan(self._data)
            else:
                _end(process, signal.SIGQUIT if immediately else signal.SIGINT)

    def _launch(self, deadline: float) -> psutil.Popen:
        while True:
            begin = self._log.stat().st_size if self._log.exists() else 0
            process = self._run_as.spawn(self._command, self._log)
            try:
                while process.poll() is None and time.monotonic() < deadline:
                    if self._is_ready():
                        return process
                    time.sleep(_POLL_SECONDS)
            except BaseException:  # Ctrl-C too: nobody would know of it any more
                _end(process, signal.SIGQUIT)
                raise
            _end(process, signal.SIGQUIT)
            complaint = self._complaint(begin)
            if _STILL_IN_USE not in complaint or time.monotonic() > deadline:
                raise InstanceError(
                    f"The PostgreSQL server in {self._data} does not start: {complaint}"
                )
            time.sleep(_POLL_SECONDS)

    def _complaint(self, begin: int) -> str:
        """The last fatal line of the log since `begin`."""
        with self._log.open("rb") as log:
            log.seek(begin)
            lines = log.read().decode(errors="replace").splitlines()
        fatal = [line for line in lines if "FATAL:" in line] or lines or ["it said nothing."]
        return fatal[-1].rpartition("FATAL:")[2].strip()

    def _supervise(self, process: psutil.Popen) -> None:
        process.wait()
        logger.warning("The PostgreSQL server in %s ended.", self._data)
        while True:
            with self._lock:
                if self._process is not process:
                    return  # it was stopped
                try:
                    self._process = None
                    self.start()
                except InstanceError as problem:
                    logger.error("%s", problem)  # noqa: TRY400  # the sentence says all of it
                    self._process = process
                else:
                    return
            time.sleep(_RESTART_SECONDS)


def end_orphan(data: Path) -> None:
    """End the server of a data directory whose parent is gone, by its own pid file.

    A pid file whose process is not the server is removed: the number went to somebody else, whom
    the next server would take for its predecessor. It still finds real ones by their shared memory.
    """
    pid_file = data / "postmaster.pid"
    try:
        process = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
        is_server = str(data) in process.cmdline()
    except (psutil.AccessDenied, psutil.ZombieProcess):
        is_server = False
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return  # the next server cleans up after it
    if is_server:
        _end(process, signal.SIGINT)
    else:
        pid_file.unlink()


def _end(process: psutil.Process, first: signal.Signals) -> None:
    """Ask politely, then less so, and see it gone."""
    for number, seconds in ((first, STOP_SECONDS), (signal.SIGQUIT, 5), (signal.SIGKILL, None)):
        try:
            process.send_signal(number)
            process.wait(seconds)
        except psutil.NoSuchProcess:
            return
        except psutil.TimeoutExpired:
            continue
        return
