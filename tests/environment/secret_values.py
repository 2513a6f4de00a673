"""Finds out each secret of a run from whoever holds it; it tests nothing.

Values stay in memory. What cannot be found out is neither here nor searched for: keys to cancel a
session's statement, and what processes make for themselves and never show.
"""

from __future__ import annotations

import configparser
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psycopg

from components import naming
from components.airflow.deployment_args import KEYS
from local.account.oidc import Issuer
from local.account.postgres.binaries import find
from local.account.sessions import Sessions
from local.cluster.place import cluster_folder
from tests.environment.checkout import APPLICATION, METADATA, SOURCES, Checkout
from tests.environment.running_airflow import ENVIRONMENT, RunningAirflow
from tests.environment.searches import Name
from tests.environment.secret_places import Places
from tests.environment.traces import matching
from tests.secret_forms import bytes_forms, joined, key_forms, text_forms

ACCOUNT, REGION = "123456789012", "eu-west-1"
ROTATED = (naming.login_secret(ENVIRONMENT, "billing-bi"),)
"""Secrets with passwords that are rotated."""
_SUPERUSER = "rdsadmin"
_KMS = """
import json, sys
from pathlib import Path
from cryptography.hazmat.primitives import serialization as s
from local.account import extensions
from local.account.backends import Backends
from local.account.snapshot import Snapshot
extensions.install()
backends = Backends(sys.argv[1], sys.argv[2])
Snapshot(Path(sys.argv[3]), backends).read()
print(json.dumps({
    name: [key.key_material.hex(), key.private_key.private_key.private_bytes(
        s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()).decode()]
    for name, key in backends.kms.keys.items()}))
"""
Values = dict[Name, frozenset[bytes]]


class Holders:
    """Who makes secrets in a running environment; this process has to be its administrator.

    Args:
        checkout: the environment's.
        airflow: its Airflow, if it has one.
    """

    def __init__(self, checkout: Checkout, airflow: RunningAirflow | None = None) -> None:
        self._checkout = checkout
        self._airflow = airflow
        self._places = Places(checkout)
        account = checkout.paths.account
        self.issuer = Issuer(account, REGION)
        self.sessions = Sessions(account / "sessions.key")
        self.keys = {key: _secret(naming.key_secret(ENVIRONMENT, key))[0] for key in KEYS}
        """Airflow's own."""
        self.users = dict(_users(checkout.paths.credentials))
        """The id and the secret of each user's access key."""

    def values(self) -> Values:
        """The forms of each secret that has a value by itself."""
        return {
            **dict(self._of_databases()),
            **{Name(f"Airflow's {key} key", ""): _forms(one) for key, one in self.keys.items()},
            **{
                Name("secret access key of a user", user): text_forms(secret)
                for user, (_, secret) in self.users.items()
            },
            **dict(self._of_files()),
            **(dict(self._of_airflow(self._airflow)) if self._airflow else {}),
        }

    def superuser(self, instance: str, database: str = "postgres") -> psycopg.Connection[Any]:
        """Connect as the superuser, past the endpoint, whom no client can be."""
        (lock,) = (
            one
            for one in self._checkout.runtime_folder().glob("*/.s.PGSQL.*.lock")
            if instance in one.read_text(encoding="utf-8")
        )
        return psycopg.connect(
            host=str(lock.parent), port=5432, user=_SUPERUSER, dbname=database, autocommit=True
        )

    def databases(self, instance: str) -> list[str]:
        """The databases of an instance that can be connected to."""
        with self.superuser(instance) as session:
            rows = session.execute("SELECT datname FROM pg_database WHERE datallowconn").fetchall()
        return [str(name) for (name,) in rows]

    def _of_databases(self) -> Iterator[tuple[Name, frozenset[bytes]]]:
        instances = {
            one["DBInstanceIdentifier"]: one["MasterUserSecret"]["SecretArn"]
            for one in boto3.client("rds").describe_db_instances()["DBInstances"]
        }
        assert instances.keys() == {APPLICATION, METADATA}
        for instance, arn in instances.items():
            passwords = [json.loads(one)["password"] for one in _secret(arn)]
            yield (
                Name("password of the master user", instance),
                joined(map(text_forms, passwords)),
            )
            with self.superuser(instance) as session:
                # So that what is in the server's memory is in its files too.
                session.execute("CHECKPOINT")
                verifiers = session.execute(
                    "SELECT rolname::text, rolpassword FROM pg_authid WHERE rolpassword <> ''"
                ).fetchall()
                ((data, major),) = session.execute(
                    "SELECT current_setting('data_directory'),"
                    " current_setting('server_version_num')::int / 10000"
                ).fetchall()
            of: dict[str, list[str]] = {"the master's password": [], "a rotated password": []}
            for role, verifier in verifiers:
                kind = "the master's" if role == naming.MASTER_USER else "a rotated"
                keys = verifier.rpartition("$")[2].split(":")
                of[f"{kind} password"] += [verifier, *keys]
            for what, texts in of.items():
                if texts:
                    yield Name(f"verifier of {what}", instance), joined(map(text_forms, texts))
            nonce = _mock_nonce(major, data)
            yield Name("nonce for logins that do not exist", instance), bytes_forms(nonce)

        for secret in ROTATED:
            passwords = [json.loads(one)["password"] for one in _secret(secret)]
            yield Name("password of a rotated login", secret), joined(map(text_forms, passwords))

    def _of_files(self) -> Iterator[tuple[Name, frozenset[bytes]]]:
        account, cluster = self._checkout.paths.account, cluster_folder(self._checkout.paths)
        issuer = json.loads((account / "oidc.json").read_bytes())["key"].encode()
        yield Name("key of the cluster's OIDC issuer", ""), key_forms(issuer)
        for name, file in {
            "key of the databases' CA": account / "authority" / "ca-key.pem",
            "key of the cluster's CA": cluster / "authority" / "ca-key.pem",
            "key of the Kubernetes API": cluster / "api" / "server-key.pem",
        }.items():
            if file.exists():
                yield Name(name, ""), key_forms(file.read_bytes())
        for folder in (account / "instances", self._checkout.runtime_folder()):
            for file in folder.glob("*/server-key.pem"):
                pem = file.read_bytes()
                yield Name("key of a database endpoint", file.parent.name), key_forms(pem)
        for name, file in {
            "key of all sessions": account / "sessions.key",
            "key of the account's root": account / "root.key",
            "token of the cluster's administrator": cluster / "admin-token",
            "passphrase of the pulumi CLI's state": self._checkout.paths.local
            / "pulumi"
            / "passphrase",
        }.items():
            if file.exists():
                yield Name(name, ""), text_forms(file.read_text(encoding="utf-8").strip())
        for key_id, (material, pem_text) in _kms(account / "snapshot").items():
            forms = [bytes_forms(bytes.fromhex(material)), key_forms(pem_text.encode())]
            yield Name("material of a KMS key", key_id), joined(forms)

    def _of_airflow(self, airflow: RunningAirflow) -> Iterator[tuple[Name, frozenset[bytes]]]:
        yield (
            Name("password of the web interface's user", ""),
            text_forms(airflow.password),
        )
        header = str(airflow.api()._session.headers["Authorization"])
        yield (
            Name("token of a user of the web interface", airflow.user),
            text_forms(header.removeprefix("Bearer ")),
        )
        for file in matching(airflow.pods_folder, "*/volumes/home/airflow.cfg"):
            options = configparser.RawConfigParser(strict=False)
            if not options.read(file):
                continue  # The pod of a task that has ended meanwhile.
            keys = [options["api"]["secret_key"], options["api_auth"]["jwt_secret"]]
            holder = self._places.label(file).split("/")[1]
            name = "keys that Airflow writes into its default configuration"
            yield Name(name, holder), joined(map(text_forms, filter(None, keys)))


