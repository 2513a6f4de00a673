"""Instances that cannot be made or started: one sentence, and nothing stays behind."""

from __future__ import annotations

import dataclasses
import secrets
import socket
from typing import TYPE_CHECKING

import pytest

from local.account.postgres import DataPlane, InstanceError, InstanceSpec

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from local.account.tls import CertificateAuthority
    from tests.local.instance_client import Instance
    from tests.local.known_identities import KnownIdentities


@pytest.fixture
def spec(free_port: Callable[[], int]) -> InstanceSpec:
    return InstanceSpec(
        identifier=f"never-{secrets.token_hex(4)}",
        resource_id="db-NEVER",
        major=16,
        port=free_port(),
        master_username="dbmaster",
        parameters={},
        iam_enabled=True,
        database=None,
        region="eu-west-1",
        account="123456789012",
    )


def refused(plane: DataPlane, spec: InstanceSpec, match: str) -> None:
    with pytest.raises(InstanceError, match=match):
        plane.create(spec, "anything")
    assert not list(plane._runtime_folder.glob(f"{spec.identifier}*"))
    with socket.create_server((plane._address, spec.port)):
        pass  # the port is free again


def test_port_that_is_taken(data_plane: DataPlane, spec: InstanceSpec) -> None:
    with (
        socket.create_server((data_plane._address, spec.port)),
        pytest.raises(
            InstanceError,
            match=rf"^Port {spec.port} of 127\S+ cannot be listened on \(Address already in use\)",
        ),
    ):
        data_plane.create(spec, "anything")


def test_major_version_that_is_not_here(data_plane: DataPlane, spec: InstanceSpec) -> None:
    spec = dataclasses.replace(spec, major=15)

    refused(data_plane, spec, r"^PostgreSQL 15 is not available on this machine, 16 and 18 are")


@pytest.mark.parametrize("identifier", ["", "Upper", "../up", "a_b", "1st", "x" * 64])
def test_identifier(data_plane: DataPlane, spec: InstanceSpec, identifier: str) -> None:
    spec = dataclasses.replace(spec, identifier=identifier)

    with pytest.raises(InstanceError, match="is not valid: at most 63 small letters"):
        data_plane.create(spec, "anything")


def test_value_that_postgresql_does_not_take(data_plane: DataPlane, spec: InstanceSpec) -> None:
    spec = dataclasses.replace(spec, parameters={"work_mem": "much"})

    refused(data_plane, spec, r'invalid value for parameter "work_mem": "much"\.$')


def test_server_that_does_not_start(data_plane: DataPlane, spec: InstanceSpec) -> None:
    spec = dataclasses.replace(spec, parameters={"superuser_reserved_connections": "5000"})

    refused(data_plane, spec, r"does not start: .*superuser_reserved_connections")


def test_master_that_postgresql_does_not_take(data_plane: DataPlane, spec: InstanceSpec) -> None:
    spec = dataclasses.replace(spec, master_username="pg_master")

    refused(data_plane, spec, r'^.*role name "pg_master" is reserved')


def test_instance_that_is_there(instance: Instance, free_port: Callable[[], int]) -> None:
    spec = dataclasses.replace(instance.spec, port=free_port())

    with pytest.raises(InstanceError, match=r"^The instance shared-\d+ exists already in "):
        instance.plane.create(spec, "anything")

    instance.master().close()


def test_start_of_what_is_not_there(data_plane: DataPlane, spec: InstanceSpec) -> None:
    with pytest.raises(InstanceError, match=rf"^The instance {spec.identifier} is not in "):
        data_plane.start(spec)


def test_change_of_what_does_not_run(data_plane: DataPlane, spec: InstanceSpec) -> None:
    for change in (
        lambda: data_plane.modify(spec),
        lambda: data_plane.restart(spec.identifier),
        lambda: data_plane.pending_restart(spec.identifier),
    ):
        with pytest.raises(InstanceError, match="does not run: start it"):
            change()


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104  # what must not be bound
        "10.0.0.1",
        "localhost",
        "::1",
        "",
    ],
)
def test_loopback_only(
    short_folder: Callable[[], Path],
    authority: CertificateAuthority,
    identities: KnownIdentities,
    address: str,
) -> None:
    with pytest.raises(InstanceError, match=r"endpoints listen on loopback only, 127\.0\.0\.0/8"):
        DataPlane(
            folder=short_folder(),
            runtime_folder=short_folder(),
            address=address,
            authority=authority,
            identities=identities,
            log_folder=short_folder(),
        )


def test_folder_that_is_not_ours(
    short_folder: Callable[[], Path],
    loopback: str,
    authority: CertificateAuthority,
    identities: KnownIdentities,
) -> None:
    link = short_folder() / "link"
    link.symlink_to(short_folder())

    with pytest.raises(InstanceError, match=r"link belongs to somebody else"):
        DataPlane(
            folder=short_folder(),
            runtime_folder=link,
            address=loopback,
            authority=authority,
            identities=identities,
            log_folder=short_folder(),
        )


def test_socket_path_that_is_too_long(
    short_folder: Callable[[], Path],
    loopback: str,
    authority: CertificateAuthority,
    identities: KnownIdentities,
    spec: InstanceSpec,
) -> None:
    plane = DataPlane(
        folder=short_folder(),
        runtime_folder=short_folder() / ("x" * 80),
        address=loopback,
        authority=authority,
        identities=identities,
        log_folder=short_folder(),
    )

    with pytest.raises(InstanceError, match="is too long for a socket, which has at most 107"):
        plane.create(spec, "anything")
    plane.stop_all()
