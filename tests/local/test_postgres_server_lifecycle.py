"""Servers through crashes, kills and clean-up: no data lost, nothing left behind."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest

from local.account.postgres import InstanceSpec, remove_files
from tests.local.other_plane import Elsewhere, runs_for
from tests.processes import lives

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.local.instance_client import Instance

MAJORS = pytest.mark.parametrize("major", [16, 18])


@pytest.fixture
def make(make_instance: Callable[..., Instance]) -> Iterator[Callable[..., Instance]]:
    """Makes instances of this test's own."""
    with contextlib.ExitStack() as stack:

        def make(major: int, **parameters: str) -> Instance:
            made = make_instance(f"own-{secrets.token_hex(4)}", major, **parameters)
            stack.callback(made.plane.delete, made.spec.identifier)
            return made

        yield make


def log_in(instance: Instance, seconds: float = 20) -> psycopg.Connection:
    """Log in as soon as the server lets."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return instance.master()
        except psycopg.OperationalError as not_yet:
            starting = re.search("not accepting connections|starting up|recovery", str(not_yet))
            if not starting or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@MAJORS
def test_killed_server_comes_back_with_its_data(make: Callable[..., Instance], major: int) -> None:
    instance = make(major, fsync="")
    with instance.master() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        process = instance.postmaster()
        process.kill()
        process.wait(10)

    with log_in(instance) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    assert instance.postmaster().pid != process.pid


@MAJORS
def test_crash_of_a_backend(make: Callable[..., Instance], major: int) -> None:
    """The server restarts all sessions; the endpoint goes on."""
    instance = make(major, fsync="")
    with instance.master() as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")

    log_in(instance).close()


@pytest.fixture
def elsewhere(
    short_folder: Callable[[], Path], loopback: str, free_port: Callable[[], int]
) -> Iterator[Callable[..., Elsewhere]]:
    made: list[Elsewhere] = []

    def make(major: int, user: int | None = None, python: str = sys.executable) -> Elsewhere:
        folder = short_folder()
        folder.chmod(0o711)
        if user is not None:
            os.chown(folder, user, -1)
        spec = InstanceSpec(
            identifier="elsewhere",
            resource_id="db-ELSEWHERE",
            major=major,
            port=free_port(),
            master_username="dbmaster",
            parameters={},
            iam_enabled=True,
            database=None,
            region="eu-west-1",
            account="123456789012",
        )
        made.append(Elsewhere(spec, folder, loopback, user, python))
        return made[-1]

    yield make
    for one in made:
        if one.process.poll() is None:
            one.close()
        remove_files(folder=one.folder / "instances", runtime_folder=one.runtime_folder)


@MAJORS
def test_server_that_was_left_behind_is_replaced(
    elsewhere: Callable[..., Elsewhere], major: int
) -> None:
    one = elsewhere(major)
    one.kill()
    assert lives(one.postmaster)

    plane = one.again()
    plane.start(one.spec)

    assert not lives(one.postmaster)
    assert one.answer() == (42,)
    plane.stop_all()


def test_server_that_was_left_behind_is_removed(elsewhere: Callable[..., Elsewhere]) -> None:
    one = elsewhere(16)
    one.kill()

    remove_files(folder=one.folder / "instances", runtime_folder=one.runtime_folder)

    assert not lives(one.postmaster)
    assert not one.runtime_folder.exists()
    assert not (one.folder / "instances").exists()


@MAJORS
@pytest.mark.skipif(sys.platform != "linux", reason="shared memory is no file on this system")
def test_server_that_was_killed_leaves_no_shared_memory(
    elsewhere: Callable[..., Elsewhere], major: int
) -> None:
    one = elsewhere(major)
    children = one.postmaster.children()
    mapped = [Path(each.path) for each in one.postmaster.memory_maps()]
    shared = [path for path in mapped if path.parent.name in {"shm", "pg_dynshmem"}]
    assert shared
    one.kill()
    one.postmaster.kill()
    psutil.wait_procs([one.postmaster, *children], 10)

    remove_files(folder=one.folder / "instances", runtime_folder=one.runtime_folder)

    assert [path for path in shared if path.exists()] == []


def test_number_of_a_dead_server_may_be_somebody_elses(
    elsewhere: Callable[..., Elsewhere],
) -> None:
    """After a restart of the machine the pid file may name any process of the same user."""
    one = elsewhere(18)
    one.kill()
    plane = one.again()
    plane.start(one.spec)
    data = plane._instances[one.spec.identifier].server.layout.data
    pid_file = data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    plane.stop(one.spec.identifier)
    with subprocess.Popen(["sleep", "60"], user=one.server_uid) as stranger:
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        try:
            plane.start(one.spec)

            assert one.answer() == (42,)
            assert stranger.poll() is None
        finally:
            stranger.kill()
    plane.stop_all()


def test_end_leaves_nothing_behind(elsewhere: Callable[..., Elsewhere]) -> None:
    one = elsewhere(18)
    children = [one.postmaster, *one.postmaster.children()]

    one.close()

    assert one.process.returncode == 0
    assert not any(map(lives, children))
    assert not one.runtime_folder.exists()
    assert not (one.folder / "instances").exists()


@MAJORS
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become an ordinary user")
def test_ordinary_user_runs_servers_as_itself(
    elsewhere: Callable[..., Elsewhere], major: int
) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    python = next(filter(runs_for(nobody), [sys.executable, "/usr/bin/python3"]), None)
    if python is None:
        pytest.skip("an ordinary user cannot reach this checkout, or no Python for it")

    one = elsewhere(major, nobody, python)

    assert one.server_uid == nobody
    assert not (one.runtime_folder / ".programs").exists()
    assert (one.folder / "instances" / "elsewhere" / "data").is_dir()
    one.close()
    assert one.process.returncode == 0
