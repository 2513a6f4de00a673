"""`make up`: account, databases, Airflow, its example workflows, and the proof that all holds."""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime

from components.airflow.names import API_SERVER, object_name
from local import deploy, image, pulumi_cli
from local.account import service
from local.account.files import write_private
from local.account.landing_zone import LandingZone
from local.airflow import Web, web
from local.cluster import dags
from local.cluster import service as cluster
from local.commands.common import (
    LOCAL,
    CommandError,
    alone,
    build_packages,
    require_ports,
    settings_of,
    use_account,
)
from local.deploy import render
from local.example_runs import Outcome, run_examples
from local.login import Access
from local.paths import Paths
from local.proof import Attempt, Proof
from local.report import attempt_line, credentials_lines, outcome_line
from stacks.budget import connection_budget
from stacks.sentences import key, shown
from stacks.settings import Settings

AIRFLOW_SECONDS = 300
"""Within which Airflow has to be ready; a busy machine of two cores takes a minute."""


def run(paths: Paths, arguments: argparse.Namespace) -> int:
    """Bring the local environment up; status 1 if anything is not as declared."""
    begun = time.monotonic()
    settings = settings_of(paths, LOCAL)
    connection_budget(settings)
    _require_own_certificate(paths, settings)
    _require_engine(paths, arguments.engine)
    if not arguments.databases_only:
        _require_airflow(paths)
    with alone(paths, "up"):
        require_ports(paths, settings)
        proven = _bring_up(paths, settings, arguments)
    _say("done" if proven else "failed", f"after {time.monotonic() - begun:.0f} s")
    if proven:
        first = settings.workflows[0].name if settings.workflows else "<login>"
        print(f"\n  make psql AS={first}    make status    make down")
    return 0 if proven else 1


def _bring_up(paths: Paths, settings: Settings, arguments: argparse.Namespace) -> bool:
    """Start the account, apply the program, and prove what it promises."""
    write_private(paths.engine, f"{arguments.engine}\n".encode())
    _say("account", "starting this machine's AWS account")
    status = service.start(paths, LandingZone.from_settings(settings))
    _say("account", f"answers at {status.url}, process {status.pid}")
    use_account(paths)
    for line in build_packages(paths, LOCAL, settings):
        _say("package", line)
    if not arguments.databases_only:
        # It gets ready while the program runs; what it is to run comes later.
        cluster.start(paths, paths.manifests, paths.root / image.FOLDER)
    since = datetime.now(UTC)
    return _apply(paths, arguments.engine) and _run_and_prove(
        paths, settings, since, with_airflow=not arguments.databases_only
    )


def _say(step: str, text: str) -> None:
    print(f"{step:8} {text}", flush=True)


def _require_airflow(paths: Paths) -> None:
    """Have what Airflow runs from, before anything is started."""
    without = "or leave Airflow out with `make up DATABASES_ONLY=1`"
    if not (paths.root / image.FOLDER / "bin" / "airflow").exists():
        raise CommandError(f"Airflow is not installed here: run `make image`, {without}")
    if shutil.which("git") is None:
        raise CommandError(
            f"git is not on the PATH, and Airflow takes its DAGs by it: install it, {without}"
        )


def _require_own_certificate(paths: Paths, settings: Settings) -> None:
    """The account writes its certificate to one file, and the functions trust no other."""
    if paths.root / settings.ca_bundle != paths.ca_bundle:
        raise CommandError(
            f"{key('caBundle')} is {shown(settings.ca_bundle)} in Pulumi.{LOCAL}.yaml; it must be "
            f"{shown(str(paths.ca_bundle.relative_to(paths.root)))}, where `make up` puts the "
            "certificate of its databases; write that."
        )


def _require_engine(paths: Paths, engine: str) -> None:
    """Only the engine that made this stack goes on: each has a memory of its own."""
    made_by = paths.engine.read_text(encoding="utf-8").strip() if paths.engine.exists() else ""
    if made_by not in {"", engine}:
        raise CommandError(
            f"the local stack was made with ENGINE={made_by} and stays with it: "
            f"run `make up ENGINE={made_by}`, or `make down` first"
        )
    if engine == "pulumi":
        pulumi_cli.executable()


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


def _run_and_prove(
    paths: Paths, settings: Settings, since: datetime, *, with_airflow: bool
) -> bool:
    """Prove the databases while Airflow starts, then run the examples; tell who connected."""
    if with_airflow:
        commit = dags.publish(paths, paths.root / "airflow_home" / "dags")
        _say("airflow", f"starting, with the DAGs of the working tree (commit {commit[:8]})")
        cluster.apply(paths)
    broken = _prove_databases(paths, settings)
    interfaces: list[Web] = []
    if with_airflow:
        # The API server takes runs before the other components are ready to work on them.
        show = _show_components()
        cluster.wait_ready(paths, AIRFLOW_SECONDS, show, only=object_name(API_SERVER))
        interfaces = [web(paths, environment) for environment in settings.environments]
        for interface in interfaces:
            broken += _run_examples(paths, settings, interface)
        cluster.wait_ready(paths, AIRFLOW_SECONDS, show)
    print("\nwho connected, as whom, with which kind of credential")
    for line in credentials_lines(paths.endpoint_logs, since):
        print(f"  {line}")
    print()
    for promise in broken:
        _say("broken", promise)
    for interface in interfaces:
        _say(
            "web", f"{interface.address}  user {interface.user}; `make password` shows the password"
        )
    return not broken


def _prove_databases(paths: Paths, settings: Settings) -> list[str]:
    print("\nproven with real logins on real PostgreSQL", flush=True)
    broken: list[str] = []

    def show(attempt: Attempt) -> None:
        print(f"  {attempt_line(attempt)}", flush=True)
        if not attempt.kept:
            broken.append(f"the settings promise otherwise: {attempt_line(attempt)}")

    Proof(Access(paths, settings), settings).run(show)
    print(flush=True)
    return broken


def _run_examples(paths: Paths, settings: Settings, interface: Web) -> list[str]:
    """Run the example DAGs of the workflows that are declared; return the broken promises."""
    examples = {folder.name for folder in (paths.root / "airflow_home" / "dags").iterdir()}
    declared = {workflow.name for workflow in settings.workflows}
    _say("airflow", f"running the example workflows of {interface.environment}")
    outcomes = run_examples(
        interface.api(paths),
        frozenset(examples & declared),
        progress=lambda text: _say("airflow", text),
    )
    print("\nproven by tasks, each in a pod of its own with its workflow's identity")
    for outcome in outcomes:
        print(f"  {outcome_line(outcome)}", flush=True)
    return [_broken(outcome) for outcome in outcomes if not outcome.kept]


def _broken(outcome: Outcome) -> str:
    wanted = "succeed" if outcome.promised else "fail"
    return f"this task was to {wanted}: {outcome_line(outcome)}"


def _show_components() -> Callable[[cluster.Status], None]:
    told: set[str] = set()

    def show(status: cluster.Status) -> None:
        for one in status.components:
            if one.ready >= one.desired and one.name not in told:
                told.add(one.name)
                _say("airflow", f"{one.name} is ready")

    return show
