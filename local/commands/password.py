"""`make password`: the password of the web interface's user, for the eyes that asked for it."""

from __future__ import annotations

import argparse

from local.airflow import password
from local.commands.common import LOCAL, running_account, settings_of
from local.paths import Paths


def run(paths: Paths, arguments: argparse.Namespace) -> int:
    """Print the password, and nothing else, for each environment of the local stack."""
    del arguments
    running_account(paths)
    for environment in settings_of(paths, LOCAL).environments:
        print(password(paths, environment))
    return 0
