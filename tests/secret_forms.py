"""What a secret looks like: its own forms, and the shapes that secrets of a kind have.

A form is bytes that only this one secret has; a shape is a pattern that any secret of its kind
meets, also one that nobody knows of. It searches nothing.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from types import MappingProxyType
from urllib.parse import quote

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

SHORTEST = 10
"""Bytes of a form: what is shorter turns up by chance."""
_LINE = 64  # characters of PEM

SHAPES = MappingProxyType(
    {
        "IAM token": re.compile(rb"X-Amz-Signature(?:=|%3D)[0-9a-f]{64}|Signature=[0-9a-f]{64}"),
        "Fernet token": re.compile(rb"(?<![\w+/-])gAAAAAB[\w-]{80,}(?:=|%3D)*"),
        "web token": re.compile(rb"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}"),
        "access key id": re.compile(rb"(?<![A-Z0-9])A[KS]IA[A-Z2-7]{16}(?![A-Z0-9])"),
        "password verifier": re.compile(rb"SCRAM-SHA-256\$\d+:[\w+/=]{20,}\$[\w+/=]{40,}"),
    }
)
"""Shapes that are one run of characters without spaces."""
PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----(?:\s|\\n)+[\w+/=\\\s]{60,4000}")
"""The shape that has spaces in it."""


def text_forms(value: str) -> frozenset[bytes]:
    """A text as it is, in a URL, in JSON, in XML, in hexadecimal digits, and in base64.

    In base64 it is found also as a part of something longer, wherever it begins there.
    """
    raw = value.encode()
    texts = {value, quote(value, safe=""), json.dumps(value)[1:-1], html.escape(value), raw.hex()}
    forms = {*map(str.encode, texts), *_coded(raw)}
    return frozenset(form for form in forms if len(form) >= SHORTEST)


def bytes_forms(value: bytes) -> frozenset[bytes]:
    """Bytes as they are, in hexadecimal digits, and in base64."""
    return frozenset({value, value.hex().encode(), *_coded(value)})


def key_forms(pem: bytes) -> frozenset[bytes]:
    """The number that is secret in a private key, and the lines of its PEM file that hold it."""
    key = serialization.load_pem_private_key(pem, None)
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.private_numbers()
        secrets = [number.to_bytes((number.bit_length() + 7) // 8) for number in
                   (numbers.d, numbers.p, numbers.q)]  # fmt: skip
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        secrets = [key.private_numbers().private_value.to_bytes(key.key_size // 8)]
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        secrets = [key.private_bytes_raw()]
    else:
        raise TypeError(f"{type(key).__name__} is neither RSA, EC nor Ed25519.")
    lines = [line for line in pem.splitlines()[1:-1] if len(line) == _LINE]
    # The first lines begin with what all keys of the kind have; the public part comes last.
    own = lines[8:-1] if isinstance(key, rsa.RSAPrivateKey) else lines[:1]
    return frozenset({*own, *(form for number in secrets for form in bytes_forms(number))})


def _coded(raw: bytes) -> Iterator[bytes]:
    """The characters of base64 that depend on these bytes alone, at each place they may have."""
    for before in range(3):
        code = base64.b64encode(bytes(before) + raw)
        own = code[(before * 8 + 5) // 6 : (before + len(raw)) * 8 // 6]
        yield from (own, own.translate(bytes.maketrans(b"+/", b"-_")))


def joined(forms: Iterable[frozenset[bytes]]) -> frozenset[bytes]:
    """All forms of several values, as those of one secret."""
    return frozenset().union(*forms)
