"""`make certificates ENV=...`: the CA bundle of RDS that the environment's settings name."""

from __future__ import annotations

import argparse

from local import certificates
from local.commands.common import settings_of
from local.paths import Paths


def run(paths: Paths, arguments: argparse.Namespace) -> int:
    """Fetch, check and write the bundle; print what is in it."""
    settings = settings_of(paths, arguments.env)
    bundle = paths.root / settings.ca_bundle
    for line in certificates.install(settings.region, bundle, proxy=settings.connection_proxy):
        print(line)
    print(f"written to {settings.ca_bundle}; keep it with the settings")
    return 0
