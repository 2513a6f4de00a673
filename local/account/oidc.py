"""The OIDC issuer of the EKS cluster: mints service account tokens and knows its own again.

It stands in for the cluster's control plane; AWS never sees its key, only what it signed.
"""

from __future__ import annotations

import json
import secrets
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local.account.files import write_private

AUDIENCE = "sts.amazonaws.com"
# EKS's pod identity webhook asks for tokens that live a day.
LIFETIME_SECONDS = 86_400


class Issuer:
    """Signs tokens with the key in `folder`, made there when missing.

    Attributes:
        url: the issuer as the cluster and the tokens name it.

    Args:
        folder: holds `oidc.json`, readable by its owner only.
        region: the cluster's region, part of the URL of a new issuer.
        clock: seconds since 1970.
    """

    def __init__(self, folder: Path, region: str, clock: Callable[[], float] = time.time) -> None:
        file = folder / "oidc.json"
        if not file.exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_private(file, json.dumps(_new(region)).encode())
        content = json.loads(file.read_bytes())
        # Its primes would be tried each time, which takes longer than the login that needs a token.
        key = serialization.load_pem_private_key(
            content["key"].encode(), None, unsafe_skip_rsa_key_validation=True
        )
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError(f"{file} holds a key that is not RSA: remove the file.")
        self._key = key
        self._key_id = str(content["kid"])
        self.url = str(content["url"])
        self._clock = clock

    @property
    def host_path(self) -> str:
        """The URL without its scheme, as IAM names the provider and prefixes its condition keys."""
        return self.url.removeprefix("https://")

    def mint(
        self,
        namespace: str,
        service_account: str,
        audience: str = AUDIENCE,
        lifetime: int = LIFETIME_SECONDS,
    ) -> str:
        """Make the token that a pod of this service account finds in its projected volume.

        Args:
            namespace: the pod's namespace.
            service_account: the pod's service account.
            audience: whom the token is for.
            lifetime: seconds until it expires.
        """
        now = int(self._clock())
        claims = {
            "aud": [audience],
            "exp": now + lifetime,
            "iat": now,
            "nbf": now,
            "iss": self.url,
            "jti": str(uuid.uuid4()),
            "kubernetes.io": {
                "namespace": namespace,
                "serviceaccount": {"name": service_account},
            },
            "sub": f"system:serviceaccount:{namespace}:{service_account}",
        }
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self._key_id})

    def verify(self, token: str) -> dict[str, Any]:
        """Check a token's signature and return its claims; times and audience are not checked.

        Raises:
            jwt.InvalidTokenError: it is not signed by this issuer, or lacks a claim.
        """
        return jwt.decode(
            token,
            self._key.public_key(),
            algorithms=["RS256"],
            issuer=self.url,
            options={
                "require": ["aud", "exp", "iat", "iss", "sub"],
                "verify_aud": False,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )


def _new(region: str) -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "url": f"https://oidc.eks.{region}.amazonaws.com/id/{secrets.token_hex(16).upper()}",
        "kid": secrets.token_hex(20),
        "key": pem.decode(),
    }
