"""Reads `Pulumi.yaml` and `Pulumi.<stack>.yaml` the way the CLI hands them to a program.

`secure:` values are decrypted when they come from the passphrase provider; other providers need the
CLI, which is said. The files are never written.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from local.deploy.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# sdk/go/common/util/... symmetric crypter of Pulumi: PBKDF2-SHA256, this many rounds, AES-256-GCM.
PASSPHRASE_ROUNDS = 1_000_000
KEY_BYTES = 32
PASSPHRASE = "PULUMI_CONFIG_PASSPHRASE"  # noqa: S105 - the name of a variable
PASSPHRASE_FILE = "PULUMI_CONFIG_PASSPHRASE_FILE"  # noqa: S105 - the name of a variable


class StackFileError(DeployError):
    """A project or stack file cannot be used; the text says which, why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class StackFile:
    """One stack of one project, as text values by `namespace:key`."""

    project: str
    stack: str
    config: Mapping[str, str] = field(repr=False)
    """Objects are JSON. Not in `repr`: a decrypted secret may be among them."""
    secret_keys: tuple[str, ...]


class _Loader(yaml.SafeLoader):
    """YAML 1.2 as Pulumi reads it: no dates, no `yes`, no base-60 numbers."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - the form of the base class


for _type, _form in {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?[0-9]+",
    "float": r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?",
}.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_type}", re.compile(f"^(?:{_form})$"), None)


def load(root: Path, stack: str) -> StackFile:
    """Read the files of the project at `root`.

    Raises:
        StackFileError: a file is missing, is no YAML, or holds what cannot be decrypted.
    """
    project = _read(root / "Pulumi.yaml").get("name")
    if not isinstance(project, str):
        raise StackFileError("Pulumi.yaml has no `name`: give the project one")
    path = root / f"Pulumi.{stack}.yaml"
    document = _read(path)
    config: dict[str, str] = {}
    secret_keys: list[str] = []
    for name, value in (document.get("config") or {}).items():
        key = name if ":" in name else f"{project}:{name}"
        if isinstance(value, dict) and set(value) == {"secure"}:
            config[key] = _decrypt(document, value["secure"], f"{key} in {path.name}")
            secret_keys.append(key)
        else:
            config[key] = _text(value)
    return StackFile(project=project, stack=stack, config=config, secret_keys=tuple(secret_keys))


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    except FileNotFoundError as error:
        names = sorted(p.name.split(".")[1] for p in path.parent.glob("Pulumi.*.yaml"))
        known = ", ".join(names) or "none"
        raise StackFileError(
            f"{path.name} is not in {path.parent}; stacks with a file there: {known}"
        ) from error
    except yaml.YAMLError as error:
        raise StackFileError(f"{path.name} is no YAML: {error}") from error
    if not isinstance(document, dict):
        raise StackFileError(
            f"{path.name} holds no keys: write `config:` and the settings below it"
        )
    return document


def _text(value: object) -> str:
    """Scalars as YAML wrote them, the rest as JSON: the CLI hands over nothing but text."""
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), default=str)


def _decrypt(document: Mapping[str, Any], text: str, where: str) -> str:
    salt = document.get("encryptionsalt")
    if not isinstance(salt, str):
        raise StackFileError(
            f"{where} is encrypted by {document.get('secretsprovider', 'a provider')}, "
            "which needs the Pulumi CLI: use ENGINE=pulumi, or a stack of the passphrase provider"
        )
    try:
        # The salt is the second part of "v1:<salt>:<check>"; a value is "v1:<nonce>:<body>".
        key = _key(base64.b64decode(salt.split(":")[1]), where)
        _, nonce, body = text.split(":")
        value = AESGCM(key).decrypt(base64.b64decode(nonce), base64.b64decode(body), None)
    except (InvalidTag, ValueError, IndexError, binascii.Error) as error:
        raise StackFileError(f"{where} cannot be decrypted: is {PASSPHRASE} right?") from error
    return value.decode()


def _key(salt: bytes, where: str) -> bytes:
    passphrase = os.environ.get(PASSPHRASE)
    if passphrase is None and PASSPHRASE_FILE in os.environ:
        with open(os.environ[PASSPHRASE_FILE], encoding="utf-8") as file:  # noqa: PTH123 - any path
            passphrase = file.read().strip()
    if passphrase is None:
        raise StackFileError(f"{where} is encrypted: set {PASSPHRASE}")
    return hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, PASSPHRASE_ROUNDS, KEY_BYTES)
