"""What an environment has on this machine: processes, sockets, files; it tests nothing."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from local.cluster import service as cluster
from local.cluster.place import cluster_folder
from local.paths import Paths
from local.recorded import recorded_process
from tests.processes import lives


@dataclass(frozen=True, kw_only=True)
class Traces:
    """What an environment has on this machine while it is up."""

    processes: tuple[psutil.Process, ...]
    sockets: tuple[tuple[str, int], ...]
    files: tuple[Path, ...]
    """Folders and files outside of the checkout."""

    def left(self) -> list[str]:
        """What of it is still there."""
        return [
            *(f"process {one.pid}" for one in self.processes if lives(one)),
            *(f"socket {place}" for place in self.sockets if answers(place)),
            *(f"file {path}" for path in self.files if path.exists()),
        ]


def processes(paths: Paths, *more: psutil.Process) -> list[psutil.Process]:
    """The processes of the environment, all pods' too; `more` and their children as well."""
    wanted = {one.pid for one in (*more, *_recorded(paths))}
    # The machine's processes are read once, as there are dozens of records.
    everybody = [(one, one.info["ppid"]) for one in psutil.process_iter(["ppid"])]
    while children := {
        one.pid for one, parent in everybody if parent in wanted and one.pid not in wanted
    }:
        wanted |= children
    return [one for one, _ in everybody if one.pid in wanted]


def pods_folders(paths: Paths) -> list[Path]:
    """Where the pods' files are; none when no cluster has been started."""
    record = cluster_folder(paths) / "pods-folder"
    with contextlib.suppress(FileNotFoundError):
        return [Path(record.read_text(encoding="utf-8"))]
    return []


def cluster_sockets(paths: Paths) -> Iterator[tuple[str, int]]:
    """Where the cluster answers: the Kubernetes API and its Services."""
    found = cluster.status(paths)
    for url in filter(None, (found.url, *(url for _, url in found.services))):
        parts = urlsplit(url)
        assert parts.hostname, url
        assert parts.port, url
        yield parts.hostname, parts.port


def matching(folder: Path, pattern: str) -> list[Path]:
    """What matches in a folder whose own folders come and go while it is read."""
    while True:
        with contextlib.suppress(FileNotFoundError):
            return list(folder.glob(pattern))


def answers(place: tuple[str, int]) -> bool:
    """Whether anybody listens at an address and port."""
    with socket.socket() as probe:
        return probe.connect_ex(place) == 0


def _recorded(paths: Paths) -> Iterator[psutil.Process]:
    """The account, the cluster and the pods' containers, which all note who they are."""
    shims = (
        one for folder in pods_folders(paths) for one in matching(folder, "*/containers/*/shim")
    )
    for record in (paths.account / "pid", cluster_folder(paths) / "pid", *shims):
        if (process := recorded_process(record)) is not None:
            yield process
