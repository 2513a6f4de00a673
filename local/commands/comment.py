"""`make comment FROM=...`: the comment on a pull request, composed of what its previews left."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from local.paths import Paths
from local.pull_request.comment import MARKER, comment, previews
from local.pull_request.github import GitHubError, Repository


def run(paths: Paths, arguments: argparse.Namespace) -> int:
    """Print the comment; with `--post`, write it to the pull request whose previews these are.

    Raises:
        GitHubError: it cannot be written.
    """
    del paths
    text = comment(previews(Path(arguments.folder)))
    if not arguments.post:
        print(text, end="")
        return 0
    repository = Repository.of_run(os.environ)
    number = _pull_request(repository, Path(os.environ.get("GITHUB_EVENT_PATH", "")))
    if number is None:
        print("no open pull request has these previews' commit as its last one: nothing is written")
        return 0
    print(f"pull request {number}: comment {repository.put_comment(number, MARKER, text)}")
    return 0


def _pull_request(repository: Repository, event: Path) -> int | None:
    """The pull request by what GitHub says of the run of the previews, never by what they say."""
    try:
        run_ = json.loads(event.read_text("utf-8"))["workflow_run"]
        head = run_["head_repository"]["owner"]["login"], run_["head_branch"], run_["head_sha"]
    except (OSError, ValueError, KeyError, TypeError):
        raise GitHubError(
            f"GITHUB_EVENT_PATH is {str(event)!r}; it must be the event of a workflow_run with the "
            "branch whose previews these are; leave --post out to see the text only"
        ) from None
    return repository.pull_request(*head)
