"""The tunnel's pod as a process of this machine, and the CA bundle that a stack needs."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from local import certificates, tunnel
from local.deploy.socks import Forwarder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.login import Access
    from tests.environment.checkout import Checkout

MIB = 1 << 20
NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def proxy() -> Iterator[tuple[psutil.Popen, str]]:
    """The container's command with nothing but Python, at any free port; and its address."""
    (container,) = tunnel.manifest("default", "pod")["spec"]["containers"]
    program, *arguments, port = container["command"]
    assert (program, port) == ("python", str(tunnel.PORT))
    command = [sys.executable, "-I", "-S", *arguments, "0"]
    with psutil.Popen(command, stdout=subprocess.PIPE, text=True, env={}) as process:
        try:
            yield process, process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def test_a_database_is_reached_through_the_pods_command(
    proxy: tuple[psutil.Popen, str], access: Access, environment: Checkout
) -> None:
    """Under its real name: with the token and the certificate for it."""
    process, listening = proxy
    login, instance = access.login("billing"), access.instance("application")
    forwarder = Forwarder(f"socks5://{listening}", instance.host, instance.port)

    given = environment.libpq(instance, login.user, access.token(login, instance))

    with psycopg.connect(
        **{**given, "hostaddr": forwarder.address, "port": forwarder.port}
    ) as session:
        assert session.execute("SELECT session_user::text").fetchone() == ("local_billing",)
        memory = process.memory_info().rss
    forwarder.close()

    assert process.stdout.readline() == f"connect {instance.host}:{instance.port}\n"
    (container,) = tunnel.manifest("default", "pod")["spec"]["containers"]
    assert container["resources"]["limits"] == {"memory": "64Mi"}
    assert memory < 48 * MIB


def test_the_pod_meets_pod_security_restricted() -> None:
    """What https://kubernetes.io/docs/concepts/security/pod-security-standards asks for."""
    spec = tunnel.manifest("default", "pod")["spec"]
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert not {"volumes", "hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    assert spec["automountServiceAccountToken"] is False
    assert spec["activeDeadlineSeconds"] == tunnel.LIFETIME_SECONDS


def certificate(name: str, *, authority: bool | None, days: int = 10) -> bytes:
    """A certificate, PEM, that is valid from the day before `NOW` for so many days."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    begin = NOW - timedelta(days=1)
    builder = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days))
    )
    if authority is not None:
        constraints = x509.BasicConstraints(ca=authority, path_length=None)
        builder = builder.add_extension(constraints, critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_a_bundle_is_described_by_certificate() -> None:
    bundle = certificate("one", authority=True) + certificate("two", authority=True, days=99)

    one, two = certificates.describe(bundle, NOW)

    fingerprint = x509.load_pem_x509_certificates(bundle)[0].fingerprint(hashes.SHA256()).hex()
    assert one == f"CN=one  until 2026-12-01  {fingerprint}"
    assert two.startswith("CN=two  until 2027-02-28  ")


@pytest.mark.parametrize(
    ("bundle", "sentence"),
    [
        (b"", "what was fetched is no PEM bundle"),
        (b"<html>Sign in to the guest network</html>", "what was fetched is no PEM bundle"),
        (certificate("old", authority=True, days=0), "'CN=old' is no valid CA: keep the old"),
        (certificate("leaf", authority=False), "'CN=leaf' is no valid CA: keep the old bundle"),
        (certificate("bare", authority=None), "'CN=bare' is no valid CA: keep the old bundle"),
        (
            certificate("one", authority=True) + certificate("leaf", authority=False),
            "'CN=leaf' is no valid CA",
        ),
    ],
    ids=["empty", "no-pem", "expired", "leaf", "unconstrained", "one-of-two"],
)
def test_what_is_no_bundle_of_authorities(bundle: bytes, sentence: str) -> None:
    with pytest.raises(certificates.CertificatesError, match=sentence):
        certificates.describe(bundle, NOW)


def test_the_roots_of_rds_proxy_are_amazons_public_ones() -> None:
    described = certificates.describe(certificates.proxy_roots(), NOW)

    names = [line.split(",")[0] for line in described]
    assert names == [f"CN=Amazon Root CA {number}" for number in (1, 2, 3, 4)]
