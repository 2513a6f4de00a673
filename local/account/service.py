"""Starts and ends the account's process: one per checkout, in the background.

It tells processes apart by their id and the moment they started, so a recycled id is never
signalled. It deploys nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from local.account.files import write_private
from local.account.postgres.plane import remove_files
from local.account.routes import HEALTH, LANDING_ZONE
from local.lock import turn
from local.recorded import processes_of, record_process, recorded_process

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.account.landing_zone import LandingZone
    from local.paths import Paths

API_PORT = 4566
# Generous: a slow machine has to import moto and to start every PostgreSQL server.
_START_SECONDS = 90
_END_SECONDS = 40
_REAP_SECONDS = 1
_POLL_SECONDS = 0.05
_CODE = Path(__file__).parents[2]
_MODULE = "local.account"


class AccountError(Exception):
    """The account cannot be started, ended or asked; one sentence for the operator."""


@dataclass(frozen=True, kw_only=True)
class Status:
    """Whether an account runs.

    Attributes:
        pid: its process, or None.
        url: where its API answers, or None.
    """

    pid: int | None
    url: str | None


def start(paths: Paths, zone: LandingZone) -> Status:
    """Start the account unless it runs, and add to it what `zone` takes for granted.

    Raises:
        AccountError: it does not come up, or cannot have what `zone` names.
    """
    paths.account.mkdir(mode=0o700, parents=True, exist_ok=True)
    with turn(paths.account / "lock"):
        process = recorded_process(_pid_file(paths))
        if process is None or not _healthy(paths, process.pid):
            _end(paths)
            _spawn(paths, zone)
        _apply(paths, zone)
    return status(paths)


def status(paths: Paths) -> Status:
    """Tell whether the account runs and answers."""
    process = recorded_process(_pid_file(paths))
    if process is None or not _healthy(paths, process.pid):
        return Status(pid=None, url=None)
    return Status(pid=process.pid, url=f"http://{paths.address.read_text('utf-8').strip()}")


def processes(paths: Paths) -> list[psutil.Process]:
    """The account's processes: the recorded one, and one that nobody came to record."""
    return processes_of(_MODULE, paths.root, _pid_file(paths))


def halt(paths: Paths) -> None:
    """End the account and its PostgreSQL servers, keeping all data; nothing happens when ended.

    Raises:
        AccountError: it does not end.
    """
    if paths.account.exists():
        with turn(paths.account / "lock"):
            _end(paths)


def stop(paths: Paths) -> None:
    """End the account and remove everything it made, on disk and outside of the checkout.

    Raises:
        AccountError: it does not end.
    """
    halt(paths)
    record = _record(paths)
    if record.exists():
        # An empty one, which a full disk leaves, would name the present folder.
        runtime_folder = Path(record.read_text("utf-8") or _runtime_folder(paths.root))
        remove_files(folder=paths.account / "instances", runtime_folder=runtime_folder)
    for file in (paths.credentials, paths.config, paths.ca_bundle):
        file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        paths.certificates.rmdir()
    for folder in (paths.endpoint_logs, paths.account):
        shutil.rmtree(folder, ignore_errors=True)


def loopback_address(root: Path) -> str:
    """The address of the checkout at `root`: Linux has all of 127.0.0.0/8, others one."""
    if not sys.platform.startswith("linux"):
        return "127.0.0.1"
    first, second, third = hashlib.sha256(str(root.resolve()).encode()).digest()[:3]
    return f"127.{1 + first % 254}.{second}.{1 + third % 254}"


def _runtime_folder(root: Path) -> Path:
    """A short folder that PostgreSQL's user can reach, as sockets have paths of 107 bytes."""
    name = hashlib.sha256(f"{os.geteuid()}:{root.resolve()}".encode()).hexdigest()[:8]
    # As root the data lie there too, and only /var/tmp outlives a restart of the machine.
    parent = "/var/tmp" if os.geteuid() == 0 else "/tmp"  # noqa: S108 - owner is checked
    return Path(parent) / f"airflow-postgres-{name}"


