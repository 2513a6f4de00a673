"""`make package ENV=...`: the functions' packages, where the program expects them."""

from __future__ import annotations

import argparse

from local.commands.common import build_packages, settings_of
from local.paths import Paths


def run(paths: Paths, arguments: argparse.Namespace) -> int:
    """Build the packages of one environment."""
    for line in build_packages(paths, arguments.env, settings_of(paths, arguments.env)):
        print(line)
    return 0
