"""The users that pods run as: one for each service account, where this machine allows it.

Without root, or where other users cannot reach what pods need, all pods are the operator's user and
can then read each other's files; the reason is said.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.image import closed_to_others

FIRST_ID = 61_000
"""Where the ids begin: beyond those of people and packages, below 65,534 (`nobody`)."""
_FILE = "users.json"
_POD_FOLDERS = "airflow-postgres-*-cluster"
"""Other checkouts' pods lie beside ours, and must not have the same users."""


def obstacle(image: Path, pods: Path) -> str | None:
    """Tell why pods cannot be users of their own; None when they can.

    Args:
        image: the image's folder.
        pods: the folder of all pods, which exists.
    """
    if os.geteuid() != 0:
        return "only root can start processes as other users"
    for path in (image, (image / "bin" / "python").resolve(), pods):
        closed = closed_to_others(path) if path.exists() else None
        if closed is not None:
            return f"{closed}, on the way to {path}, is closed to other users"
    return None


class Users:
    """Gives each service account an id, the same for ever.

    Args:
        pods: the folder of all pods; it holds the record.
        separate: whether service accounts are to be told apart at all.
    """

    def __init__(self, pods: Path, *, separate: bool) -> None:
        self._file = pods / _FILE
        self._separate = separate
        self._ids = _read(self._file)

    def id_of(self, namespace: str, service_account: str) -> int | None:
        """The id of user and group, which are the same; None when all pods are one user."""
        if not self._separate:
            return None
        key = f"{namespace}/{service_account}"
        if key not in self._ids:
            with _alone(self._file.parent.parent) as parent:
                taken = {
                    number
                    for file in (self._file, *parent.glob(f"{_POD_FOLDERS}/{_FILE}"))
                    for number in _read(file).values()
                }
                self._ids[key] = next(
                    number for number in range(FIRST_ID, 2**31) if number not in taken
                )
                self._file.write_text(json.dumps(self._ids, indent=1), "utf-8")
        return self._ids[key]


def _read(file: Path) -> dict[str, int]:
    try:
        content: dict[str, int] = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    return content


@contextmanager
def _alone(folder: Path) -> Iterator[Path]:
    """Let one process of this machine at a time choose ids."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(descriptor)