def _spawn(paths: Paths, zone: LandingZone) -> None:
    """Start the process and wait until it answers."""
    runtime_folder = _runtime_folder(paths.root)
    # Whole or not at all: what it names is removed in the end.
    write_private(_record(paths), str(runtime_folder).encode())
    paths.address.unlink(missing_ok=True)
    log_file = paths.account / "account.log"
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            [
                sys.executable, "-m", _MODULE,
                "--root", paths.root, "--account", zone.account, "--region", zone.region,
                "--address", loopback_address(paths.root), "--port", str(API_PORT),
                "--runtime-folder", runtime_folder,
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=_CODE,
            env=_environment(zone.account),
            start_new_session=True,
        )  # fmt: skip
    record_process(_pid_file(paths), process.pid)
    deadline = time.monotonic() + _START_SECONDS
    while not _healthy(paths, process.pid):
        if process.poll() is not None or time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
            raise AccountError(f"The account did not start: {_last_line(log_file)} See {log_file}.")
        time.sleep(_POLL_SECONDS)


def _environment(account: str) -> dict[str, str]:
    """The process's environment: who the operator is on AWS is no business of this account."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **kept,
        "MOTO_ACCOUNT_ID": account,
        # Any page in a browser could read answers otherwise.
        "MOTO_DISABLE_GLOBAL_CORS": "true",
        # 1.8 MB of images that nobody starts, in every snapshot.
        "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    }


def _end(paths: Paths) -> None:
    """End the process, by force if it does not react; also one that nobody came to record."""
    for process in processes(paths):
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
            if _ends(process):
                break
        else:
            raise AccountError(f"The account's process {process.pid} does not end: end it by hand.")
    _pid_file(paths).unlink(missing_ok=True)
    paths.address.unlink(missing_ok=True)


def _ends(process: psutil.Process) -> bool:
    """Wait for its end; where nobody reaps processes, as in some containers, a zombie has ended."""
    deadline = time.monotonic() + _END_SECONDS
    while time.monotonic() < deadline:
        try:
            if not process.is_running():
                return True
            if process.status() == psutil.STATUS_ZOMBIE:
                # Its threads may take a moment longer, and so may whoever reaps it.
                with contextlib.suppress(psutil.TimeoutExpired):
                    process.wait(_REAP_SECONDS)
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(_POLL_SECONDS)
    return False


def _healthy(paths: Paths, pid: int) -> bool:
    """Whether this very process answers at the account's address."""
    try:
        _, answer = _ask(paths, "GET", HEALTH)
        return bool(json.loads(answer)["pid"] == pid)
    except (OSError, ValueError, KeyError, http.client.HTTPException):
        return False


def _apply(paths: Paths, zone: LandingZone) -> None:
    """Have the landing zone added, as the owner of the account's files."""
    key = (paths.account / "root.key").read_text("utf-8")
    try:
        code, answer = _ask(
            paths, "POST", LANDING_ZONE, zone.to_json(), {"Authorization": f"Bearer {key}"}
        )
    except (OSError, http.client.HTTPException) as error:
        raise AccountError(f"The account does not answer: {error}.") from None
    if code != http.client.NO_CONTENT:
        raise AccountError(answer.decode())


def _ask(
    paths: Paths,
    method: str,
    route: str,
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """Ask the account itself; FileNotFoundError when it has not said where it answers."""
    address = paths.address.read_text("utf-8").strip()
    with contextlib.closing(http.client.HTTPConnection(address, timeout=30)) as connection:
        connection.request(method, route, body, dict(headers or {}))
        response = connection.getresponse()
        return response.status, response.read()


def _last_line(log_file: Path) -> str:
    lines = log_file.read_text("utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it wrote no log."


def _pid_file(paths: Paths) -> Path:
    return paths.account / "pid"


def _record(paths: Paths) -> Path:
    """Names the runtime folder, so that it is found and removed whatever made it."""
    return paths.account / "runtime-folder"
