"""`python -m local newest`: a run goes on only for the last commit of its branch."""

from __future__ import annotations

import argparse
import os

from local.commands.common import CommandError
from local.paths import Paths
from local.pull_request.github import Repository


def run(paths: Paths, arguments: argparse.Namespace) -> int:
    """Compare the run's commit with what its branch is at now.

    Raises:
        CommandError: the branch has gone on: to apply the commit would take back what came after.
        GitHubError: GitHub cannot be asked.
    """
    del paths, arguments
    repository = Repository.of_run(os.environ)
    branch, commit = (os.environ.get(name, "") for name in ("GITHUB_REF_NAME", "GITHUB_SHA"))
    if not branch or not commit:
        raise CommandError(
            "GITHUB_REF_NAME and GITHUB_SHA must be set, as GitHub does in a workflow"
        )
    last = repository.last_commit(branch)
    if last != commit:
        raise CommandError(
            f"{branch} is at {last[:10]}, this run is of {commit[:10]}: nothing is applied, which "
            f"would take back what came after; let the run of {last[:10]} go on"
        )
    return 0
