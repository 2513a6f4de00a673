"""How the function gets in: by which credential, for how long it tries, whom it talks to."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from lambdas.shared.database import Server, Session, connect
from lambdas.shared.errors import (
    CertificateError,
    FunctionError,
    LoginRefusedError,
    SecretError,
    UnreachableError,
)
from local.account.tls import CertificateAuthority

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.lambdas.database_instance import Instance

SSL_REQUEST = bytes.fromhex("0000000804d2162f")


class Before:
    """Connects, after something that happens before the n-th time."""

    def __init__(self, actions: dict[int, Callable[[], object]]) -> None:
        self._actions = actions
        self.times = 0

    def __call__(self, server: Server, **login: Any) -> Session:  # noqa: ANN401 - handed on
        """Log in."""
        self.times += 1
        self._actions.get(self.times, lambda: None)()
        return connect(server, **login)


def test_password_rotated_between_reading_it_and_the_login(instance: Instance) -> None:
    connecting = Before({1: lambda: instance.store(instance.rotate())})

    answer = instance.bootstrap(connect=connecting)

    assert answer["loggedInBy"] == "password"
    assert connecting.times == 3  # the old password, a token, the new password


def test_password_is_rotated_on_the_server_before_the_secret_has_it(instance: Instance) -> None:
    instance.rotate()
    connecting = Before({5: lambda: instance.store(instance.password)})

    answer = instance.bootstrap(connect=connecting)

    assert answer["loggedInBy"] == "password"
    assert connecting.times == 7


def test_password_that_stays_wrong_is_given_up_in_time(instance: Instance) -> None:
    instance.store("not-the-password")
    started = time.monotonic()

    sentence = (
        r"^dbmaster cannot log in by password: PostgreSQL says 28P01: .* by iam: PostgreSQL says "
        r"28P01: .* Enable IAM authentication on the instance, allow the function's role rds-db:"
    )
    with pytest.raises(LoginRefusedError, match=sentence):
        instance.bootstrap(seconds=7.0)

    assert time.monotonic() - started < 7.0
    assert instance.catalogs() == instance.untouched


def test_server_that_starts_meanwhile_is_waited_for(instance: Instance) -> None:
    instance.plane.stop(instance.spec.identifier)
    starting = threading.Timer(1.5, instance.plane.start, args=[instance.spec])
    starting.start()
    try:
        answer = instance.bootstrap()
    finally:
        starting.join()

    assert answer["loggedInBy"] == "password"


def test_server_that_takes_no_connections_yet_is_waited_for(
    instance: Instance, capfd: pytest.CaptureFixture[str]
) -> None:
    server = instance.plane._instances[instance.spec.identifier].server
    server.stop()  # its endpoint goes on and says 57P03, as an instance does while it starts
    starting = threading.Timer(1.5, server.start)
    starting.start()
    try:
        instance.bootstrap()
    finally:
        starting.join()

    log = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    retries = [line for line in log if line["event"] == "retry"]
    assert retries
    assert all("PostgreSQL says 57P03" in line["reason"] for line in retries)


def test_server_that_never_answers_is_given_up_in_time(instance: Instance) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        event = instance.event(port=nobody.getsockname()[1])
        started = time.monotonic()
        with pytest.raises(UnreachableError, match=r"does not answer \(.*refused\): check that"):
            instance.bootstrap(event, seconds=7.0)
    assert time.monotonic() - started < 7.0


def test_server_that_accepts_and_says_nothing_is_given_up_in_time(instance: Instance) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        event = instance.event(port=silent.getsockname()[1])
        started = time.monotonic()
        with pytest.raises(UnreachableError, match=r"does not answer \(timed out\)"):
            instance.bootstrap(event, seconds=7.0)
    assert time.monotonic() - started < 7.0


def test_certificate_of_another_authority_is_refused(instance: Instance, tmp_path: Path) -> None:
    other = CertificateAuthority.open(tmp_path).certificate_file
    server = Server(host="127.0.0.1", port=instance.spec.port, certificates=other)

    with pytest.raises(CertificateError, match=r"is refused \(unable to get local issuer"):
        connect(server, user="dbmaster", password="unused", database="postgres", timeout=5.0)


def test_refused_certificate_ends_the_invocation_at_once(instance: Instance) -> None:
    """The endpoint's certificate is for 127.0.0.1, under which `localhost` answers too."""
    started = time.monotonic()

    with pytest.raises(CertificateError, match=r"not valid for 'localhost'.*own endpoint name"):
        instance.bootstrap(instance.event(host="localhost"))

    assert time.monotonic() - started < 5.0


