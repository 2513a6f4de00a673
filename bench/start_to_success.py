"""Seconds from one command to the first success of a DAG, beside a bare Airflow.

`python -m bench.start_to_success` in a checkout where nothing is up: `make up` from nothing, until
the DAG `billing` has succeeded; then, with our Airflow ended, a bare one on the same database
servers: same version, four components, the same two DAGs, from `airflow db migrate` on. The bare
one finds its database server running; ours has to create it, and everything else.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from psycopg import sql

from bench.bare_airflow import BareAirflow
from local import image
from local.account.service import loopback_address
from local.airflow_api import AirflowApi, AirflowError
from local.cluster import service as cluster
from local.commands.common import LOCAL, settings_of, use_account
from local.login import PREFIX, Access, Login
from local.paths import Paths

DAGS = ("reference", "billing")
"""What both run, one after the other: `billing` reads what `reference` publishes."""
ROLE = "bare_airflow"
PORT = 8080
RUN_SECONDS = 300
_POLL_SECONDS = 0.2


def ours(paths: Paths) -> dict[str, float]:
    """Run `make up` from nothing; return the seconds of its steps, counted from the start."""
    begun, marks = time.monotonic(), {}
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "up"], cwd=paths.root, stdout=subprocess.PIPE, text=True
    )
    for line in process.stdout or ():
        print(f"  {line}", end="", flush=True)
        seconds = time.monotonic() - begun
        if line.startswith("airflow  starting"):
            marks["program applied"] = seconds
        elif "is ready" in line:
            marks.setdefault("first component ready", seconds)
        elif line.startswith(f"airflow  {DAGS[-1]} ended as success"):
            marks["success"] = seconds
        elif line.startswith("done"):
            marks["all examples, all proofs"] = seconds
    if process.wait() != 0:
        raise SystemExit("`make up` failed, as it says above")
    return marks


def bare(paths: Paths) -> dict[str, float]:
    """Run a bare Airflow on the servers of the local environment; return its steps' seconds."""
    with tempfile.TemporaryDirectory() as home:
        airflow = _bare_airflow(paths, Path(home))
        begun, marks = time.monotonic(), {}
        airflow.migrate()
        marks["migrated"] = time.monotonic() - begun
        with airflow.running():
            api = _when_it_answers(airflow)
            marks["Airflow ready"] = time.monotonic() - begun
            while not {*DAGS} <= api.dags().keys():
                time.sleep(_POLL_SECONDS)
            for dag in DAGS:
                if api.wait(dag, api.begin(dag), RUN_SECONDS) != "success":
                    raise SystemExit(f"the bare Airflow's run of {dag} failed")
            marks["success"] = time.monotonic() - begun
    return marks


def _bare_airflow(paths: Paths, home: Path) -> BareAirflow:
    address = loopback_address(paths.root)
    urls = dict(_databases(paths))
    connection = f"postgres://{urls['application']}"
    dags = home / "dags"
    dags.mkdir()
    for dag in DAGS:
        (dags / dag).symlink_to(paths.root / "airflow_home" / "dags" / dag)
    return BareAirflow(
        home=home,
        image=paths.root / image.FOLDER,
        dags=dags,
        metadata=f"postgresql+psycopg2://{urls['metadata']}",
        connections=dict.fromkeys(DAGS, connection),
        address=address,
        port=PORT,
    )


def _databases(paths: Paths) -> Iterator[tuple[str, str]]:
    """Create a database on both instances, and a role with a password that owns it."""
    use_account(paths)
    settings = settings_of(paths, LOCAL)
    access = Access(paths, settings)
    for name in ("metadata", "application"):
        instance = dataclasses.replace(access.instance(name), default_database="postgres")
        master = Login(
            name="master",
            environment="",
            user="dbmaster",
            role_arn=f"arn:aws:iam::{settings.account}:role/{PREFIX}-{name}-break-glass",
            profile="break-glass",
        )
        password = secrets.token_hex(32)
        role = sql.Identifier(ROLE)
        with contextlib.closing(access.connect(master, instance, autocommit=True)) as session:
            session.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(role))
            session.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(role))
            session.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(password))
            )
            session.execute(sql.SQL("GRANT {} TO dbmaster").format(role))
            session.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))
        yield (
            name,
            (
                f"{ROLE}:{password}@{instance.host}:{instance.port}/{ROLE}"
                f"?sslmode=verify-full&sslrootcert={paths.ca_bundle}"
            ),
        )


def _when_it_answers(airflow: BareAirflow) -> AirflowApi:
    while True:
        with contextlib.suppress(AirflowError):
            if password := airflow.password():
                return AirflowApi(airflow.url, "admin", password)
        time.sleep(_POLL_SECONDS)


def main() -> int:
    """Measure both and print the table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    paths = Paths(Path.cwd())
    if paths.local.exists():
        raise SystemExit("a local environment is there: run `make down` first")
    try:
        own = ours(paths)
        cluster.stop(paths)
        other = bare(paths)
    finally:
        subprocess.run([sys.executable, "-m", "local", "down"], check=True)
    for title, marks in (("ours, `make up` from nothing", own), ("bare Airflow", other)):
        print(f"\n{title}")
        for step, seconds in marks.items():
            print(f"  {step:26} {seconds:6.1f} s")
    print(f"\nratio at the success of {DAGS[-1]}: {own['success'] / other['success']:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
