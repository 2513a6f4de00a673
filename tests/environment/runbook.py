"""docs/rotation.md as it is read here: its cases, and a shell for its commands; it tests nothing.

The commands run as they stand, in `sh` and in a running copy of the checkout; only the names of the
environment are other ones. `aws` and `psql` are stand-ins that take their options as strictly, and
`make` is make, which has nothing to install.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from stacks.settings import load_stack_file
from tests.environment import aws_command, psql_command
from tests.environment.checkout import SOURCES, Checkout

RUNBOOK = SOURCES / "docs" / "rotation.md"
COMMANDS = "The commands below"
"""The part with what all cases use: names, the way into the database, the log, the daily look."""
_SECONDS = 120


@dataclass
class Part:
    """What is below one heading: sentences that are seen, commands, and what is seen then."""

    title: str
    prose: str = ""
    said: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    well: list[str] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        """What a link to it is called."""
        return re.sub(r"[^\w -]", "", self.title.lower()).replace(" ", "-")


def parts() -> dict[str, Part]:
    """The runbook's parts by title."""
    found: dict[str, Part] = {}
    part, fence = Part(title=""), list[str]()
    for line in RUNBOOK.read_text(encoding="utf-8").splitlines():
        if fence and line == "```":
            _keep(part, fence[0], fence[1:])
            fence = []
        elif fence:
            fence.append(line)
        elif line.startswith("```"):
            fence = [line.removeprefix("```")]
        elif line.startswith("## "):
            part = Part(title=line.removeprefix("## "))
            found[part.title] = part
        else:
            part.prose += f"{line}\n"
    return found


def _keep(part: Part, language: str, lines: list[str]) -> None:
    if language == "sh":
        part.commands.append("\n".join(lines))
    elif language == "text":
        (part.well if part.commands else part.said).extend(lines)
    else:
        raise ValueError(f"{RUNBOOK.name}: a block of {language!r}; allowed are sh and text")


class Terminal:
    """A shell of somebody who reads the runbook, at a running environment.

    Args:
        checkout: the environment, whose deployer it is.
        folder: for its programs.
    """

    def __init__(self, checkout: Checkout, folder: Path) -> None:
        self._checkout = checkout
        self._there, self._here = (
            str(load_stack_file(checkout.folder, stack).ca_bundle) for stack in ("prod", "local")
        )
        # The packages are those of this process, so there is nothing to install.
        make = f"{shutil.which('make')} -o {sys.prefix}/.ready VENV={sys.prefix}"
        python = f"{sys.executable} -P"
        for name, command in {
            "aws": f"{python} {aws_command.__file__}",
            "psql": f"{python} {psql_command.__file__}",
            "make": make,
        }.items():
            program = folder / name
            program.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="ascii")
            program.chmod(0o700)
        self._environment = {
            **checkout.environment(),
            **checkout.paths.aws_environment("deployer"),
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        }
        self._names, login, self.log, self.look = parts()[COMMANDS].commands
        seen = self.run(f"{login}\nenv | grep '^PG'")
        assert seen.returncode == 0, seen.stderr
        for line in seen.stdout.splitlines():
            name, _, value = line.partition("=")
            self._environment[name] = value

    def run(self, commands: str) -> subprocess.CompletedProcess[str]:
        """Run one block, which ends at the first command that fails."""
        return subprocess.run(
            ["sh", "-eu", "-c", self.here(f"{self._names}\n{commands}")],
            cwd=self._checkout.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )

    def here(self, text: str) -> str:
        """The same with the names of this environment."""
        return text.replace(self._there, self._here).replace("prod", "local")
