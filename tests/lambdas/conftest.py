"""What the functions are tested against: PostgreSQL behind the account's endpoint, and moto."""

from __future__ import annotations

import functools
import secrets
import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from moto.server import ThreadedMotoServer

from local.account.postgres import DataPlane, InstanceSpec
from local.account.tls import CertificateAuthority
from tests.lambdas.database_instance import (
    ACCOUNT,
    ADDRESS,
    FUNCTION_KEY,
    FUNCTION_SECRET,
    REGION,
    Identities,
    Instance,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority.open(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def plane(
    authority: CertificateAuthority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DataPlane]:
    # PostgreSQL does not run as root, and another user cannot enter pytest's own folders.
    runtime = Path(tempfile.mkdtemp(prefix="lambdas-"))
    plane = DataPlane(
        folder=tmp_path_factory.mktemp("data"),
        runtime_folder=runtime,
        address=ADDRESS,
        authority=authority,
        identities=Identities(),
        log_folder=tmp_path_factory.mktemp("endpoint"),
    )
    yield plane
    plane.stop_all()
    shutil.rmtree(runtime)


@pytest.fixture(scope="session")
def moto_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address=ADDRESS, port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def function_environment(moto_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment in which Lambda would start the function."""
    environment = {
        "AWS_ACCESS_KEY_ID": FUNCTION_KEY,
        "AWS_SECRET_ACCESS_KEY": FUNCTION_SECRET,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": moto_endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return environment


@pytest.fixture(scope="session")
def servers(
    plane: DataPlane, authority: CertificateAuthority, moto_endpoint: str
) -> Callable[[int], Instance]:
    """Instances as RDS hands them over, one of each major version."""

    @functools.cache
    def server(major: int) -> Instance:
        spec = InstanceSpec(
            identifier=f"lambdas-{major}",
            resource_id=f"db-LAMBDAS{major}",
            major=major,
            port=free_port(),
            master_username="dbmaster",
            parameters={"log_connections": "1", "log_statement": "ddl"},
            iam_enabled=True,
            database=None,
            region=REGION,
            account=ACCOUNT,
        )
        plane.create(spec, secrets.token_urlsafe(24))
        layout = plane._instances[spec.identifier].server.layout
        instance = Instance(
            plane=plane,
            spec=spec,
            certificates=authority.certificate_file,
            secrets_manager=boto3.client(
                "secretsmanager",
                region_name=REGION,
                endpoint_url=moto_endpoint,
                aws_access_key_id=FUNCTION_KEY,
                aws_secret_access_key=FUNCTION_SECRET,
            ),
            sockets=layout.sockets,
            server_logs=(layout.log, plane._log_folder / f"{spec.identifier}.log"),
        )
        instance.reset()
        instance.untouched = instance.catalogs()
        return instance

    return server


@pytest.fixture(params=[16, 18], ids=["postgres16", "postgres18"])
def instance(
    request: pytest.FixtureRequest,
    servers: Callable[[int], Instance],
    function_environment: dict[str, str],  # noqa: ARG001 - for what it does
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Instance]:
    """The instance, new, and the function's environment; the log is looked through at the end."""
    server = servers(request.param)
    server.reset()
    assert server.catalogs() == server.untouched
    yield server
    captured = capfd.readouterr()
    server.assert_no_secret(captured.out + captured.err)
