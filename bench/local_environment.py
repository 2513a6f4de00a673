"""`make up` and `make down` without Airflow, for measurements that need a live environment."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

from local.account import service as account
from local.paths import Paths

UP = (sys.executable, "-u", "-m", "local", "up", "--databases-only")
DOWN = (sys.executable, "-m", "local", "down")


@contextlib.contextmanager
def brought_up(paths: Paths) -> Iterator[None]:
    """Use the environment that is up, or bring one up and take it down again.

    Raises:
        SystemExit: it does not come up, with what it printed.
    """
    if account.status(paths).pid is not None:
        print("the environment that is up is used", file=sys.stderr)
        yield
        return
    try:
        done = subprocess.run(UP, cwd=paths.root, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"`make up` failed:\n{done.stdout}")
        yield
    finally:
        down(paths)


def down(paths: Paths) -> None:
    """Take the environment down."""
    subprocess.run(DOWN, cwd=paths.root, stdout=subprocess.PIPE, check=True)
