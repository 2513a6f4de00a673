"""New keys, as Airflow wants them; each call makes another one.

An Ed25519 key is 32 random bytes (RFC 8032, 5.1.5), so no library is needed to make one. What
belongs to it in public is worked out where Airflow runs.
"""

from __future__ import annotations

import base64
import secrets
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FERNET_BYTES = 32  # the Fernet specification: 128 bits to sign, 128 bits to encrypt
_ED25519_BYTES = 32
_API_BYTES = 32
# What DER has before the key itself: PKCS #8, version 0, algorithm 1.3.101.112 (RFC 8410, 7).
_ED25519_DER = bytes.fromhex("302e020100300506032b657004220420")


def _fernet() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(_FERNET_BYTES)).decode()


def _ed25519() -> str:
    der = base64.b64encode(_ED25519_DER + secrets.token_bytes(_ED25519_BYTES)).decode()
    return f"-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n"


KINDS: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "fernet": _fernet,
        "jwt": _ed25519,
        "api": lambda: secrets.token_urlsafe(_API_BYTES),
    }
)
"""Kind of key to what makes one; Airflow's own names are `[core] fernet_key`,
`[api_auth] jwt_private_key_path` and `[api] secret_key`."""
