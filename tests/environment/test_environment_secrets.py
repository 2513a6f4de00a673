"""Each secret is where it belongs and nowhere else, in an environment that has just been used.

What is searched for, and where it belongs, is `secret_inventory`. Everything that may write to a
log does: PostgreSQL logs each statement while a workflow comes and goes, and while the master's
passwords are rotated. pgaudit and pg_stat_statements are not in this machine's PostgreSQL; where
they are, their views are searched as all others.
"""

from __future__ import annotations

import contextlib
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from tests.environment.checkout import APPLICATION, METADATA, Declarations, new_workflow
from tests.environment.searches import (
    ANSWER,
    ARGUMENTS,
    FILE,
    NAME,
    OBJECT,
    OUTPUT,
    TABLE,
    VARIABLES,
    Place,
    Search,
)
from tests.environment.secret_inventory import INVENTORY
from tests.environment.secret_judgement import problems, strangers
from tests.environment.secret_rows import UNKNOWABLE, WITH_AIRFLOW, Secret
from tests.environment.secret_values import Holders
from tests.environment.whole_search import WholeSearch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.environment.checkout import Checkout

TALKATIVE = {
    "log_statement": "all",
    "log_min_duration_statement": "0",
    "log_min_messages": "info",
    "log_parameter_max_length": "-1",
    "log_parameter_max_length_on_error": "-1",
}
"""All that PostgreSQL can be made to write down without a module."""
COMMANDS = (
    ("status",),
    ("status", "--json"),
    ("preview",),
    ("preview", "--json"),
    ("psql", "--as", "billing"),
    ("psql", "--as", "billing", "--database", "metadata"),
)
SECONDS = 30


@contextlib.contextmanager
def talkative(holders: Holders) -> Iterator[None]:
    """Let both servers log everything, and then as before."""
    client = boto3.client("rds")
    groups = {
        one["DBInstanceIdentifier"]: one["DBParameterGroups"][0]["DBParameterGroupName"]
        for one in client.describe_db_instances()["DBInstances"]
    }
    before = {instance: _log_statement(holders, instance) for instance in groups}
    for group in groups.values():
        client.modify_db_parameter_group(
            DBParameterGroupName=group, Parameters=_parameters(TALKATIVE)
        )
    _wait(holders, dict.fromkeys(groups, "all"))
    yield
    for instance, group in groups.items():
        own = {"log_statement": before[instance]}
        client.modify_db_parameter_group(DBParameterGroupName=group, Parameters=_parameters(own))
        others = _parameters({name: value for name, value in TALKATIVE.items() if name not in own})
        client.reset_db_parameter_group(DBParameterGroupName=group, Parameters=others)
    _wait(holders, before)


def _parameters(values: dict[str, str]) -> list[dict[str, str]]:
    return [
        {"ParameterName": name, "ParameterValue": value, "ApplyMethod": "immediate"}
        for name, value in values.items()
    ]


def _log_statement(holders: Holders, instance: str) -> str:
    with holders.superuser(instance) as session:
        ((value,),) = session.execute("SHOW log_statement").fetchall()
    return str(value)


def _wait(holders: Holders, wanted: dict[str, str]) -> None:
    deadline = time.monotonic() + SECONDS
    while any(_log_statement(holders, one) != value for one, value in wanted.items()):
        assert time.monotonic() < deadline, wanted
        time.sleep(0.1)


def use(checkout: Checkout) -> None:
    """Rotate both passwords, let a workflow come and go, and run each command that shows things."""
    client = boto3.client("rds")
    for instance in (APPLICATION, METADATA):
        client.modify_db_instance(
            DBInstanceIdentifier=instance, RotateMasterUserPassword=True, ApplyImmediately=True
        )

    def change(settings: Declarations) -> None:
        settings["workflows"].append(new_workflow("comes-and-goes", drop=True))

    checkout.declare(change)
    try:
        checkout.up()
    finally:
        checkout.bring_back()
    with ThreadPoolExecutor(max_workers=3) as several:
        asked = "SELECT query FROM pg_stat_activity; SELECT rolname, rolconfig FROM pg_roles;\n"
        list(several.map(lambda command: checkout.run(*command, given=asked), COMMANDS))


@pytest.fixture(scope="module")
def search(environment: Checkout) -> Search:
    with environment.account():
        holders = Holders(environment)
        # A row of a table stays in its file for a while after it was changed.
        former = holders.values()
        with talkative(holders):
            use(environment)
        return WholeSearch(environment, more=former).finish()


