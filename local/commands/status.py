"""`make status`: what runs, and who connected since it does."""

from __future__ import annotations

import argparse
import dataclasses
import json
from datetime import UTC, datetime

from local.commands.common import LOCAL, running_account, settings_of, use_account
from local.login import Access
from local.paths import Paths
from local.proof import entries
from local.report import credentials_lines

EVER = datetime.min.replace(tzinfo=UTC)


def run(paths: Paths, arguments: argparse.Namespace) -> int:
    """Show the status."""
    account = running_account(paths)
    use_account(paths)
    instances = Access(paths, settings_of(paths, LOCAL)).instances()
    if arguments.json:
        document = {
            "account": dataclasses.asdict(account),
            "instances": [dataclasses.asdict(one) for one in instances],
            "connections": [dataclasses.asdict(one) for one in entries(paths.endpoint_logs, EVER)],
        }
        print(json.dumps(document, indent=2))
    else:
        print(f"account      {account.url}, process {account.pid}")
        for one in instances:
            print(f"{one.name:12} {one.host}:{one.port}, {one.status}")
        print("\nwho connected, as whom, with which kind of credential")
        for line in credentials_lines(paths.endpoint_logs, EVER):
            print(f"  {line}")
    return 0
