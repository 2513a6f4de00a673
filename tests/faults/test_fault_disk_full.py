"""A full disk, by small file systems of the tests' own: said in one sentence, and gone on after.

Only root may mount one; others skip this.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from typing import TYPE_CHECKING

import boto3
import psycopg
import pytest
from botocore.exceptions import ClientError

from local.account.service import _runtime_folder
from local.deploy import state
from tests.environment.checkout import APPLICATION, copied
from tests.faults.commands import (
    UP,
    begin,
    converge,
    kill,
    postmaster,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.environment.checkout import Checkout

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root may mount a small file system to fill"
)
MEBIBYTE = 1 << 20
LOCAL_MEBIBYTES, DATABASE_MEBIBYTES = 64, 400


@pytest.fixture
def small() -> Iterator[Checkout]:
    """A copy whose environment and whose databases' files lie on file systems of their own."""
    with copied() as checkout:
        databases = _runtime_folder(checkout.folder)
        sizes = {checkout.paths.local: LOCAL_MEBIBYTES, databases: DATABASE_MEBIBYTES}
        with contextlib.ExitStack() as mounts:
            for folder, mebibytes in sizes.items():
                mounts.enter_context(_mounted(folder, mebibytes))
            yield checkout
            if checkout.paths.local.exists():
                checkout.run("down")


@contextlib.contextmanager
def _mounted(folder: Path, mebibytes: int) -> Iterator[None]:
    folder.mkdir(mode=0o700)
    options = f"size={mebibytes}m,mode=0700"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "full-in-a-test", folder],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        folder.rmdir()
        pytest.skip(f"no small file system can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


@contextlib.contextmanager
def full(folder: Path, *, but: int = 0) -> Iterator[None]:
    """Leave no space on the file system of `folder`, but so many bytes."""
    ballast = folder / "ballast-of-the-test"
    with ballast.open("wb", buffering=0) as file:
        for size in (MEBIBYTE, 4096):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)
        file.truncate(max(0, file.tell() - but))
    try:
        yield
    finally:
        ballast.unlink(missing_ok=True)


def readable(checkout: Checkout) -> int:
    """How many resources are remembered by a state that can be read."""
    return len(state.load(checkout.paths.state, "airflow-postgres", "local").resources)


@pytest.mark.faults
@pytest.mark.parametrize("room", [0, 200_000, 2_500_000])
def test_no_room_for_the_environment_from_the_beginning(small: Checkout, room: int) -> None:
    with full(small.paths.local, but=room):
        run = small.run(*UP)

        assert run.status == 1
        assert "Traceback" not in run.text, run.text
        assert "make room" in run.text, run.text
        readable(small)
    converge(small)


def test_no_room_for_state_and_snapshot_in_the_middle(small: Checkout) -> None:
    command = begin(small, *UP)
    command.wait_for("[ 20/")
    with full(small.paths.local):
        run = command.end()

        assert run.status == 1
        assert "Traceback" not in run.text, run.text
        assert "make room" in run.text, run.text
        remembered = readable(small)
    assert remembered > 10
    converge(small)

    remembered = readable(small)
    command = begin(small, *UP)
    command.wait_for("program  applied")
    with full(small.paths.local), small.account():
        run = command.end()

        assert run.status == 1
        assert "state.json cannot be written (No space left on device): make room" in run.text
        assert readable(small) == remembered > 100
        secrets = boto3.client("secretsmanager")
        with pytest.raises(ClientError, match=r"no space is left in .+: make room there"):
            secrets.create_secret(Name="too-late", SecretString="of no room")
        names = [one["Name"] for one in secrets.list_secrets()["SecretList"]]
    assert "too-late" not in names


@pytest.mark.faults
def test_no_room_to_make_the_databases(small: Checkout) -> None:
    databases = _runtime_folder(small.folder)
    with full(databases, but=60 * MEBIBYTE):
        run = small.run(*UP)

        assert run.status == 1
        assert "Traceback" not in run.text, run.text
        assert "No space left on device" in run.text, run.text
        assert f"{APPLICATION} became failed instead of available: " in run.text
        assert "run the same command again" in run.text
    converge(small)


@pytest.mark.faults
def test_no_room_for_a_database_that_is_up(small: Checkout) -> None:
    """PostgreSQL tells its sessions; a server that dies then comes back when there is room."""
    small.up()
    databases = _runtime_folder(small.folder)
    with small.account() as access:
        login, instance = access.login("billing"), access.instance("application")
        session = access.connect(login, instance, autocommit=True)
        with contextlib.closing(session), full(databases):
            with pytest.raises(psycopg.OperationalError, match="No space left on device"):
                session.execute("CREATE TABLE much AS SELECT * FROM generate_series(1, 1000000)")
            kill(postmaster(small, APPLICATION))
            time.sleep(3)
            run = small.run(*UP)
            assert run.status == 1
            assert "Traceback" not in run.text
    converge(small)
