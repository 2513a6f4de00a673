"""`make tunnel ENV=...`: a SOCKS5 proxy inside the environment's cluster."""

from __future__ import annotations

import argparse

from local import tunnel
from local.commands.common import settings_of
from local.paths import Paths


def run(paths: Paths, arguments: argparse.Namespace) -> int:
    """Hold the tunnel open until interrupted."""
    settings = settings_of(paths, arguments.env)
    return tunnel.open_tunnel(settings.cluster)
