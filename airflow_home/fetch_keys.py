"""Reads keys of Airflow from Secrets Manager into files: the init container of Airflow's own pods.

    python fetch_keys.py --folder /run/airflow/keys fernet=airflow/prod/keys/fernet ...

With the pod's own IAM role, into a folder in memory, readable for the pod's user alone. Airflow
reads the files by `..._CMD` settings, so a key is in no variable, and in no process' environment.
It makes no keys, and prints none.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

# Seconds, and tries. The pod is started again and again anyhow.
_AWS = Config(
    connect_timeout=5, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 5}
)
_READABLE_BY_OWNER = 0o400


class KeyFetchError(Exception):
    """A key is not there; the text says which, and why."""


def fetch(client: Any, folder: Path, secrets: dict[str, str]) -> None:  # noqa: ANN401 - boto3 has no types
    """Write the value of each secret into a file; what is there already is replaced.

    Args:
        client: a Secrets Manager client.
        folder: where the files go.
        secrets: file names, and the secrets' names.

    Raises:
        KeyFetchError: a secret cannot be read, or has no value.
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
        _write(folder / name, value)


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