def _forms(key: str) -> frozenset[bytes]:
    """A key of Airflow's as a text; and a private one, by its number too."""
    private = key.startswith("-----BEGIN")
    return joined([text_forms(key), *([key_forms(key.encode())] if private else [])])


def _secret(name: str) -> list[str]:
    """All values that a secret has, the current one first."""
    client, found = boto3.client("secretsmanager"), []
    for stage in ("AWSCURRENT", "AWSPREVIOUS"):
        with contextlib.suppress(client.exceptions.ResourceNotFoundException):
            answer = client.get_secret_value(SecretId=name, VersionStage=stage)
            found.append(str(answer["SecretString"]))
    assert found, name
    return found


def _users(credentials: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    """The account's users, with the id and the secret of their access key."""
    profiles = configparser.RawConfigParser()
    profiles.read(credentials)
    for user in profiles.sections():
        keys = profiles[user]
        yield user, (keys["aws_access_key_id"], keys["aws_secret_access_key"])


def _mock_nonce(major: int, data: str) -> bytes:
    """What a server answers with whoever asks for a login that does not exist."""
    program = find(major).postgres.with_name("pg_controldata")
    said = subprocess.run([program, data], capture_output=True, text=True, check=True).stdout
    (line,) = (one for one in said.splitlines() if one.startswith("Mock authentication nonce"))
    return bytes.fromhex(line.partition(":")[2].strip())


def _kms(snapshot: Path) -> dict[str, list[str]]:
    """The material of each KMS key, by a process that reads the account's memory as it does."""
    read = subprocess.run(
        [sys.executable, "-c", _KMS, ACCOUNT, REGION, snapshot],
        cwd=SOURCES,
        env={**os.environ, "MOTO_ACCOUNT_ID": ACCOUNT},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, list[str]] = json.loads(read.stdout)
    return found
