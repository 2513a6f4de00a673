"""Where an instance's files lie, and who may write which of them."""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.account.postgres.instance import InstanceError
from local.account.postgres.process import end_orphan

if TYPE_CHECKING:
    from pathlib import Path

SOCKET_PORT = "5432"  # only part of the socket's name
# sockaddr_un, without the NUL at its end.
_MAX_SOCKET_PATH = 103 if os.uname().sysname == "Darwin" else 107


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where a server's files lie.

    Attributes:
        home: configuration, log and data; the server itself can write to the data only.
        sockets: the server's socket; a short path.

    Raises:
        InstanceError: the socket's path would be too long.
    """

    home: Path
    sockets: Path

    def __post_init__(self) -> None:
        if len(os.fsencode(self.socket)) > _MAX_SOCKET_PATH:
            raise InstanceError(
                f"{self.socket} is too long for a socket, which has at most {_MAX_SOCKET_PATH} "
                "bytes: choose a shorter folder for sockets."
            )

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.home / "data"

    @property
    def configuration(self) -> Path:
        """The server's configuration file."""
        return self.home / "postgresql.conf"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.home / "server.log"

    @property
    def complete(self) -> Path:
        """Exists once the instance has been made to its end."""
        return self.home / "complete"

    @property
    def socket(self) -> Path:
        """The server's socket."""
        return self.sockets / f".s.PGSQL.{SOCKET_PORT}"

    def remove(self) -> None:
        """Remove all files, and a server that was left behind with them."""
        end_orphan(self.data)
        for folder in (self.home, self.sockets):
            shutil.rmtree(folder, ignore_errors=True)


def make_own(folder: Path, mode: int) -> None:
    """Make a folder in a place where others may write too, and make sure that it is ours.

    Raises:
        InstanceError: it is somebody else's, or no folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise InstanceError(f"{folder} belongs to somebody else: remove it, or choose another.")
    folder.chmod(mode)


def publish(path: Path, text: str) -> None:
    """Write a file that the server may read, whatever the umask; the folder keeps others out."""
    path.write_text(text)
    path.chmod(0o644)
