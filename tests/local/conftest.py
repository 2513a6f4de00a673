"""Real database instances for tests: two servers behind their endpoints, shared by a whole session.

Fixtures for everyone:
    loopback: a loopback address of this test process' own.
    free_port: gives a free port of that address at each call.
    short_folder: makes short, private folders, reachable for the servers' user; removed at the end.
    authority: a certificate authority.
    clock: the clock of `data_plane`; a test may set it.
    identities: who holds which key, and which statements apply; real SigV4, a small real evaluator.
    data_plane: a data plane with nothing in it that tests may create instances in.
    instance: a running instance; the test runs once for each major version. It is shared: make
        logins of your own (`instance.login()`), leave the master and the settings as they were.

Endpoints run in a thread of the test's own process. A client that blocks in C code without letting
go of the interpreter's lock (libpq's old PQcancel) has to run in another process.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.account.postgres import DataPlane, InstanceSpec, remove_files
from local.account.tls import CertificateAuthority
from tests.local.instance_client import MASTER, Instance
from tests.local.known_identities import ACCOUNT, REGION, Clock, KnownIdentities

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PARAMETERS = {
    "fsync": "off",  # tests kill processes, not the machine; "" means the default
    "log_connections": "1",
    "log_disconnections": "1",
    "log_statement": "ddl",
    "max_connections": "300",
    "password_encryption": "scram-sha-256",
    "rds.force_ssl": "1",
    "shared_preload_libraries": "pg_stat_statements,pgaudit",
}


@pytest.fixture(scope="session")
def loopback() -> str:
    # From the process id, so that test processes side by side do not meet.
    return f"127.{64 + os.getpid() % 128}.{os.getpid() // 128 % 256}.1"


@pytest.fixture(scope="session")
def free_port(loopback: str) -> Callable[[], int]:
    def find() -> int:
        with socket.create_server((loopback, 0)) as probe:
            port: int = probe.getsockname()[1]
        return port

    return find


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Callable[[], Path]]:
    made: list[Path] = []

    def make() -> Path:
        made.append(Path(tempfile.mkdtemp(prefix="rds-", dir="/tmp")))
        return made[-1]

    yield make
    for folder in made:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority.open(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def identities() -> KnownIdentities:
    return KnownIdentities()


@pytest.fixture(scope="session")
def log_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("endpoint")


@pytest.fixture(scope="session")
def data_plane(
    loopback: str,
    short_folder: Callable[[], Path],
    authority: CertificateAuthority,
    clock: Clock,
    identities: KnownIdentities,
    log_folder: Path,
) -> Iterator[DataPlane]:
    folder, runtime_folder = short_folder(), short_folder()
    plane = DataPlane(
        folder=folder,
        runtime_folder=runtime_folder,
        address=loopback,
        authority=authority,
        identities=identities,
        log_folder=log_folder,
        now=clock,
    )
    yield plane
    plane.stop_all()
    remove_files(folder=folder, runtime_folder=runtime_folder)


@pytest.fixture(scope="session")
def make_instance(
    data_plane: DataPlane,
    free_port: Callable[[], int],
    loopback: str,
    authority: CertificateAuthority,
    log_folder: Path,
    identities: KnownIdentities,
) -> Iterator[Callable[..., Instance]]:
    made: list[Instance] = []

    def make(identifier: str, major: int, **parameters: str) -> Instance:
        spec = InstanceSpec(
            identifier=identifier,
            resource_id=f"db-{secrets.token_hex(13).upper()}",
            major=major,
            port=free_port(),
            master_username=MASTER,
            parameters={k: v for k, v in {**PARAMETERS, **parameters}.items() if v},
            iam_enabled=True,
            database="application",
            region=REGION,
            account=ACCOUNT,
        )
        password = secrets.token_urlsafe(24)
        data_plane.create(spec, password)
        made.append(
            Instance(
                spec=spec,
                address=loopback,
                ca=authority.certificate_file,
                log=log_folder / f"{identifier}.log",
                master_password=password,
                identities=identities,
                plane=data_plane,
            )
        )
        return made[-1]

    yield make
    for instance in made:
        instance.close()


@pytest.fixture(scope="session")
def instances(make_instance: Callable[..., Instance]) -> dict[int, Instance]:
    with ThreadPoolExecutor() as pool:
        futures = {
            major: pool.submit(make_instance, f"shared-{major}", major) for major in (16, 18)
        }
        return {major: future.result() for major, future in futures.items()}


@pytest.fixture(params=[16, 18], ids=["16", "18"])
def instance(instances: dict[int, Instance], request: pytest.FixtureRequest) -> Instance:
    return instances[request.param]


@pytest.fixture
def other_instance(instances: dict[int, Instance], instance: Instance) -> Instance:
    """The instance of the other major version."""
    return instances[34 - instance.spec.major]
