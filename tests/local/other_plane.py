"""A data plane in a process of its own, for tests that kill it or run it as another user."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg

from local.account.postgres import (
    Credential,
    DataPlane,
    Decision,
    InstanceSpec,
    UnknownCredentialError,
)
from local.account.tls import CertificateAuthority

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    "PATH": os.defpath,
    "PYTHONPATH": os.pathsep.join(
        [str(ROOT), *(path for path in sys.path if "site-packages" in path)]
    ),
    "PYTHONDONTWRITEBYTECODE": "1",
}
# A data plane in a process of its own: makes an instance, says so, and waits for its end.
SCRIPT = """
import json, os, signal, sys
from pathlib import Path
import psutil, psycopg
from local.account.postgres import DataPlane, InstanceSpec, remove_files
from local.account.tls import CertificateAuthority

order = json.loads(sys.argv[1])
folder, runtime_folder = Path(order["folder"]), Path(order["runtime_folder"])
authority = CertificateAuthority.open(folder / "authority")
plane = DataPlane(
    folder=folder / "instances",
    runtime_folder=runtime_folder,
    address=order["address"],
    authority=authority,
    identities=None,
    log_folder=folder / "log",
)
spec = InstanceSpec(**order["spec"])
plane.create(spec, "correct-horse")
with psycopg.connect(
    host=order["address"], port=spec.port, user=spec.master_username, password="correct-horse",
    dbname="postgres", sslmode="verify-full", sslrootcert=str(authority.certificate_file),
) as connection:
    connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    server = psutil.Process(connection.info.backend_pid)
    said = {"uid": server.uids().real, "postmaster": server.ppid()}
print(json.dumps(said), flush=True)
sys.stdin.read()
plane.stop_all()
remove_files(folder=folder / "instances", runtime_folder=runtime_folder)
"""


def runs_for(user: int) -> Callable[[str], bool]:
    """Whether an interpreter runs this project for another user."""

    def runs(python: str) -> bool:
        try:
            command = [python, "-c", "import local.account.postgres"]
            subprocess.run(command, env=ENVIRONMENT, cwd="/", user=user, check=True)
        except (OSError, subprocess.CalledProcessError):
            return False
        return True

    return runs


class Elsewhere:
    """A data plane in another process, with an instance in it.

    Attributes:
        server_uid: the user that its server runs as.
        postmaster: the server's process.
    """

    def __init__(
        self, spec: InstanceSpec, folder: Path, address: str, user: int | None, python: str
    ) -> None:
        self.spec = spec
        self.folder = folder
        self.runtime_folder = folder / "r"
        self.address = address
        order = {
            "spec": dataclasses.asdict(spec),
            "folder": str(folder),
            "runtime_folder": str(self.runtime_folder),
            "address": address,
        }
        self.process = subprocess.Popen(
            [python, "-c", SCRIPT, json.dumps(order)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=ENVIRONMENT,
            cwd="/",
            user=user,
        )
        assert self.process.stdout is not None
        said = json.loads(self.process.stdout.readline())
        self.server_uid: int = said["uid"]
        self.postmaster = psutil.Process(said["postmaster"])

    def again(self) -> DataPlane:
        """A data plane in this process, on the same folders."""
        return DataPlane(
            folder=self.folder / "instances",
            runtime_folder=self.runtime_folder,
            address=self.address,
            authority=CertificateAuthority.open(self.folder / "authority"),
            identities=KNOWS_NOBODY,
            log_folder=self.folder / "log",
        )

    def answer(self) -> object:
        """What the table that was made holds, asked for through the endpoint."""
        with psycopg.connect(
            host=self.address,
            port=self.spec.port,
            user=self.spec.master_username,
            password="correct-horse",
            dbname="postgres",
            sslmode="verify-full",
            sslrootcert=str(self.folder / "authority" / "ca.pem"),
        ) as connection:
            return connection.execute("SELECT answer FROM kept").fetchone()

    def kill(self) -> None:
        """Kill the process, as `kill -9` would; its server stays behind."""
        self.process.kill()
        self.close()

    def close(self) -> None:
        """End the process as it ends by itself: it removes everything."""
        self.process.communicate(timeout=30)


class _KnowsNobody:
    def credential(self, access_key_id: str, session_token: str | None) -> Credential:
        raise UnknownCredentialError(f"{access_key_id} {session_token} is unknown")

    def authorize(self, principal_arn: str, action: str, resource: str) -> Decision:
        raise NotImplementedError(principal_arn, action, resource)


KNOWS_NOBODY = _KnowsNobody()
