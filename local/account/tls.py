"""The certificate authority of this machine's account: one CA, and its servers' certificates.

It stands in for RDS's CA bundle. It does no revocation and no intermediates: clients name it
explicitly (`sslrootcert`), and it is never meant for a system's trust store.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from pathlib import Path

AUTHORITY_LIFETIME = dt.timedelta(days=5 * 365)
SERVER_LIFETIME = dt.timedelta(days=365)
# Longer than a server's certificate lives, so that none outlives the CA that signed it.
RENEW_BEFORE = dt.timedelta(days=400)
# Clients whose clock is a little behind take a fresh certificate too.
BACKDATE = dt.timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class ServerCertificate:
    """A server's certificate and its key, PEM files; the key is readable by its owner only."""

    certificate: Path
    key: Path


class CertificateAuthority:
    """A CA whose certificate clients trust and whose key stays in a file with mode 0600.

    Attributes:
        certificate_file: the CA's certificate, PEM: what clients pass as `sslrootcert`.
    """

    def __init__(
        self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, folder: Path
    ) -> None:
        self._certificate = certificate
        self._key = key
        self.certificate_file = folder / "ca.pem"

    @classmethod
    def open(cls, folder: Path, *, now: dt.datetime | None = None) -> Self:
        """Load the CA that lies in `folder`, or make one when there is none or it ends too soon.

        A renewed CA has a new key: clients have to read `ca.pem` again.

        Args:
            folder: holds `ca.pem` and `ca-key.pem`; made when missing.
            now: the moment to judge by; the present one when left out.
        """
        now = now or dt.datetime.now(dt.UTC)
        pair = _load(folder)
        if pair is None or pair[0].not_valid_after_utc - now < RENEW_BEFORE:
            pair = _create_authority(now)
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            _write(folder / "ca-key.pem", _private_pem(pair[1]), mode=0o600)
            _write(folder / "ca.pem", _public_pem(pair[0]), mode=0o644)
        return cls(*pair, folder)

    def issue(self, address: str, folder: Path) -> ServerCertificate:
        """Issue a certificate for a server at the IP `address`, good for `verify-full`.

        Args:
            address: an IP address; it becomes the certificate's only subject alternative name.
            folder: gets `server.pem` and `server-key.pem`; it has to exist.

        Raises:
            ValueError: `address` is no IP address.
        """
        now = dt.datetime.now(dt.UTC)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(address, self._certificate.subject, key.public_key(), now, SERVER_LIFETIME)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]),
                critical=False,
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        issued = ServerCertificate(certificate=folder / "server.pem", key=folder / "server-key.pem")
        _write(issued.key, _private_pem(key), mode=0o600)
        _write(issued.certificate, _public_pem(certificate), mode=0o644)
        return issued


def certificate_of_nobody() -> bytes:
    """The certificate, PEM, of a CA whose key is thrown away: it is good for no server."""
    certificate, _ = _create_authority(dt.datetime.now(dt.UTC))
    return _public_pem(certificate)


def _load(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
    """Read the pair; None when it is missing, unreadable as such, or not a pair."""
    try:
        certificate = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
        key = serialization.load_pem_private_key((folder / "ca-key.pem").read_bytes(), None)
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        return None
    return (certificate, key) if certificate.public_key() == key.public_key() else None


def _create_authority(
    now: dt.datetime,
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        # The number tells apart CAs of several checkouts and of several years.
        [x509.NameAttribute(NameOID.COMMON_NAME, f"Local RDS root CA {secrets.token_hex(4)}")]
    )
    certificate = (
        _builder(None, name, key.public_key(), now, AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def _builder(
    subject: str | None,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    now: dt.datetime,
    lifetime: dt.timedelta,
) -> x509.CertificateBuilder:
    """What a CA's and a server's certificate have in common; no subject means the issuer's."""
    common_name = subject and x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    return (
        x509.CertificateBuilder()
        .subject_name(common_name or issuer)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _public_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write(path: Path, content: bytes, *, mode: int) -> None:
    """Replace the file in one step; at no moment is it readable by more than `mode` says."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    partial.replace(path)