@pytest.mark.parametrize(
    "secret",
    [one for one in INVENTORY if one.seen not in {WITH_AIRFLOW, UNKNOWABLE}],
    ids=lambda one: one.name,
)
def test_a_secret_is_where_it_belongs_alone(search: Search, secret: Secret) -> None:
    assert problems(search, secret, airflow=False) == []


def test_nothing_else_looks_like_a_secret(search: Search) -> None:
    assert strangers(search) == []


def test_everything_was_looked_at(search: Search, environment: Checkout) -> None:
    kinds = {ARGUMENTS, VARIABLES, FILE, NAME, TABLE, ANSWER, OUTPUT}
    assert search.looked.keys() | {OBJECT} == {*kinds, OBJECT}
    files = {place.where for place in search.read if place.kind == FILE}
    assert files >= {
        ".local/state.json",
        ".local/account/account.log",
        *(f".local/endpoint/{one}.log" for one in (APPLICATION, METADATA)),
        *(f".local/account/functions/logs/{one}-bootstrap.log" for one in (APPLICATION, METADATA)),
        *(f"instances/{one}/server.log" for one in (APPLICATION, METADATA)),
    }
    assert any(where.startswith(".local/manifests/") for where in files)
    said = {place.where for place in search.read if place.kind == OUTPUT}
    assert said >= {"up --databases-only", *(" ".join(command) for command in COMMANDS)}
    statuses = {run.arguments: run.status for run in environment.runs}
    assert [statuses[one] == 0 for one in COMMANDS] == [True] * 5 + [False]


def test_processes_were_seen_with_their_variables(search: Search) -> None:
    seen = {place.where for place in search.read if place.kind == VARIABLES}
    python = Path(sys.executable).name
    assert seen >= {python, "postgres", f"function {APPLICATION}-bootstrap"}


@pytest.mark.parametrize("instance", [APPLICATION, METADATA])
def test_each_statement_was_logged(environment: Checkout, instance: str) -> None:
    """But the account's own, which on AWS are RDS's; one of them has the master's verifier."""
    folders = (environment.runtime_folder(), environment.paths.account / "instances")
    (log,) = (file for folder in folders for file in folder.glob(f"{instance}/server.log"))
    said = log.read_text(encoding="utf-8")

    assert "duration: " in said
    assert re.search(r"LOG:  (duration: .*)?(statement|execute <unnamed>): ", said)
    if instance == APPLICATION:
        assert 'CREATE ROLE "local_comes_and_goes"' in said


def test_private_files_are_for_their_owner_alone(environment: Checkout) -> None:
    paths = environment.paths
    for path in (paths.local, paths.account, paths.endpoint_logs):
        assert path.stat().st_mode & 0o077 == 0, path
    keys = (paths.account / one for one in ("oidc.json", "sessions.key", "root.key"))
    for path in (paths.credentials, paths.state, *keys):
        assert path.stat().st_mode & 0o177 == 0, path


def test_it_sees_what_is_planted(environment: Checkout) -> None:
    """A stray file with a key, a token nobody made, and a secret in a log: each is named."""
    with environment.account():
        whole = WholeSearch(environment)
        secret = whole.secret_of("password of the master user")
        for kind, where, text in PLANTS:
            whole.search.look(kind, where, text.replace(b"%", secret))

    row = next(one for one in INVENTORY if one.name == "password of the master user")
    said = [*problems(whole.search, row, airflow=False), *strangers(whole.search)]
    for kind, where, _ in PLANTS:
        assert any(str(Place(kind, where)) in one for one in said), where
    assert not any(secret.decode() in one for one in said)


PLANTS = (
    (OUTPUT, "up", b"the password is %."),
    (FILE, "TMPDIR/backup", b'{"password": "%"}'),
    (FILE, "instances/x/server.log", b"SCRAM-SHA-256$4096:" + b"A" * 24 + b"$" + b"B" * 44),
    (FILE, "HOME/key.pem", b"-----BEGIN PRIVATE KEY-----\n" + b"C" * 64 + b"\n"),
    (VARIABLES, "python", b"AWS_SESSION_TOKEN=gAAAAAB" + b"D" * 100 + b"=="),
    (FILE, ".local/state.json", b"AKIA" + b"E" * 16),
    (TABLE, "x/y.public.log", b"eyJ" + b"F" * 30 + b".eyJ" + b"G" * 30 + b"." + b"H" * 30),
)
