"""The rule that no secret is written where anybody reads it.

It knows secrets by their shape, or by the name of what holds them, in whatever a resource has;
values that are not yet known come from a provider, and are left to the rules for where they go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies.resources import Resource
from policies.rule import Config, Severity, rule
from policies.values import is_unknown, leaves

# What it is, a text that each has (a search for it is cheap), and its shape.
_SHAPES: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    ("a private key", "PRIVATE KEY", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("an AWS access key", "AKIA", re.compile(r"\bAKIA[A-Z0-9]{16}\b")),
    ("a temporary AWS access key", "ASIA", re.compile(r"\bASIA[A-Z0-9]{16}\b")),
    ("a SCRAM verifier", "SCRAM-SHA-256$", re.compile(r"SCRAM-SHA-256\$\d+:[\w+/=]+\$")),
    ("an MD5 password", "md5", re.compile(r"\bmd5[0-9a-f]{32}\b")),
    (
        "a URI with a password",
        "://",
        re.compile(r"\b[a-z][a-z0-9+.-]*://[^/\s:@\"']*:[^/\s@\"']+@"),
    ),
    ("a JSON Web Token", "eyJ", re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}")),
    ("a password", '"password"', re.compile(r'"password"\s*:\s*"[^"]')),
)
_HOLDERS = re.compile(
    r"(.*[a-z_-])?(password|passwd|pgpassword|secret_?(access_?)?key|api_?key|auth_?token"
    r"|private_?key|fernet_?key)(wo)?",
    re.IGNORECASE,
)


@rule(
    "secret-not-in-plain",
    of=(),
    severity=Severity.CRITICAL,
    says="No property of any resource is a secret: none that looks like one, none called so.",
    mend="Let AWS make it (a managed password, a function that puts a secret's value), or let who "
    "needs it log in by IAM. It has been read: give whoever it belongs to a new one.",
    controls=("FSBP ECS.8", "CKV_AWS_45", "CIS Kubernetes 5.4.1"),
)
def secret_not_in_plain(resource: Resource, _config: Config) -> Iterator[str]:
    """The sentence never has the value. What is not yet known is no literal."""
    for path, what in _found(resource):
        yield f"{path} is {what}: state, previews and logs have it too"


def _found(resource: Resource) -> Iterator[tuple[str, str]]:
    for path, value in leaves(dict(resource.properties)):
        if not isinstance(value, str) or not value or is_unknown(value):
            continue
        if what := _shape(value) or _held(path):
            yield path, what


def _shape(text: str) -> str:
    for what, part, shape in _SHAPES:
        if part in text and shape.search(text):
            return what
    return ""


def _held(path: str) -> str:
    key = path.rpartition(".")[2]
    return f"a literal in {key}" if _HOLDERS.fullmatch(key) else ""
