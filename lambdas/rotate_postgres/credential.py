"""A login and its password: as clients read them from the secret, and as PostgreSQL keeps them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lambdas.shared.errors import RotationError

if TYPE_CHECKING:
    from lambdas.rotate_postgres.settings import Rotation

# No client has to quote them, in whatever format; 32 of them are 190 bits.
_ALPHABET = string.ascii_letters + string.digits
_LENGTH = 32
# Of PostgreSQL's scram_iterations: what the server itself would take.
ITERATIONS = 4096
_SALT_BYTES = 16


@dataclass(frozen=True, kw_only=True)
class Credential:
    """A login of the pair and its password."""

    username: str
    password: str = field(repr=False)

    @classmethod
    def fresh(cls, username: str) -> Credential:
        """Return one with a password that nobody has seen."""
        password = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
        return cls(username=username, password=password)

    @classmethod
    def read(cls, text: str | None) -> Credential | None:
        """Return what a version of the secret holds, whoever put it; None if that is none."""
        try:
            value = json.loads(text or "")
        except ValueError:
            return None
        held = value if isinstance(value, dict) else {}
        username, password = held.get("username"), held.get("password")
        if not isinstance(username, str) or not isinstance(password, str) or not _plain(password):
            return None
        return cls(username=username, password=password)

    @classmethod
    def written(cls, text: str, rotation: Rotation, label: str) -> Credential:
        """Return what the version with a label holds, put by this function.

        Raises:
            RotationError: somebody else put it, as it is not for the declared server and pair.
        """
        credential = cls.read(text)
        if credential is None:
            raise _foreign(label, "it holds no user name and password")
        if credential.username not in rotation.logins:
            raise _foreign(label, f"its username is none of {', '.join(rotation.logins)}")
        held, declared = json.loads(text), _value(credential, rotation)
        wrong = sorted(
            key for key in {**held, **declared} if held.get(key, "") != declared.get(key, "")
        )
        if wrong:
            raise _foreign(label, f"its {', '.join(wrong)} are not as declared")
        return credential

    def text(self, rotation: Rotation) -> str:
        """Return the secret's value: what RDS, Airflow and clients that want an URI look for."""
        return json.dumps(_value(self, rotation))

    def verifier(self) -> str:
        """Return what PostgreSQL is told instead of the password (RFC 5803), with a new salt."""
        salt = secrets.token_bytes(_SALT_BYTES)
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), salt, ITERATIONS)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        stored = _base64(hashlib.sha256(client_key).digest())
        server = _base64(hmac.digest(salted, b"Server Key", "sha256"))
        return f"SCRAM-SHA-256${ITERATIONS}:{_base64(salt)}${stored}:{server}"


def _plain(password: str) -> bool:
    # What clients make of any other character before they prove it (RFC 4013) differs among them.
    return bool(password) and password.isascii() and password.isprintable()


def _value(credential: Credential, rotation: Rotation) -> dict[str, Any]:
    tls = {"sslmode": "verify-full"}
    user, password, database = (
        quote(part, safe="")
        for part in (credential.username, credential.password, rotation.database)
    )
    uri = f"postgresql://{user}:{password}@{rotation.host}:{rotation.port}/{database}"
    return {
        # As the secrets that RDS itself manages.
        "engine": "postgres",
        "host": rotation.host,
        "port": rotation.port,
        "username": credential.username,
        "password": credential.password,
        "dbname": rotation.database,
        "uri": f"{uri}?sslmode=verify-full",
        # As Airflow's connections. Its backend takes the first key that it has a use for: the ones
        # above must not say anything else.
        "conn_type": "postgres",
        "login": credential.username,
        "schema": rotation.database,
        "extra": {**tls, "sqlalchemy_query": tls},
    }


def _foreign(label: str, why: str) -> RotationError:
    remedy = {"AWSCURRENT": "rotate, which puts one that works"}.get(
        label, f"take the label {label} away from it and rotate again"
    )
    return RotationError(
        f"The version {label} was not put by this function: {why}. Nothing was changed: {remedy}."
    )


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
