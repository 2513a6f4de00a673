"""`make certificates`: the CA bundle of RDS for one region, which `verify-full` checks with.

The bundle is public and the same for everyone. It is shown with its fingerprints, so that it can be
compared, and is meant to be kept beside the settings that name it.
"""

from __future__ import annotations

import http.client
import re
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes

BUNDLE_URL = "https://truststore.pki.rds.amazonaws.com/{region}/{region}-bundle.pem"
"""Where AWS publishes it: "Using SSL/TLS to encrypt a connection", Amazon RDS User Guide."""
TIMEOUT_SECONDS = 30
MOST_BYTES = 1 << 20
"""A region's bundle has about 10 kB; what is far larger is something else."""


_AMAZON_ROOT = re.compile(
    r"^# Subject: CN=Amazon Root CA \d O=Amazon\n(?:#.*\n)*"
    r"(-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----\n)",
    re.MULTILINE,
)


class CertificatesError(Exception):
    """No usable bundle came; the text says why and what to do."""


def fetch(region: str) -> bytes:
    """Return the bundle of a region as AWS serves it.

    Raises:
        CertificatesError: it could not be fetched.
    """
    url = BUNDLE_URL.format(region=region)
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - a constant https URL
            return bytes(answer.read(MOST_BYTES))
    except (OSError, http.client.HTTPException) as error:
        raise CertificatesError(
            f"the CA bundle could not be fetched from {url} ({error}): fetch it where the internet "
            "can be reached and put it where the settings' caBundle says"
        ) from error


def describe(bundle: bytes, now: datetime) -> list[str]:
    """Return one line per certificate: subject, last day, SHA-256 fingerprint.

    Raises:
        CertificatesError: it is no PEM bundle, or a certificate in it is no CA or has expired.
    """
    try:
        certificates = x509.load_pem_x509_certificates(bundle)
    except ValueError as error:
        raise CertificatesError(f"what was fetched is no PEM bundle: {error}") from error
    lines = []
    for certificate in certificates:
        subject = certificate.subject.rfc4514_string()
        if not _is_authority(certificate) or certificate.not_valid_after_utc < now:
            raise CertificatesError(
                f"the certificate {subject!r} is no valid CA: keep the old bundle"
            )
        fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
        lines.append(f"{subject}  until {certificate.not_valid_after_utc:%Y-%m-%d}  {fingerprint}")
    return lines


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def proxy_roots() -> bytes:
    """Return the roots that certificates of RDS Proxy go back to: Amazon's public ones, PEM.

    They are not in the bundles of RDS, whose own authorities are private.
    """
    text = Path(certifi.where()).read_text(encoding="utf-8")
    return "".join(_AMAZON_ROOT.findall(text)).encode()


def install(region: str, path: Path, *, proxy: bool) -> list[str]:
    """Fetch the bundle of a region, check it, write it to `path`; return its description.

    Args:
        region: the region of the instances.
        path: the file to write.
        proxy: whether clients reach the database through RDS Proxy too.

    Raises:
        CertificatesError: it could not be fetched, or is no usable bundle.
    """
    bundle = fetch(region) + (proxy_roots() if proxy else b"")
    lines = describe(bundle, datetime.now(UTC))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bundle)
    return lines
