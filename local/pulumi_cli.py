"""`make up ENGINE=pulumi`: the real engine applies the program, with its state in a local file.

The CLI runs in a project folder of its own below `.local`, whose `main` points back at this
checkout: what it writes into a stack's file (the salt of its passphrase) stays out of the
committed one. The program, the settings and the account are the same as without the CLI.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from local.paths import Paths

STACK = "local"


class PulumiCliError(Exception):
    """The CLI is missing or failed; the text says what to do."""


def executable() -> str:
    """Return the path of the `pulumi` CLI.

    Raises:
        PulumiCliError: it is not on the PATH.
    """
    found = shutil.which("pulumi")
    if found is None:
        raise PulumiCliError(
            "ENGINE=pulumi needs the pulumi CLI on the PATH, and there is none: install it with "
            "Pulumi's installer, or use ENGINE=builtin, which needs no CLI"
        )
    return found


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Where the CLI works on one stack of the program."""

    folder: Path
    """The CLI's project."""
    stack: str
    environment: Mapping[str, str]
    """The variables that the CLI needs, besides those of the account."""

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of the CLI for this stack.

        Raises:
            PulumiCliError: the CLI is missing.
        """
        return [executable(), "-C", str(self.folder), *arguments, "--stack", self.stack]


def workspace(paths: Paths, stack: str = STACK) -> Workspace:
    """Make or renew the CLI's project for a stack, with the settings that are committed now."""
    folder = paths.local / "pulumi"
    folder.mkdir(parents=True, exist_ok=True)
    project = yaml.safe_load((paths.root / "Pulumi.yaml").read_text(encoding="utf-8"))
    project["main"] = os.path.relpath(paths.root, folder)
    project["runtime"] = {"name": "python", "options": {"virtualenv": sys.prefix}}
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(project), encoding="utf-8")
    _copy_stack_file(paths.root / f"Pulumi.{stack}.yaml", folder / f"Pulumi.{stack}.yaml")
    return Workspace(folder=folder, stack=stack, environment=_backend(folder))


def up(paths: Paths) -> None:
    """Apply the program with `pulumi up`, to the account that this process's environment names.

    Raises:
        PulumiCliError: the CLI is missing, or the update failed (the CLI has said why).
    """
    at = workspace(paths)
    _call(at, "stack", "select", "--create")
    _call(at, "up", "--yes", "--skip-preview")


def _copy_stack_file(committed: Path, own: Path) -> None:
    kept = own.read_text(encoding="utf-8").splitlines() if own.exists() else []
    salt = [line for line in kept if line.startswith("encryptionsalt:")]
    text = committed.read_text(encoding="utf-8").rstrip("\n")
    own.write_text("\n".join([text, *salt, ""]), encoding="utf-8")


def _backend(folder: Path) -> dict[str, str]:
    state, passphrase = folder / "state", folder / "passphrase"
    state.mkdir(exist_ok=True)
    if not passphrase.exists():
        passphrase.touch(mode=0o600)
        passphrase.write_text(secrets.token_urlsafe(32), encoding="ascii")
    return {
        "PULUMI_BACKEND_URL": state.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


def _call(at: Workspace, *arguments: str) -> None:
    environment = os.environ | at.environment
    with subprocess.Popen(at.command(*arguments), env=environment) as process:
        try:
            status = process.wait()
        except KeyboardInterrupt:
            # The CLI hears of it as well: it ends what is under way, and remembers it.
            process.wait()
            raise
    if status:
        raise PulumiCliError(
            f"`pulumi {' '.join(arguments)}` ended with status {status}; its own words are above"
        )
