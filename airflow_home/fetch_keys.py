"""Reads keys of Airflow from Secrets Manager into files: the init container of Airflow's own pods.

    python fetch_keys.py --folder /run/airflow/keys fernet=airflow/prod/keys/fernet ...

With the pod's own IAM role, into a folder in memory, readable for the pod's user alone. Airflow
reads the files by `..._CMD` settings, and by the `airflow.cfg` that is written beside a jwt key; so
a key is in no variable, and in no process' environment. It makes no keys, and prints none.

A secret holds one key, or while that is rotated an object of several; see `_keys`.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

# Seconds, and tries. The pod is started again and again anyhow.
_AWS = Config(
    connect_timeout=5, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 5}
)
_READABLE_BY_OWNER = 0o400
_PEM = "-----BEGIN"
# What Airflow writes into tokens that it signs with a `jwt_secret`.
_SYMMETRIC_KEY_ID = "not-used"


class KeyFetchError(Exception):
    """A key is not there; the text says which, and why."""


class KeyKindError(ValueError):
    """A private key is of a kind that nobody gave it."""


def fetch(client: Any, folder: Path, secrets: dict[str, str]) -> None:  # noqa: ANN401 - boto3 has no types
    """Write the keys of each secret into files; what is there already is replaced.

    Args:
        client: a Secrets Manager client.
        folder: where the files go.
        secrets: file names, and the secrets' names.

    Raises:
        KeyFetchError: a secret cannot be read, or has no value that Airflow could use.
    """
    for name, secret in secrets.items():
        try:
            value = client.get_secret_value(SecretId=secret).get("SecretString")
        except (BotoCoreError, ClientError) as error:
            raise KeyFetchError(f"The key {name} cannot be read from {secret}: {error}") from None
        if not value:
            raise KeyFetchError(
                f"The key {name} has no value in {secret}: deploy the environment again, so that "
                "it gets one."
            )
        try:
            files = _files(name, _keys(value), folder)
        except ValueError:
            raise KeyFetchError(
                f"The key {name} in {secret} is none that Airflow could use: move AWSCURRENT to "
                "the version before."
            ) from None
        for file, content in files.items():
            _write(folder / file, content)


def _keys(value: str) -> list[str]:
    """The keys that a value holds, the one in use first and the others from the newest on.

    Several are `{"keys": [oldest, ..., newest], "use": n}`; any other text is a key itself.
    """
    try:
        content = json.loads(value)
    except ValueError:
        return [value]
    if not isinstance(content, dict) or content.keys() != {"keys", "use"}:
        return [value]
    keys, use = [str(key) for key in content["keys"]], int(content["use"])
    return [keys[use], *reversed(keys[:use] + keys[use + 1 :])]


def _files(name: str, keys: list[str], folder: Path) -> dict[str, str]:
    """The files that Airflow is given of a secret's keys."""
    if name == "fernet":
        return {name: ",".join(keys)}
    if name == "jwt":
        return _jwt_files(keys, folder)
    return {name: keys[0]}


def _jwt_files(keys: list[str], folder: Path) -> dict[str, str]:
    """The key that signs, all that are accepted, and the settings that tell Airflow of both.

    A key that is no PEM file is a `jwt_secret`, as environments had before: its tokens are accepted
    beside those of the key that replaces it.
    """
    accepted = [_jwk(key) for key in keys]
    if keys[0].startswith(_PEM):
        signing = f"jwt_private_key_path = {folder / 'jwt'}"
    else:
        signing = f"jwt_secret_cmd = cat {folder / 'jwt'}"
    settings = [
        "[api_auth]",
        signing,
        f"jwt_kid = {accepted[0]['kid']}",
        f"trusted_jwks_url = {folder / 'jwks.json'}",
    ]
    return {
        "jwt": keys[0],
        "jwks.json": json.dumps({"keys": accepted}),
        "airflow.cfg": "\n".join(settings) + "\n",
    }


def _jwk(key: str) -> dict[str, str]:
    """What is needed to accept tokens of a key, as RFC 7517 has it.

    Raises:
        ValueError: it looks like a private key, and is none, or one of another kind.
    """
    if not key.startswith(_PEM):
        return {"kty": "oct", "k": _coded(key.encode()), "alg": "HS512", "kid": _SYMMETRIC_KEY_ID}
    private = load_pem_private_key(key.encode(), password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise KeyKindError
    public = {
        "crv": "Ed25519",
        "kty": "OKP",
        "x": _coded(private.public_key().public_bytes_raw()),
    }
    # RFC 7638: the same for whoever works it out.
    canonical = json.dumps(public, separators=(",", ":"), sort_keys=True)
    key_id = _coded(hashlib.sha256(canonical.encode()).digest())
    return {**public, "alg": "EdDSA", "kid": key_id}


def _coded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _write(file: Path, value: str) -> None:
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _READABLE_BY_OWNER)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(value)
    new.replace(file)


def _pair(text: str) -> tuple[str, str]:
    name, _, secret = text.partition("=")
    if not secret or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is not FILE=SECRET, such as fernet=keys/fernet")
    return name, secret


def main(arguments: list[str]) -> int:
    """Fetch what the arguments name and return the exit code."""
    parser = argparse.ArgumentParser(description="Read keys from Secrets Manager into files.")
    parser.add_argument("--folder", type=Path, required=True, help="where the files go")
    parser.add_argument("keys", type=_pair, nargs="+", metavar="FILE=SECRET")
    given = parser.parse_args(arguments)
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    client = boto3.session.Session(region_name=region).client("secretsmanager", config=_AWS)
    try:
        fetch(client, given.folder, dict(given.keys))
    except KeyFetchError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
