"""Fixtures of pairs of logins: `pair` of a writer, on each major version, with a first value."""

from __future__ import annotations

import functools
import secrets
from typing import TYPE_CHECKING

import pytest

from lambdas.shared import retry
from local.account.postgres import InstanceSpec
from tests.lambdas.conftest import free_port
from tests.lambdas.database_instance import ACCOUNT, REGION
from tests.lambdas.rotating_pair import RotatingPair
from tests.lambdas.rotating_server import RotatingServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.account.postgres import DataPlane
    from local.account.tls import CertificateAuthority


@pytest.fixture(scope="session")
def rotating_servers(
    plane: DataPlane, authority: CertificateAuthority
) -> Callable[[int], RotatingServer]:
    """Instances with the application's database, one of each major version."""

    @functools.cache
    def server(major: int) -> RotatingServer:
        spec = InstanceSpec(
            identifier=f"rotating-{major}",
            resource_id=f"db-ROTATING{major}",
            major=major,
            port=free_port(),
            master_username="dbmaster",
            parameters={"log_connections": "1", "fsync": "off", "max_connections": "130"},
            iam_enabled=True,
            database=None,
            region=REGION,
            account=ACCOUNT,
        )
        plane.create(spec, secrets.token_urlsafe(24))
        layout = plane._instances[spec.identifier].server.layout
        made = RotatingServer(
            plane=plane,
            spec=spec,
            certificates=authority.certificate_file,
            sockets=layout.sockets,
            server_logs=(layout.log, plane._log_folder / f"{spec.identifier}.log"),
        )
        made.prepare()
        return made

    return server


@pytest.fixture(params=[16, 18], ids=["postgres16", "postgres18"])
def server(
    request: pytest.FixtureRequest, rotating_servers: Callable[[int], RotatingServer]
) -> RotatingServer:
    """An instance of each major version."""
    return rotating_servers(request.param)


@pytest.fixture
def pair(
    server: RotatingServer, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[RotatingPair]:
    """A writer's pair, with a first value; all logs are looked through at the end."""
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.02)
    marks = {path: path.stat().st_size for path in server.server_logs}
    made = server.pair()
    made.take("first")
    yield made
    captured = capfd.readouterr()
    made.assert_no_secret(captured.out + captured.err)
    for path, mark in marks.items():
        with path.open("rb") as file:
            file.seek(mark)
            made.assert_no_secret(file.read().decode(errors="replace"))
