"""Who calls the Kubernetes API: a service account by its token, or the administrator by theirs.

Client certificates and anonymous requests are not served, as on no cluster of ours.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt

from local.account.files import write_private
from local.account.oidc import Issuer
from local.cluster.declared import Objects, service_account_exists
from local.cluster.errors import UnauthorizedError

AUDIENCE = "https://kubernetes.default.svc"
"""Whom a service account token for the API of the cluster is for."""
MASTERS = "system:masters"
"""The group that may do everything."""

_PREFIX = "system:serviceaccount:"


@dataclass(frozen=True)
class User:
    """A caller, as role bindings name them."""

    name: str
    groups: tuple[str, ...]


class Authenticator:
    """Knows the tokens of service accounts that exist, and the administrator's.

    Args:
        issuer: signs the cluster's tokens.
        objects: what is declared; a token dies with its service account.
        admin_token: the administrator's; only its hash is kept.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        issuer: Issuer,
        objects: Objects,
        admin_token: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._issuer = issuer
        self._objects = objects
        self._admin = hashlib.sha256(admin_token.encode()).digest()
        self._clock = clock

    def authenticate(self, authorization: str) -> User:
        """Tell who sent the header `Authorization`.

        Raises:
            UnauthorizedError: nobody; the answer does not say why, as Kubernetes' does not.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer" and token:
            if hmac.compare_digest(hashlib.sha256(token.encode()).digest(), self._admin):
                return User("kubernetes-admin", (MASTERS, "system:authenticated"))
            if user := self._service_account(token):
                return user
        raise UnauthorizedError("Unauthorized")

    def _service_account(self, token: str) -> User | None:
        try:
            claims = self._issuer.verify(token)
        except jwt.InvalidTokenError:
            return None
        if not self._is_valid(claims):
            return None
        namespace, _, name = str(claims["sub"]).removeprefix(_PREFIX).partition(":")
        if not service_account_exists(self._objects, namespace, name):
            return None
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
        return User(f"{_PREFIX}{namespace}:{name}", (*groups, "system:authenticated"))

    def _is_valid(self, claims: Mapping[str, Any]) -> bool:
        """For us and for now: a pod's token for AWS has the same signature."""
        audience = claims["aud"]
        audiences = [audience] if isinstance(audience, str) else audience
        now = self._clock()
        return (
            AUDIENCE in audiences
            and claims.get("nbf", claims["iat"]) <= now < claims["exp"]
            and str(claims["sub"]).startswith(_PREFIX)
        )


def admin_token(file: Path) -> str:
    """Read the administrator's token; a file with a new one is made when there is none.

    Whoever can read the file may do everything in the cluster.
    """
    if not file.exists():
        write_private(file, secrets.token_urlsafe(32).encode())
    return file.read_text("utf-8").strip()
