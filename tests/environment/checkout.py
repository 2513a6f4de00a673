"""A copy of this checkout, used through its command line as anyone uses it; it tests nothing.

It has a home and a folder for temporary files of its own, so that whatever is written where nobody
looks is found. Every run is watched: what it printed, and what the command lines and environments
of its processes showed to others.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
import yaml

from lambdas.wheels import locked_wheels
from local.login import Access, Instance, Login
from local.paths import Paths
from stacks.settings import load_stack_file
from tests.environment.searches import FILE, shown_by
from tests.environment.traces import (
    Traces,
    cluster_sockets,
    matching,
    pods_folders,
    processes,
)

SOURCES = Path(__file__).resolve().parents[2]
LOCK = SOURCES / "lambdas" / "bootstrap_postgres" / "requirements.lock"
APPLICATION, METADATA = "airflow-local-application", "airflow-local-metadata"
NAMESPACE = "airflow-postgres:"
LONGEST_SECONDS = 900
"""Of any command, on a busy machine; bringing up Airflow takes a minute on an idle one."""
WATCH_SECONDS = 0.2
GONE = "the local environment is gone: no process, socket or file of it is left\n"
"""All that `down` says."""

Declarations = dict[str, Any]
"""The settings as the stack's file has them, without the namespace before the keys."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One command that has ended."""

    arguments: tuple[str, ...]
    status: int
    output: str
    errors: str

    @property
    def text(self) -> str:
        """All that it printed."""
        return self.output + self.errors

    @property
    def complaint(self) -> str:
        """The one sentence of a command that was refused."""
        assert (self.status, self.output) == (1, ""), self.text
        (line,) = self.errors.splitlines()
        assert line.startswith("error: ")
        return line.removeprefix("error: ")


@dataclass
class Checkout:
    """A copy of the sources below `base`."""

    base: Path
    runs: list[Run] = field(default_factory=list)
    seen: set[tuple[str, str, bytes]] = field(default_factory=set)
    """Kind of place, whose, and content: command lines and environments of the processes of all
    runs, and files that were there for a moment."""

    def __post_init__(self) -> None:
        self.folder = self.base / "checkout"
        self.home, self.scratch = self.base / "home", self.base / "scratch"
        # Names with a dot: git, virtual environment, caches, and a running environment.
        ignored = shutil.ignore_patterns(".*", "build", "certificates", "__pycache__")
        shutil.copytree(SOURCES, self.folder, ignore=ignored)
        wheels = self.folder / "build" / "wheels"
        for folder in (self.home, self.scratch, wheels):
            folder.mkdir(parents=True)
        for wheel in locked_wheels(LOCK):
            shutil.copy(wheel, wheels)
        self.paths = Paths(self.folder)
        self.stack_file = self.folder / "Pulumi.local.yaml"
        self.stack_text = self.stack_file.read_text(encoding="utf-8")
        self.applied = ""

    def run(self, *arguments: str, given: str = "", **environment: str) -> Run:
        """Run `python -m local` in the copy, with `given` as its input."""
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            process = psutil.Popen(
                [sys.executable, "-m", "local", *arguments],
                cwd=self.folder,
                env={**self.environment(), **environment},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=errors,
            )
            process.stdin.write(given.encode())
            process.stdin.close()
            deadline = time.monotonic() + LONGEST_SECONDS
            while process.poll() is None:
                if time.monotonic() > deadline:
                    process.kill()
                self.watch(process)
                with contextlib.suppress(psutil.TimeoutExpired):
                    process.wait(WATCH_SECONDS)
            texts = []
            for file in (output, errors):
                file.seek(0)
                texts.append(file.read().decode())
        run = Run(arguments=arguments, status=process.returncode, output=texts[0], errors=texts[1])
        self.runs.append(run)
        return run

    def up(self, **environment: str) -> Run:
        """Run `up` without Airflow, which has to end well."""
        declared = self.stack_file.read_text(encoding="utf-8")
        run = self.run("up", "--databases-only", **environment)
        assert run.status == 0, run.text
        self.applied = declared
        return run

    def environment(self) -> dict[str, str]:
        """Variables of a shell that knows no AWS account and no proxy."""
        kept = {name: value for name, value in os.environ.items() if not _misleads(name)}
        return {**kept, "HOME": str(self.home), "TMPDIR": str(self.scratch)}

    def watch(self, *more: psutil.Process) -> None:
        """Note what the processes show of themselves now, the account's and others'.

        And what lies where files are not for long: temporary ones, and those of a function's run.
        """
        for process in self.processes(*more):
            with contextlib.suppress(psutil.Error):
                self.seen.update(shown_by(process))
        functions = self.paths.account / "functions"
        for root, name in ((self.scratch, "TMPDIR"), (functions, "functions")):
            for path in matching(root, "run-*/*" if root == functions else "**/*"):
                with contextlib.suppress(OSError):
                    if path.is_file():
                        where = f"{name}/{path.relative_to(root)}"
                        self.seen.add((FILE, where, path.read_bytes()))

    def processes(self, *more: psutil.Process) -> list[psutil.Process]:
        """The processes of the environment, all pods' too; `more` and their children as well."""
        return processes(self.paths, *more)

    def declare(self, change: Callable[[Declarations], None]) -> None:
        """Edit the committed settings of the local stack."""
        content = yaml.safe_load(self.stack_text)
        config = content["config"]
        settings = {key.removeprefix(NAMESPACE): value for key, value in config.items()}
        change(settings)
        content["config"] = {NAMESPACE + key: value for key, value in settings.items()}
        self.stack_file.write_text(yaml.safe_dump(content), encoding="utf-8")

    def restore(self) -> None:
        """Undo every edit of the settings."""
        self.stack_file.write_text(self.stack_text, encoding="utf-8")

    def bring_back(self) -> None:
        """Undo every edit of the settings, and what runs have made of them."""
        self.restore()
        if self.applied != self.stack_text:
            self.up()

    def files(self) -> set[str]:
        """Every file and folder of the copy that does not come with running Python at all."""
        everything = (path.relative_to(self.folder) for path in self.folder.rglob("*"))
        return {str(path) for path in everything if "__pycache__" not in path.parts}

    def runtime_folder(self) -> Path:
        """Where PostgreSQL's sockets are, and as root everything of it."""
        return Path((self.paths.account / "runtime-folder").read_text(encoding="utf-8"))

    def traces(self) -> Traces:
        """What the environment has on this machine now."""
        with self.account() as access:
            instances = [(one.host, one.port) for one in access.instances()]
        address, _, port = self.paths.address.read_text(encoding="utf-8").strip().partition(":")
        return Traces(
            processes=tuple(self.processes()),
            sockets=((address, int(port)), *instances, *cluster_sockets(self.paths)),
            files=(self.runtime_folder(), *pods_folders(self.paths)),
        )

    @contextlib.contextmanager
    def account(self) -> Iterator[Access]:
        """Point this process's AWS SDK at the account, as its deployer, and give its logins."""
        with pytest.MonkeyPatch.context() as patch:
            for name in filter(_misleads, list(os.environ)):
                patch.delenv(name)
            for name, value in self.paths.aws_environment("deployer").items():
                patch.setenv(name, value)
            # Whatever another test made of the default session, it knows of another account.
            patch.setattr(boto3, "DEFAULT_SESSION", None)
            yield Access(self.paths, load_stack_file(self.folder, "local"))

    def libpq(self, at: Instance, user: str, password: str, **more: str) -> dict[str, Any]:
        """What libpq needs to log in, with the server verified in full."""
        return {
            "host": at.host,
            "port": at.port,
            "user": user,
            "password": password,
            "dbname": at.default_database,
            "sslmode": "verify-full",
            "sslrootcert": str(self.paths.ca_bundle),
            **more,
        }


