"""Whether the real engine can run here: the `pulumi` CLI, its host for Python, and its plugins.

What is missing is named with the command that installs it. Nothing is installed here, and whether
the program works is none of its business.
"""

from __future__ import annotations

import importlib.resources
import json
import os
import shutil
import subprocess
from pathlib import Path

PACKAGES = ("aws", "kubernetes", "postgresql")
"""Whose plugins the program needs, which `test_the_plugins_are_those_of_the_program` holds."""
HOST = "pulumi-language-python"


def pulumi_home() -> Path:
    """Where the CLI keeps the plugins of whoever runs the tests."""
    return Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")


def missing() -> str:
    """Say what is missing to run the real engine, in one sentence; empty when nothing is."""
    cli = shutil.which("pulumi")
    if cli is None:
        return "there is no pulumi CLI on the PATH: install it with Pulumi's installer"
    if shutil.which(HOST) is None:
        return f"{HOST} is not on the PATH, and comes with the pulumi CLI: install both"
    installed = _installed(cli)
    wanted = [(name, locked_version(name)) for name in PACKAGES]
    absent = [
        (name, version)
        for name, version in wanted
        # The CLI takes what is on the PATH, of whichever version, before what it has installed.
        if shutil.which(f"pulumi-resource-{name}") is None and (name, version) not in installed
    ]
    if not absent:
        return ""
    commands = " && ".join(f"pulumi plugin install resource {name} {of}" for name, of in absent)
    names = ", ".join(name for name, _ in absent)
    return f"the pulumi CLI lacks the plugins of: {names}; install them with `{commands}`"


def locked_version(package: str) -> str:
    """The version of the plugin that belongs to the installed SDK of `package`."""
    file = importlib.resources.files(f"pulumi_{package}") / "pulumi-plugin.json"
    return str(json.loads(file.read_text(encoding="utf-8"))["version"])


def _installed(cli: str) -> set[tuple[str, str]]:
    environment = {
        **os.environ,
        "PULUMI_HOME": str(pulumi_home()),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    listed = subprocess.run(
        [cli, "plugin", "ls", "--json"], env=environment, capture_output=True, check=True
    )
    return {
        (one["name"], str(one["version"]).removeprefix("v"))
        for one in json.loads(listed.stdout)
        if one["kind"] == "resource"
    }
