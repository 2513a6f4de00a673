"""What several commands need: settings, the way to the account, the functions' packages."""

from __future__ import annotations

import hashlib
import os

from lambdas import package
from local.account import service
from local.paths import Paths
from stacks.settings import Settings, load_stack_file

LOCAL = "local"
"""The stack that is this machine."""
DEPLOYER = "deployer"
"""The profile of the local account's user that deploys."""


class CommandError(Exception):
    """A command cannot be carried out now; the text says why and what to do."""


def settings_of(paths: Paths, stack: str) -> Settings:
    """Return the settings of a stack.

    Raises:
        SettingsError: one sentence for each problem.
    """
    return load_stack_file(paths.root, stack)


def running_account(paths: Paths) -> service.Status:
    """Return the status of the account.

    Raises:
        CommandError: none runs.
    """
    status = service.status(paths)
    if status.pid is None:
        raise CommandError("nothing is up: run `make up` first")
    return status


def use_account(paths: Paths) -> None:
    """Point this process's AWS SDK at the local account, as its deployer.

    Whatever AWS credentials the shell has are put aside: nothing here may reach a real account. So
    is its proxy for plain HTTP, which the account speaks, as no proxy reaches this machine's
    loopback.
    """
    for name in list(os.environ):
        if name.startswith("AWS_") or name.upper() == "HTTP_PROXY":
            del os.environ[name]
    os.environ.update(paths.aws_environment(DEPLOYER))


def build_packages(paths: Paths, stack: str, settings: Settings) -> list[str]:
    """Build the functions' packages of a stack; return a line that describes each.

    Raises:
        PackageError: something they are made of is missing.
    """
    folder = paths.packages / stack
    bootstrap, keys = folder / "bootstrap_postgres.zip", folder / "airflow_keys.zip"
    contents = {
        bootstrap: package.build(paths.root / settings.ca_bundle, bootstrap),
        keys: package.build_airflow_keys(keys),
    }
    return [
        f"{output.relative_to(paths.root)}  {len(content) / 1e6:.1f} MB  "
        f"sha256 {hashlib.sha256(content).hexdigest()[:16]}"
        for output, content in contents.items()
    ]