@contextlib.contextmanager
def copied() -> Iterator[Checkout]:
    """Make a copy; in the end nothing runs of it, and it is gone."""
    checkout = Checkout(Path(tempfile.mkdtemp(prefix="checkout-")))
    try:
        yield checkout
    finally:
        if checkout.paths.local.exists():
            checkout.run("down")
        shutil.rmtree(checkout.base)


def master() -> Login:
    """The master user of the application instance, by the role for breaking glass."""
    return _administrator("dbmaster", "break-glass", "break-glass")


def provisioner() -> Login:
    """The login of the application instance that deployers have."""
    return _administrator("provisioner", "deploy", "deployer")


def _administrator(user: str, purpose: str, profile: str) -> Login:
    return Login(
        name=user,
        environment="",
        user=user,
        role_arn=f"arn:aws:iam::123456789012:role/{APPLICATION}-{purpose}",
        profile=profile,
    )


def master_secret(identifier: str) -> dict[str, str]:
    """The master user's name and password as the administrator of the account reads them."""
    client = boto3.client("rds")
    (instance,) = client.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
    arn = instance["MasterUserSecret"]["SecretArn"]
    text = boto3.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    secret: dict[str, str] = yaml.safe_load(text)
    return secret


def _misleads(variable: str) -> bool:
    """Whether the variable leads an AWS SDK or a database client elsewhere."""
    return variable.startswith("AWS_") or variable.upper().endswith("_PROXY")


def declared(settings: Declarations, name: str) -> Declarations:
    """The declaration of one workflow."""
    found: Declarations = next(one for one in settings["workflows"] if one["name"] == name)
    return found


def new_workflow(name: str, *, drop: bool = False) -> Declarations:
    """The declaration of a new workflow."""
    return {"name": name, "writes": True, "connectionLimit": 2, "schemaVersion": 1, "drop": drop}
