"""`make up`: account, databases, program, and the proof that it holds."""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime

from local import deploy, pulumi_cli
from local.account import service
from local.account.landing_zone import LandingZone
from local.commands.common import (
    LOCAL,
    CommandError,
    build_packages,
    settings_of,
    use_account,
)
from local.deploy import render
from local.login import Access
from local.paths import Paths
from local.proof import Attempt, Proof
from local.report import attempt_line, credentials_lines
from stacks.budget import connection_budget
from stacks.settings import Settings


def run(paths: Paths, arguments: argparse.Namespace) -> int:
    """Bring the local environment up; status 1 if anything is not as declared."""
    begun = time.monotonic()
    settings = settings_of(paths, LOCAL)
    connection_budget(settings)
    _keep_engine(paths, arguments.engine)
    _say("account", "starting this machine's AWS account")
    status = service.start(paths, LandingZone.from_settings(settings))
    _say("account", f"answers at {status.url}, process {status.pid}")
    use_account(paths)
    _say("package", build_packages(paths, LOCAL, settings))
    applied = _apply(paths, arguments.engine)
    proven = applied and _prove(paths, settings)
    _say("done" if proven else "failed", f"after {time.monotonic() - begun:.0f} s")
    if proven:
        first = settings.workflows[0].name if settings.workflows else "<login>"
        print(f"\n  make psql AS={first}    make status    make down")
    return 0 if proven else 1


def _say(step: str, text: str) -> None:
    print(f"{step:8} {text}", flush=True)


def _keep_engine(paths: Paths, engine: str) -> None:
    """Note which engine makes this stack; two engines with a memory each would undo one another."""
    made_by = paths.engine.read_text(encoding="utf-8").strip() if paths.engine.exists() else engine
    if made_by != engine:
        raise CommandError(
            f"the local stack was made with ENGINE={made_by} and stays with it: "
            f"run `make up ENGINE={made_by}`, or `make down` first"
        )
    if engine == "pulumi":
        pulumi_cli.executable()
    paths.local.mkdir(mode=0o700, exist_ok=True)
    paths.engine.write_text(engine + "\n", encoding="utf-8")


def _apply(paths: Paths, engine: str) -> bool:
    _say("program", f"applied by the {engine} engine")
    if engine == "pulumi":
        pulumi_cli.up(paths)
        return True
    result = deploy.up(
        paths.root,
        LOCAL,
        state_file=paths.state,
        progress=lambda event: None if event.seconds is None else print(render.line(event)),
        notice=print,
    )
    _say("program", render.counted(result.counts, result.unchanged))
    for message in result.messages:
        _say("program", message)
    return result.ok


def _prove(paths: Paths, settings: Settings) -> bool:
    since = datetime.now(UTC)
    access = Access(paths, settings)
    print("\nproven with real logins on real PostgreSQL", flush=True)
    broken: list[Attempt] = []

    def show(attempt: Attempt) -> None:
        print(f"  {attempt_line(attempt)}", flush=True)
        if not attempt.kept:
            broken.append(attempt)

    Proof(access, settings).run(show)
    print("\nwho connected, as whom, with which kind of credential")
    for line in credentials_lines(paths.endpoint_logs, since):
        print(f"  {line}")
    print()
    for attempt in broken:
        _say("broken", f"the settings promise otherwise: {attempt_line(attempt)}")
    return not broken
