"""The server's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, 7677) for one login attempt.

It works on verifiers as PostgreSQL stores them; it never sees a password. md5 verifiers count as
no password: RDS has stopped offering them too.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from local.account.postgres.protocol import (
    INVALID_AUTHORIZATION,
    PROTOCOL_VIOLATION,
    Refused,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

PLAIN, PLUS = "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"
BINDING_TYPE = "tls-server-end-point"
# Unknown users get a salt too, the same at each attempt, so that asking does not tell them apart.
_MOCK_KEY = os.urandom(32)
_MOCK_ITERATIONS = "4096"  # PostgreSQL's default scram_iterations


class Scram:
    """One exchange: `mechanisms`, then `first`, then `final`.

    Args:
        verifier: `SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>`, or None when the
            user or its password does not exist: the exchange then plays on and fails at its end.
        user: the login, for the salt of a user who does not exist.
        binding: the hash of the server's certificate; None without TLS.
    """

    def __init__(self, verifier: str | None, user: str, binding: bytes | None) -> None:
        self._binding = binding
        self._bare = self._reply = self._nonce = ""
        self._header = b""
        self._iterations, self._salt, self._stored_key, self._server_key = _parse_verifier(
            verifier or ""
        ) or (
            _MOCK_ITERATIONS,
            _encode(_mac(_MOCK_KEY, user.encode())[:16]),
            os.urandom(32),  # nobody can prove to know this
            os.urandom(32),
        )

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """What is offered, the preferred one first; channel binding needs TLS."""
        return (PLUS, PLAIN) if self._binding else (PLAIN,)

    def first(self, mechanism: str, data: bytes) -> bytes:
        """Take the client's first message, give the server's.

        Raises:
            Refused: it is malformed, or the offer was tampered with on its way.
        """
        try:
            flag, identity, self._bare = data.decode().split(",", 2)
            nonce = _attributes(self._bare)["r"]
        except (ValueError, KeyError) as cause:
            raise _malformed(cause) from cause
        if mechanism not in self.mechanisms:
            raise Refused(
                PROTOCOL_VIOLATION, "client selected an invalid SASL authentication mechanism"
            )
        bound = mechanism == PLUS
        if bound != (flag == f"p={BINDING_TYPE}") or (not bound and flag not in {"n", "y"}):
            raise _malformed("channel binding and mechanism contradict each other")
        if flag == "y" and self._binding:  # the client was told that binding is not on offer
            raise Refused(INVALID_AUTHORIZATION, "SCRAM channel binding negotiation error")
        self._header = f"{flag},{identity},".encode() + (self._binding or b"" if bound else b"")
        self._nonce = nonce + _encode(secrets.token_bytes(18))
        self._reply = f"r={self._nonce},s={self._salt},i={self._iterations}"
        return self._reply.encode()

    def final(self, data: bytes) -> bytes | None:
        """Take the client's proof; give the server's signature, or None when the proof is wrong.

        Raises:
            Refused: it is malformed.
        """
        try:
            unproven, proof = data.decode().rsplit(",p=", 1)
            attributes = _attributes(unproven)
            channel, nonce = base64.b64decode(attributes["c"]), attributes["r"]
            proof_bytes = base64.b64decode(proof, validate=True)
        except (ValueError, KeyError) as cause:
            raise _malformed(cause) from cause
        exchange = f"{self._bare},{self._reply},{unproven}".encode()
        signature = _mac(self._stored_key, exchange)
        if len(proof_bytes) != len(signature):
            raise _malformed("the proof has the wrong length")
        client_key = bytes(a ^ b for a, b in zip(proof_bytes, signature, strict=True))
        proven = hmac.compare_digest(hashlib.sha256(client_key).digest(), self._stored_key)
        if not (proven and nonce == self._nonce and channel == self._header):
            return None
        return f"v={_encode(_mac(self._server_key, exchange))}".encode()


def end_point_binding(certificate: bytes) -> bytes:
    """The `tls-server-end-point` binding (RFC 5929) of a PEM certificate signed with SHA-256.

    The account's own authority signs with nothing else; RFC 5929 takes the signature's hash.
    """
    return x509.load_pem_x509_certificate(certificate).fingerprint(hashes.SHA256())


def _parse_verifier(verifier: str) -> tuple[str, str, bytes, bytes] | None:
    try:
        algorithm, parameters, keys = verifier.split("$")
        iterations, salt = parameters.split(":")
        stored_key, server_key = (base64.b64decode(key) for key in keys.split(":"))
    except (ValueError, binascii.Error):
        return None
    return (iterations, salt, stored_key, server_key) if algorithm == PLAIN else None


def _attributes(text: str) -> Mapping[str, str]:
    return dict(part.split("=", 1) for part in text.split(","))


def _malformed(cause: object) -> Refused:
    return Refused(
        PROTOCOL_VIOLATION, "malformed SCRAM message", f"malformed SCRAM message: {cause}"
    )


def _mac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")


def _encode(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
