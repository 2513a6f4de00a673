"""What several commands need: settings, the way to the account, the functions' packages."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import socket
from collections.abc import Iterator

import psutil

from lambdas import package
from local.account import service
from local.lock import HeldError, held
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


@contextlib.contextmanager
def alone(paths: Paths, verb: str) -> Iterator[None]:
    """Let one command at a time change the environment, whose folder goes when nothing is in it.

    Raises:
        CommandError: another one does.
    """
    try:
        with contextlib.ExitStack() as lock:
            try:
                lock.enter_context(held(paths.lock, verb))
            except HeldError as error:
                raise CommandError(
                    f"{error} is using {paths.local}: wait for it to end, or stop it"
                ) from None
            try:
                yield
            finally:
                # The lock last: as long as it is there, nobody begins.
                if [*paths.local.iterdir()] == [paths.lock]:
                    paths.lock.unlink()
    finally:
        with contextlib.suppress(OSError):
            paths.local.rmdir()


def require_ports(paths: Paths, settings: Settings) -> None:
    """Have the databases' ports, unless the account listens there already.

    Raises:
        CommandError: somebody else does.
    """
    address = service.loopback_address(paths.root)
    own = [one for process in service.processes(paths) for one in process.net_connections()]
    ours = {(one.laddr.ip, one.laddr.port) for one in own if one.status == psutil.CONN_LISTEN}
    for name, port in (
        ("metadata", settings.metadata.port),
        ("application", settings.application.port),
    ):
        if (address, port) not in ours and not _is_free(address, port):
            raise CommandError(
                f"port {port} of {address}, which `{name}` is to have, is taken by another "
                f"program: end that, or write another `port` for `{name}` in Pulumi.{LOCAL}.yaml"
            )


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen()
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True


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
    bootstrap, rotation = folder / "bootstrap_postgres.zip", folder / "rotate_postgres.zip"
    keys = folder / "airflow_keys.zip"
    contents = {
        bootstrap: package.build(paths.root / settings.ca_bundle, bootstrap),
        rotation: package.build_rotation(paths.root / settings.ca_bundle, rotation),
        keys: package.build_airflow_keys(keys),
    }
    return [
        f"{output.relative_to(paths.root)}  {len(content) / 1e6:.1f} MB  "
        f"sha256 {hashlib.sha256(content).hexdigest()[:16]}"
        for output, content in contents.items()
    ]
