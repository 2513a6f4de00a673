"""Says which secret it is that has a secret's shape, by who has made it; it tests nothing.

A token is known by its signature, a session by the key that it is encrypted with: no list of those
that there ever were is needed.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import jwt
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from local.account.oidc import AUDIENCE
from tests.environment.searches import Name, Place
from tests.environment.secrets_of_aws import FORMER

if TYPE_CHECKING:
    from tests.environment.secret_values import Holders, Values

UNEXPLAINED = "what nobody of this run has made"
OF_SERVER = ("instances/*/data/*", "*/*.pg_catalog.pg_statistic", "*/*.pg_catalog.pg_stats")
"""Where a server has what its catalog had before; its log is none of it."""
EXAMPLES = {b"AKIAIOSFODNN7EXAMPLE"}
"""Of AWS's documentation, which some tests put into a shell."""
SESSION_ID = Name("access key id of a session", "")
SESSION_KEY = Name("secret access key of a session", "")


class Owners:
    """Knows what has a shape.

    Args:
        holders: who makes secrets.
        values: the secrets that are searched for by their value, which have shapes too.
    """

    def __init__(self, holders: Holders, values: Values) -> None:
        self._holders = holders
        self._known = frozenset().union(*values.values())
        signing = load_pem_private_key(holders.keys["jwt"].encode(), None)
        assert isinstance(signing, Ed25519PrivateKey)
        self._airflow = signing.public_key()
        self.sessions: set[str] = set()
        """The access key ids of sessions that were found."""

    def name_of(self, shape: str, text: bytes, place: Place) -> Name | None:
        """Say which secret it is; see `Search`."""
        if text in EXAMPLES or _is_source(place.where):
            return None
        match shape:
            case "IAM token":
                return Name("IAM token for a database", "")
            case "access key id":
                return self._access_key(text.decode())
            case "Fernet token":
                return self._encrypted(text.replace(b"%3D", b"=").decode())
            case "web token":
                return self._web_token(text.decode())
        # Found by its value already, if it is one of ours.
        known = any(form in text for form in self._known)
        former = shape == "password verifier" and _is_kept_by_server(place.where)
        return None if known else Name(FORMER, "") if former else Name(UNEXPLAINED, shape)

    def session_keys(self) -> list[str]:
        """The secret keys of the sessions that were found."""
        return [self._holders.sessions.secret_key(one) for one in self.sessions]

    def _access_key(self, key_id: str) -> Name:
        for user, (own, _) in self._holders.users.items():
            if own == key_id:
                return Name("access key id of a user", user)
        if key_id.startswith("AKIA"):
            return Name(UNEXPLAINED, "access key id")
        self.sessions.add(key_id)
        return SESSION_ID

    def _encrypted(self, token: str) -> Name:
        try:
            session = json.loads(self._holders.sessions._tokens.decrypt(token))
        except InvalidToken:
            pass
        else:
            return Name("session token of a session", session["role_arn"].rpartition("/")[2])
        try:
            Fernet(self._holders.keys["fernet"]).decrypt(token)
        except InvalidToken:
            return Name(UNEXPLAINED, "Fernet token")
        return Name("value that Airflow has encrypted", "")

    def _web_token(self, token: str) -> Name:
        try:
            claims = self._holders.issuer.verify(token)
        except jwt.InvalidTokenError:
            return self._airflow_token(token)
        service = "AWS" if AUDIENCE in claims["aud"] else "Kubernetes"
        holder = str(claims["sub"]).rpartition(":")[2]
        return Name(f"service account token for {service}", holder)

    def _airflow_token(self, token: str) -> Name:
        try:
            claims = jwt.decode(
                token,
                self._airflow,
                algorithms=["EdDSA"],
                options={"verify_aud": False, "verify_exp": False, "verify_iss": False},
            )
        except jwt.InvalidTokenError:
            return Name(UNEXPLAINED, "web token")
        if "task" in str(claims.get("aud")):
            return Name("token of a task", "")
        return Name("token of a user of the web interface", "")


def _is_kept_by_server(where: str) -> bool:
    return any(fnmatchcase(where, one) for one in OF_SERVER)


def _is_source(where: str) -> bool:
    """Whether it is a file of the sources, which may speak of secrets and show examples."""
    return where.startswith("checkout/") and not where.startswith("checkout/build/")
