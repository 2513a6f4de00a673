"""`make down`: the local environment is gone afterwards; processes, sockets and files."""

from __future__ import annotations

import argparse
import contextlib
import shutil

from local.account import service
from local.cluster import service as cluster
from local.commands.common import LOCAL, alone
from local.paths import Paths


def run(paths: Paths, arguments: argparse.Namespace) -> int:
    """Stop the cluster, then the account with its databases, and remove the files of all."""
    del arguments
    if not paths.local.exists():
        print("nothing is up")
        return 0
    with alone(paths, "down"):
        cluster.stop(paths)
        service.stop(paths)
        shutil.rmtree(paths.packages / LOCAL, ignore_errors=True)
        with contextlib.suppress(OSError):  # packages of other environments stay
            paths.packages.rmdir()
        for path in paths.local.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path != paths.lock:
                path.unlink()
    print("the local environment is gone: no process, socket or file of it is left")
    return 0
