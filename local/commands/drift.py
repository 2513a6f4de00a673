"""`make drift ENV=... PREVIEW=...`: how an environment differs from its program."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from local.commands.common import CommandError
from local.paths import Paths
from local.pull_request import drift
from local.pull_request.changes import foreseen
from local.pull_request.github import Repository


def run(paths: Paths, arguments: argparse.Namespace) -> int:
    """Tell what `pulumi preview --refresh --json` found; with `--post`, as an issue.

    Raises:
        CommandError: the CLI could not look at all of it, so nothing is known.
        DocumentError: the file is no such preview.
        GitHubError: the issue cannot be written.
    """
    del paths
    environment = arguments.env
    changes = foreseen(Path(arguments.preview), environment)
    if changes.problems:
        raise CommandError(
            f"whether {environment} drifted is not known: {'; '.join(changes.problems).strip()}"
        )
    text = drift.text(changes)
    done = ""
    if arguments.post:
        repository, marker = Repository.of_run(os.environ), drift.marker(environment)
        if changes.changes:
            done = f": issue {repository.put_issue(marker, drift.title(environment), text)}"
        elif repository.close_issue(marker):
            done = ": issue closed"
    if changes.changes and not arguments.post:
        print(text, end="")
    print(f"{environment}: {len(changes.changes)} resources differ{done}")
    return 0