class Impostor:
    """A server that shows a certificate of its own choosing, and keeps what it is sent after it."""

    def __init__(self, answer: bytes, tls: ssl.SSLContext | None = None) -> None:
        self._answer = answer
        self._tls = tls
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.asked = b""
        self.received = b""
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listening.accept()
        with connection:
            connection.settimeout(5)
            self.asked = connection.recv(4096)
            connection.sendall(self._answer)
            try:
                if self._tls:
                    connection = self._tls.wrap_socket(connection, server_side=True)
                self.received = connection.recv(4096)
            except OSError:
                return
            finally:
                connection.close()

    def close(self) -> None:
        """Wait until the one connection has ended."""
        self._thread.join()
        self._listening.close()


def impostor_tls(authority: CertificateAuthority, address: str, folder: Path) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate for `address`."""
    issued = authority.issue(address, folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    return context


@pytest.fixture
def refuse(authority: CertificateAuthority) -> Callable[..., Impostor]:
    """Connect to an impostor and return it, once the connection was refused with `error`."""

    def attempt(
        error: type[FunctionError], match: str, answer: bytes, tls: ssl.SSLContext | None = None
    ) -> Impostor:
        impostor = Impostor(answer, tls)
        server = Server(
            host="127.0.0.1", port=impostor.port, certificates=authority.certificate_file
        )
        with pytest.raises(error, match=match):
            connect(server, user="dbmaster", password="canary", database="postgres", timeout=5.0)
        impostor.close()
        return impostor

    return attempt


def test_certificate_for_another_address_is_refused(
    refuse: Callable[..., Impostor], authority: CertificateAuthority, tmp_path: Path
) -> None:
    tls = impostor_tls(authority, "127.0.0.2", tmp_path)
    impostor = refuse(CertificateError, "IP address mismatch", b"S", tls)
    assert (impostor.asked, impostor.received) == (SSL_REQUEST, b"")


def test_certificate_for_the_address_is_taken(
    refuse: Callable[..., Impostor], authority: CertificateAuthority, tmp_path: Path
) -> None:
    """So that the refusals are not due to the impostor, who hangs up after the startup packet."""
    tls = impostor_tls(authority, "127.0.0.1", tmp_path)
    impostor = refuse(UnreachableError, "does not answer", b"S", tls)
    assert b"dbmaster" in impostor.received
    assert b"canary" not in impostor.received


def test_server_without_tls_is_told_nothing(refuse: Callable[..., Impostor]) -> None:
    impostor = refuse(UnreachableError, "Server refuses SSL", b"N")
    assert (impostor.asked, impostor.received) == (SSL_REQUEST, b"")


def test_tls_older_than_1_2_is_refused(
    refuse: Callable[..., Impostor], authority: CertificateAuthority, tmp_path: Path
) -> None:
    tls = impostor_tls(authority, "127.0.0.1", tmp_path)
    tls.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match=r"TLSv1 "):
        tls.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match=r"TLSv1_1 "):
        tls.maximum_version = ssl.TLSVersion.TLSv1_1
    impostor = refuse(UnreachableError, "PROTOCOL_VERSION", b"S", tls)
    assert impostor.received == b""


def test_certificates_that_are_no_certificates(tmp_path: Path) -> None:
    server = Server(host="127.0.0.1", port=1, certificates=tmp_path / "rds-ca.pem")
    with pytest.raises(CertificateError, match=r"rds-ca\.pem cannot be used .* build the package"):
        connect(server, user="dbmaster", password="unused", database="postgres", timeout=5.0)


def test_secret_that_does_not_exist(instance: Instance) -> None:
    missing = f"{instance.secret_arn}x"
    with pytest.raises(SecretError, match=r"cannot be read \(ResourceNotFoundException\): pass"):
        instance.bootstrap(instance.event(masterSecretArn=missing))


def test_secret_of_another_user(instance: Instance) -> None:
    instance.store(instance.password, username="somebody")
    with pytest.raises(SecretError, match="does not hold the password of dbmaster: pass the ARN"):
        instance.bootstrap()


def test_secret_that_is_no_json(instance: Instance) -> None:
    instance.secrets_manager.put_secret_value(
        SecretId=instance.secret_arn, SecretString=instance.password
    )
    with pytest.raises(SecretError, match="is not a JSON object of strings"):
        instance.bootstrap()


def test_secrets_manager_out_of_reach(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(SecretError, match=r"EndpointConnectionError.*NAT gateway or an interface"):
        instance.bootstrap()


def test_log_is_json_with_names_and_without_secrets(
    instance: Instance, capfd: pytest.CaptureFixture[str]
) -> None:
    instance.bootstrap(connect=Before({1: lambda: instance.store(instance.rotate())}))
    instance.bootstrap()

    out = capfd.readouterr().out
    log = [json.loads(line) for line in out.splitlines()]
    first = ["started", "retry", "logged_in", *["done"] * 6, "committed"]
    assert [line["event"] for line in log] == [*first, "started", "logged_in", "committed"]
    assert {line["requestId"] for line in log} == {"c6af9ac6-7b61-11e6-9a41-93e8deadbeef"}
    instance.assert_no_secret(out)
    for path in instance.server_logs:
        said = path.read_text()
        assert "dbmaster" in said
        instance.assert_no_secret(said)
