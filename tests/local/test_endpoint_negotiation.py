"""What client and endpoint agree on before a login: methods, channel binding, TLS, protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from local.account.tls import CertificateAuthority

if TYPE_CHECKING:
    from pathlib import Path

    from tests.local.instance_client import Instance


def test_channel_binding_is_offered_for_passwords(instance: Instance) -> None:
    user = instance.login(password="correct-horse")

    instance.connect(user, "correct-horse", channel_binding="require").close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        instance.connect(user, "wrong-horse", channel_binding="require")


def test_token_cannot_be_bound_to_the_channel(instance: Instance) -> None:
    user, key = instance.iam_login()

    with pytest.raises(psycopg.OperationalError, match="channel binding required"):
        instance.connect(user, instance.token(key, user), channel_binding="require")

    assert instance.line(user=user)["event"] == "lost"


@pytest.mark.parametrize(
    ("iam", "method", "refused_by_client"),
    [
        (True, "password", False),
        (True, "scram-sha-256", True),
        (False, "scram-sha-256", False),
        (False, "password", True),
    ],
)
def test_client_may_insist_on_a_method(
    instance: Instance, *, iam: bool, method: str, refused_by_client: bool
) -> None:
    if iam:
        user, key = instance.iam_login()
        password = instance.token(key, user)
    else:
        user, password = instance.login(password="correct-horse"), "correct-horse"

    if refused_by_client:
        with pytest.raises(psycopg.OperationalError, match="authentication method requirement"):
            instance.connect(user, password, require_auth=method)
    else:
        instance.connect(user, password, require_auth=method).close()


def test_protocol_3_2(instance: Instance) -> None:
    user, key = instance.iam_login()

    with instance.connect(
        user, instance.token(key, user), max_protocol_version="3.2"
    ) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_tls_1_2_is_the_oldest(instance: Instance) -> None:
    user = instance.login(password="correct-horse")

    instance.connect(user, "correct-horse", ssl_max_protocol_version="TLSv1.2").close()
    with pytest.raises(psycopg.OperationalError):
        instance.connect(
            user,
            "correct-horse",
            ssl_min_protocol_version="TLSv1.1",
            ssl_max_protocol_version="TLSv1.1",
        )

    assert instance.line(event="in", user=user)["tls"] == "TLSv1.2"


def test_tls_without_being_asked_for(instance: Instance) -> None:
    user = instance.login(password="correct-horse")

    if instance.spec.major >= 17:
        instance.connect(user, "correct-horse", sslnegotiation="direct").close()
    else:
        with pytest.raises(psycopg.OperationalError, match="closed the connection"):
            instance.connect(user, "correct-horse", sslnegotiation="direct")


def test_client_checks_the_authority(instance: Instance, tmp_path: Path) -> None:
    stranger = CertificateAuthority.open(tmp_path).certificate_file

    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        instance.connect("anyone", "anything", sslrootcert=str(stranger))


def test_client_checks_the_address(instance: Instance) -> None:
    with pytest.raises(psycopg.OperationalError, match="does not match host name"):
        instance.connect("anyone", "anything", host="localhost", hostaddr=instance.address)
