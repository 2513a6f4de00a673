"""`python -m local changes`: what happens to resources, read off a preview or two."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from local.paths import Paths
from local.pull_request.changes import between, foreseen


def run(paths: Paths, arguments: argparse.Namespace) -> int:
    """Print the changes as JSON; status 1 if the preview has problems.

    Raises:
        CommandError: a file is no such preview.
    """
    del paths
    preview = Path(arguments.preview)
    if arguments.pulumi:
        changes = foreseen(preview, arguments.env)
    else:
        changes = between(Path(arguments.base) if arguments.base else None, preview, arguments.env)
    print(json.dumps(changes.model_dump(by_alias=True), indent=2, ensure_ascii=False))
    return 1 if changes.problems else 0
