"""The first values of Airflow's keys, as Airflow wants them; each call makes another one."""

from __future__ import annotations

import base64
import secrets
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FERNET_BYTES = 32  # the Fernet specification: 128 bits to sign, 128 bits to encrypt
_JWT_BYTES = 64  # HS512, Airflow's default algorithm: a key as long as its hash (RFC 7518, 3.2)
_API_BYTES = 32


def _fernet() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(_FERNET_BYTES)).decode()


KINDS: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "fernet": _fernet,
        "jwt": lambda: secrets.token_urlsafe(_JWT_BYTES),
        "api": lambda: secrets.token_urlsafe(_API_BYTES),
    }
)
"""Kind of key to what makes one; Airflow's own names are `[core] fernet_key`,
`[api_auth] jwt_secret` and `[api] secret_key`."""
