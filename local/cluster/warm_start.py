"""Starts containers' shims by a warm interpreter of the image, where that can be had.

It is an economy: most of a task's start is imports. Where there is no warm interpreter, not yet or
no more, whoever asks starts a shim of its own; a container notices nothing of it
(`local.cluster.zygote` has the rules). Linux only.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Self

log = logging.getLogger(__name__)

_ZYGOTE = Path(__file__).with_name("zygote.py")
# A fork takes milliseconds.
_ANSWER_SECONDS = 2
# `setproctitle` writes where the first variables lie.
_ROOM_FOR_TITLES = {"ROOM_FOR_TITLES": "." * 2000}
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


def image_environment(image: Path) -> dict[str, str]:
    """The variables that containers have from their image."""
    return {"PATH": f"{image / 'bin'}:{_SYSTEM_PATH}", "LANG": "C.UTF-8"}


class WarmInterpreter:
    """A process that forks shims; it ends with this one.

    Args:
        process: the interpreter; None for one that is never there.
        control: the way to it.
    """

    def __init__(
        self, process: subprocess.Popen[bytes] | None, control: socket.socket | None
    ) -> None:
        self._process = process
        self._control = control
        self._ready = False

    @classmethod
    def start(cls, image: Path, pods: Path) -> Self:
        """Start it; it takes a while until it is of use, and nobody waits for that.

        Args:
            image: the image's folder.
            pods: the pods' folder, for those who look at the list of processes.
        """
        if not sys.platform.startswith("linux"):
            return cls(None, None)
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            try:
                process = subprocess.Popen(
                    [image / "bin" / "python3", _ZYGOTE, str(its.fileno()), pods],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    cwd="/",
                    env=image_environment(image) | {"HOME": "/nonexistent"} | _ROOM_FOR_TITLES,
                    start_new_session=True,
                    pass_fds=[its.fileno()],
                )
            except OSError:  # An image without Python needs none.
                ours.close()
                return cls(None, None)
        return cls(process, ours)

    @property
    def pid(self) -> int | None:
        """The process, if it is of use now."""
        if self._control is not None and not self._ready:
            with contextlib.suppress(BlockingIOError):
                self._control.settimeout(0)
                self._ready = bool(self._control.recv(64))
                if not self._ready:
                    self.close()
        return self._process.pid if self._process and self._ready else None

    def fork(self, folder: Path) -> tuple[int, int] | None:
        """Fork a shim.

        Args:
            folder: the container's, for those who look at the list of processes.

        Returns:
            Its process, and a descriptor to write the launch to; nothing runs before that. None
            when it cannot be had this way.
        """
        if self.pid is None or self._control is None:
            return None
        theirs, ours = os.pipe()
        try:
            self._control.settimeout(_ANSWER_SECONDS)
            socket.send_fds(self._control, [os.fsencode(folder)], [theirs])
            return int(self._control.recv(64)), ours
        except (OSError, ValueError) as error:
            # A shim that there is nevertheless ends, as nobody will write to it.
            log.warning("The warm interpreter is given up: %s", str(error) or "it has ended")
            os.close(ours)
            self.close()
            return None
        finally:
            os.close(theirs)

    def close(self) -> None:
        """End it; what it forked lives on."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
