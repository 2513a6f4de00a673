"""`make psql DB=... AS=...`: a SQL prompt as a login."""

from __future__ import annotations

import argparse

from local import psql
from local.commands.common import LOCAL, running_account, settings_of, use_account
from local.login import Access
from local.paths import Paths


def run(paths: Paths, arguments: argparse.Namespace) -> int:
    """Open the prompt; return its status."""
    running_account(paths)
    use_account(paths)
    access = Access(paths, settings_of(paths, LOCAL))
    return psql.prompt(access, paths, arguments.database, arguments.name)
