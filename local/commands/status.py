"""`make status`: what runs, and who connected since it does."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime

from local.cluster import service as cluster
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
    pods = cluster.status(paths)
    if arguments.json:
        document = {
            "account": dataclasses.asdict(account),
            "instances": [dataclasses.asdict(one) for one in instances],
            "cluster": dataclasses.asdict(pods),
            "connections": [dataclasses.asdict(one) for one in entries(paths.endpoint_logs, EVER)],
        }
        print(json.dumps(document, indent=2))
        return 0
    print(f"account      {account.url}, process {account.pid}")
    for one in instances:
        print(f"{one.name:12} {one.host}:{one.port}, {one.status}")
    for line in _cluster_lines(pods):
        print(line)
    print("\nwho connected, as whom, with which kind of credential")
    for line in credentials_lines(paths.endpoint_logs, EVER):
        print(f"  {line}")
    return 0


def _cluster_lines(pods: cluster.Status) -> Iterator[str]:
    if pods.pid is None:
        yield "cluster      not up: `make up` without DATABASES_ONLY starts it"
        return
    yield f"cluster      {pods.url}, process {pods.pid}"
    users = pods.shared_user or "each service account is a user of its own"
    yield f"users        {users}"
    for name, url in pods.services:
        yield f"service      {name} at {url}"
    for one in pods.components:
        state = f"{one.ready} of {one.desired}, {one.restarts} restarts"
        yield f"{one.kind.lower():12} {one.namespace}/{one.name}: {state}  {one.problem}".rstrip()
