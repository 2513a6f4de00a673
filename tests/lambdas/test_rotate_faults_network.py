"""The server that does not answer, fails over, or is not who it should be."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lambdas.rotate_postgres.credential import Credential
from lambdas.shared.errors import (
    CertificateError,
    LoginRefusedError,
    UnreachableError,
)
from local.account.tls import CertificateAuthority
from tests.lambdas.operations import Faulty, Recorded
from tests.lambdas.rotating_pair import STEPS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lambdas.rotating_pair import RotatingPair

pytest_plugins = ["tests.lambdas.rotation_fixtures"]


def test_f19_unreachable_is_not_refused(pair: RotatingPair) -> None:
    token = pair.begin()
    with socket.socket() as nobody:
        nobody.bind((pair.rotation.host, 0))
        elsewhere = replace(pair.rotation, port=nobody.getsockname()[1])
        fresh = Credential.fresh(pair.rotation.logins[1])
        pair.store.put_secret_value(
            pair.rotation.secret, fresh.text(elsewhere), "", token, ["AWSPENDING"]
        )
        recorded = Recorded()
        for step in ("setSecret", "testSecret", "finishSecret"):
            with pytest.raises(UnreachableError, match="does not answer"):
                pair.take(step, token, rotation=elsewhere, seconds=5.3, operations=recorded)
    assert not [name for name in recorded.names if name.startswith("sql:")]
    pair.assert_works()


def test_f19_rotator_that_is_refused(pair: RotatingPair) -> None:
    token = pair.begin()
    pair.take("createSecret", token)
    pair.server.execute(
        "REVOKE rds_iam FROM {rotator}", role="provisioner", rotator=pair.rotation.rotator
    )
    with pytest.raises(LoginRefusedError, match=r"_rotator does not get in by IAM.*Allow the"):
        pair.take("setSecret", token, seconds=5.3)
    pair.assert_works()


@pytest.mark.parametrize(
    "where", ["sql:DO", "sql:COMMIT", "sql:SELECT pg_advisory_lock", "sql:BEGIN"]
)
def test_f20_failover_in_the_middle_of_set(pair: RotatingPair, where: str) -> None:
    """The backend is terminated (57P01); the next sessions find the database read-only (25006)."""
    rotator = pair.rotation.rotator

    def fail_over() -> None:
        pair.server.execute(
            "ALTER ROLE {rotator} SET default_transaction_read_only TO on", rotator=rotator
        )
        threading.Timer(0.7, recover).start()
        pair.server.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{rotator}'"
        )

    def recover() -> None:
        pair.server.execute("ALTER ROLE {rotator} RESET ALL", rotator=rotator)
        recovered.set()

    recovered = threading.Event()
    token = pair.begin()
    pair.take("createSecret", token)
    failing = Faulty(where, before=fail_over)
    assert pair.take("setSecret", token, operations=failing, seconds=20.0) == "set"
    assert recovered.is_set()
    assert failing.seen > 1
    pair.rotate(token, STEPS[2:])
    pair.assert_works()


@pytest.mark.parametrize("step", ["setSecret", "testSecret", "finishSecret"])
def test_f21_certificate_of_another_authority(
    pair: RotatingPair, step: str, tmp_path: Path
) -> None:
    other = CertificateAuthority.open(tmp_path).certificate_file
    token = pair.begin()
    pair.rotate(token, STEPS[: STEPS.index(step)])
    recorded = Recorded()
    with pytest.raises(CertificateError, match="is refused"):
        pair.take(step, token, certificates=other, operations=recorded)
    assert not [name for name in recorded.names if name.startswith("sql:")]
    pair.rotate(token)


def test_f21_host_that_the_certificate_is_not_for(pair: RotatingPair) -> None:
    with pytest.raises(CertificateError, match="not valid for 'localhost'"):
        pair.take("createSecret", pair.begin(), rotation=replace(pair.rotation, host="localhost"))


def test_f21_server_without_tls(pair: RotatingPair) -> None:
    asked: list[bytes] = []

    def refuse(listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                asked.append(connection.recv(4096))
                connection.sendall(b"N")
                asked.append(connection.recv(4096))

    with socket.create_server((pair.rotation.host, 0)) as listening:
        thread = threading.Thread(target=refuse, args=(listening,))
        thread.start()
        elsewhere = replace(pair.rotation, port=listening.getsockname()[1])
        fresh = Credential.fresh(pair.rotation.logins[1])
        token = pair.begin()
        pair.store.put_secret_value(
            pair.rotation.secret, fresh.text(elsewhere), "", token, ["AWSPENDING"]
        )
        for step in STEPS[1:]:
            with pytest.raises(UnreachableError, match="refuses SSL"):
                pair.take(step, token, rotation=elsewhere, seconds=5.2)
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()
    assert set(asked) == {bytes.fromhex("0000000804d2162f"), b""}
