"""The authority's certificates are what strict clients take, and nothing else is."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from local.account.tls import CertificateAuthority

if TYPE_CHECKING:
    from pathlib import Path


def handshake(authority: Path, server: CertificateAuthority, folder: Path, address: str) -> None:
    """A strict client meets a server with a certificate for 127.0.0.1."""
    issued = server.issue("127.0.0.1", folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    strict = ssl.create_default_context(cafile=str(authority))
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            accepted, _ = listening.accept()
            try:
                context.wrap_socket(accepted, server_side=True).close()
            except (ssl.SSLError, OSError):
                accepted.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with (
                socket.create_connection(listening.getsockname()) as client,
                strict.wrap_socket(client, server_hostname=address),
            ):
                pass
        finally:
            thread.join()


def test_strict_client(tmp_path: Path) -> None:
    authority = CertificateAuthority.open(tmp_path / "ca")

    handshake(authority.certificate_file, authority, tmp_path, "127.0.0.1")


def test_another_address(tmp_path: Path) -> None:
    authority = CertificateAuthority.open(tmp_path / "ca")

    with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
        handshake(authority.certificate_file, authority, tmp_path, "127.0.0.2")


def test_another_authority(tmp_path: Path) -> None:
    authority = CertificateAuthority.open(tmp_path / "ca")
    stranger = CertificateAuthority.open(tmp_path / "stranger")

    with pytest.raises(ssl.SSLCertVerificationError, match="certificate verify failed"):
        handshake(stranger.certificate_file, authority, tmp_path, "127.0.0.1")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on PATH")
def test_openssl_takes_the_chain(tmp_path: Path) -> None:
    authority = CertificateAuthority.open(tmp_path / "ca")
    issued = authority.issue("127.0.0.1", tmp_path)

    result = subprocess.run(
        [
            "openssl",
            "verify",
            "-x509_strict",
            "-purpose",
            "sslserver",
            "-verify_ip",
            "127.0.0.1",
            "-CAfile",
            authority.certificate_file,
            issued.certificate,
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr


def test_shape(tmp_path: Path) -> None:
    authority = CertificateAuthority.open(tmp_path / "ca")
    issued = authority.issue("127.1.2.3", tmp_path)
    root = x509.load_pem_x509_certificate(authority.certificate_file.read_bytes())
    server = x509.load_pem_x509_certificate(issued.certificate.read_bytes())

    basic = root.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
    assert not server.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["127.1.2.3"]
    usage = server.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    server.verify_directly_issued_by(root)


def test_keys_are_private(tmp_path: Path) -> None:
    authority = CertificateAuthority.open(tmp_path / "ca")
    issued = authority.issue("127.0.0.1", tmp_path)

    for key in (tmp_path / "ca" / "ca-key.pem", issued.key):
        assert key.stat().st_mode & 0o777 == 0o600
        assert b"PRIVATE KEY" not in issued.certificate.read_bytes()


def test_opened_again(tmp_path: Path) -> None:
    before = CertificateAuthority.open(tmp_path).certificate_file.read_bytes()

    assert CertificateAuthority.open(tmp_path).certificate_file.read_bytes() == before


def test_no_server_outlives_its_authority(tmp_path: Path) -> None:
    """A CA with little time left is replaced before a server's certificate could outlive it."""
    began = datetime.now(UTC)
    authority = CertificateAuthority.open(tmp_path)
    before = authority.certificate_file.read_bytes()
    ends = x509.load_pem_x509_certificate(before).not_valid_after_utc

    assert CertificateAuthority.open(tmp_path, now=ends - timedelta(days=401))
    assert authority.certificate_file.read_bytes() == before
    assert CertificateAuthority.open(tmp_path, now=ends - timedelta(days=399))
    assert authority.certificate_file.read_bytes() != before
    issued = CertificateAuthority.open(tmp_path).issue("127.0.0.1", tmp_path)
    server = x509.load_pem_x509_certificate(issued.certificate.read_bytes())
    assert server.not_valid_after_utc - began < timedelta(days=366)


@pytest.mark.parametrize("damaged", ["ca.pem", "ca-key.pem"])
@pytest.mark.parametrize("content", [None, b"", b"nonsense"])
def test_damaged_pair_is_replaced(tmp_path: Path, damaged: str, content: bytes | None) -> None:
    CertificateAuthority.open(tmp_path / "ca")
    file = tmp_path / "ca" / damaged
    file.unlink()
    if content is not None:
        file.write_bytes(content)

    authority = CertificateAuthority.open(tmp_path / "ca")

    handshake(authority.certificate_file, authority, tmp_path, "127.0.0.1")


def test_key_of_another_pair_is_replaced(tmp_path: Path) -> None:
    CertificateAuthority.open(tmp_path / "ca")
    CertificateAuthority.open(tmp_path / "other")
    (tmp_path / "ca" / "ca-key.pem").write_bytes((tmp_path / "other" / "ca-key.pem").read_bytes())

    authority = CertificateAuthority.open(tmp_path / "ca")

    handshake(authority.certificate_file, authority, tmp_path, "127.0.0.1")


def test_not_an_address(tmp_path: Path) -> None:
    authority = CertificateAuthority.open(tmp_path)

    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 address"):
        authority.issue("localhost", tmp_path)
