"""The servers themselves: what RDS puts into them, how they run, what changes them."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.account.postgres.process import RunAs

if TYPE_CHECKING:
    from tests.local.instance_client import Instance


def test_roles_of_rds(instance: Instance) -> None:
    with instance.master() as connection:
        roles = connection.execute(
            "SELECT rolname, rolsuper, rolcanlogin, rolcreaterole, rolcreatedb FROM pg_roles"
            " WHERE rolname !~ '^(pg_|login_|created_)' ORDER BY 1"
        ).fetchall()

    assert roles == [
        ("dbmaster", False, True, True, True),
        ("rds_ad", False, False, False, False),
        ("rds_extension", False, False, False, False),
        ("rds_iam", False, False, False, False),
        ("rds_password", False, False, False, False),
        ("rds_replication", False, False, False, False),
        ("rds_reserved", False, False, False, False),
        ("rds_superuser", False, False, False, False),
        ("rdsadmin", True, True, True, True),
    ]


def test_databases_of_rds(instance: Instance) -> None:
    with instance.master() as connection:
        databases = connection.execute(
            "SELECT datname, pg_get_userbyid(datdba) FROM pg_database"
            " WHERE NOT datistemplate ORDER BY 1"
        ).fetchall()

    assert databases == [
        ("application", "dbmaster"),
        ("postgres", "dbmaster"),
        ("rdsadmin", "rdsadmin"),
    ]


def test_server_listens_on_its_socket_only(instance: Instance) -> None:
    process = instance.postmaster()

    assert not process.net_connections("inet")


def test_server_gets_no_environment_of_ours(instance: Instance) -> None:
    assert set(instance.postmaster().environ()) == {"PATH", "LC_ALL", "TZ"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs servers as another user")
def test_server_runs_as_nobody(instance: Instance) -> None:
    nobody = pwd.getpwnam("nobody")
    process = instance.postmaster()

    assert set(process.uids()) == {nobody.pw_uid}
    assert set(process.gids()) == {nobody.pw_gid}
    status = Path(f"/proc/{process.pid}/status").read_text()
    assert "Groups:\t \n" in status or "Groups:\t\n" in status
    assert instance.data.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has groups to lose")
def test_servers_get_no_group_of_ours() -> None:
    groups = os.getgroups()
    os.setgroups([4])
    try:
        said = RunAs.for_servers().run(["/usr/bin/id", "-G"]).stdout
    finally:
        os.setgroups(groups)

    assert said.split() == [str(pwd.getpwnam("nobody").pw_gid)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.skipif(shutil.which("psql") is None, reason="no psql on PATH")
def test_only_the_endpoint_may_use_the_socket(instance: Instance) -> None:
    """Not even the user that the server runs as."""
    server = instance.plane._instances[instance.spec.identifier].server

    result = subprocess.run(
        ["psql", f"host={server.layout.sockets} port=5432 user=rdsadmin dbname=rdsadmin", "-c", ""],
        user="nobody",
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )

    assert 'Peer authentication failed for user "rdsadmin"' in result.stderr


def test_no_password_reaches_the_server_log(instance: Instance) -> None:
    """Although it logs every statement; nor does a verifier."""
    instance.plane.modify(instance.spec, master_password=instance.master_password)

    log = (instance.data.parent / "server.log").read_text()

    assert "statement: SELECT" in log or "execute" in log or "connection authorized" in log
    assert instance.master_password not in log
    assert "SCRAM-SHA-256$" not in log
