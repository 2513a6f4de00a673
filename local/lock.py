"""One command at a time: a lock file that says who holds it.

The lock is the kernel's, so it ends with its holder, however that ends; what the file says is only
told to whoever comes meanwhile.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OWNER_ONLY = 0o600
_LONGEST = 200
"""Bytes of what a holder says of itself."""


class HeldError(Exception):
    """Somebody else holds the lock; the text says who."""


@contextmanager
def held(path: Path, verb: str) -> Iterator[None]:
    """Hold the lock file at `path` for one run of `verb`; the block may remove the file.

    Raises:
        HeldError: another run holds it.
    """
    descriptor = _locked(path)
    try:
        os.ftruncate(descriptor, 0)
        since = datetime.now().astimezone().isoformat(timespec="seconds")
        holder = f"`{verb}` of process {os.getpid()}, since {since},"
        os.pwrite(descriptor, holder.encode(), 0)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def turn(path: Path) -> Iterator[None]:
    """Hold the lock file at `path`, after all who hold it now; its folder has to be there."""
    with path.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _locked(path: Path) -> int:
    while True:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, _OWNER_ONLY)
        except FileNotFoundError:
            continue  # its folder was removed in this moment
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(descriptor, path):
                return descriptor
        except BlockingIOError as error:
            holder = os.pread(descriptor, _LONGEST, 0).decode(errors="replace")
            os.close(descriptor)
            raise HeldError(holder or "another run") from error
        except BaseException:
            os.close(descriptor)
            raise
        # Its holder removed it before it let go: this one keeps nobody out.
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
