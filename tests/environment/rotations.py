"""A workflow whose password is rotated while its DAG runs; it tests nothing."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import psycopg
import yaml

from local.airflow_api import AirflowApi
from local.rotation import rotate, rotated_logins
from stacks.settings import load_stack_file
from tests.environment.checkout import NAMESPACE, Checkout, Declarations, declared
from tests.environment.running_airflow import RunningAirflow

WORKFLOW, DAG = "billing", "billing.rotated-login"
SECRET = "airflow/local/connections/billing"
ROLE = "airflow-local-workflow-billing"
ROUND_SECONDS = 60
"""How long the DAG may take to go round all ways in once more, on a busy machine."""
_POLL_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class Turn:
    """The time in which one login is the current one: from a rotation's end to the next's start.

    In seconds since 1970, as `Visit.begun`.
    """

    login: str
    version: str
    begun: float
    ended: float


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A login of a task, or a use of the session that it kept open."""

    task: str
    way: str
    begun: float
    """Before it asked for its connection."""
    login: str


@dataclass(frozen=True, kw_only=True)
class Rotating:
    """A run of the DAG, which goes on until the table `rotating` is gone."""

    checkout: Checkout
    api: AirflowApi
    run: str
    session: psycopg.Connection[tuple[Any, ...]] = field(repr=False)
    """Of the workflow's own login, and open all the time."""

    def turns(self, times: int) -> list[Turn]:
        """Rotate so many times; after each rotation the long task uses all ways in."""
        settings = load_stack_file(self.checkout.folder, "local")
        (login,) = (one for one in rotated_logins(settings) if one.name == WORKFLOW)
        found = []
        for _ in range(times):
            rotate(boto3.Session(), login, print)
            begun = time.time()
            value = boto3.client("secretsmanager").get_secret_value(SecretId=SECRET)
            self.wait_for_round(begun)
            found.append(
                Turn(
                    login=json.loads(value["SecretString"])["login"],
                    version=value["VersionId"],
                    begun=begun,
                    ended=time.time(),
                )
            )
        return found

    def wait_for_round(self, since: float) -> None:
        """Wait until the long task has used all ways, and its open session, since a moment."""
        deadline = time.monotonic() + ROUND_SECONDS
        while "kept_session" not in self._round(since):
            state = self.api.state(DAG, self.run)
            assert state in {"queued", "running"}, state
            assert time.monotonic() < deadline, self.visits()
            time.sleep(_POLL_SECONDS)

    def _round(self, since: float) -> list[str]:
        ways = [one.way for one in self.visits() if one.task == "long" and one.begun > since]
        return ways[ways.index("by_hook") :] if "by_hook" in ways else []

    def visits(self) -> list[Visit]:
        """All visits of the run until now, in their order."""
        if self.session.execute("SELECT to_regclass('visit')").fetchone() == (None,):
            return []
        query = "SELECT task, way, begun, login FROM visit WHERE run = %s ORDER BY begun"
        rows = self.session.execute(query, [self.run]).fetchall()
        return [
            Visit(task=task, way=way, begun=begun, login=login) for task, way, begun, login in rows
        ]

    def end(self) -> None:
        """Let the long task come to its end."""
        self.session.execute("DROP TABLE IF EXISTS rotating")


@contextlib.contextmanager
def rotating(airflow: RunningAirflow) -> Iterator[Rotating]:
    """Begin a run of the DAG, and wait until it has used all ways in."""
    airflow.wait_for_dags(DAG)
    with airflow.checkout.account() as access:
        login, instance = access.login(WORKFLOW), access.instance("application")
        with access.connect(login, instance, autocommit=True) as session:
            session.execute("CREATE TABLE IF NOT EXISTS rotating ()")
            api = airflow.api()
            run = api.begin(DAG)
            found = Rotating(checkout=airflow.checkout, api=api, run=run, session=session)
            try:
                found.wait_for_round(since=0)
                yield found
            finally:
                found.end()


@contextlib.contextmanager
def edited(checkout: Checkout, **more: object) -> Iterator[str]:
    """Have more in the workflow's declaration, for the next `up`; give the settings before."""
    before = checkout.stack_file.read_text(encoding="utf-8")
    content = yaml.safe_load(before)
    settings: Declarations = {"workflows": content["config"][f"{NAMESPACE}workflows"]}
    declared(settings, WORKFLOW).update(more)
    checkout.stack_file.write_text(yaml.safe_dump(content), encoding="utf-8")
    try:
        yield before
    finally:
        checkout.stack_file.write_text(before, encoding="utf-8")


def role_id(checkout: Checkout) -> str:
    """What another IAM role of the same name would not have."""
    with checkout.account():
        return str(boto3.client("iam").get_role(RoleName=ROLE)["Role"]["RoleId"])


def held(checkout: Checkout) -> set[str]:
    """The keys of what the workflow's secret holds now."""
    with checkout.account():
        value = boto3.client("secretsmanager").get_secret_value(SecretId=SECRET)
        return set(json.loads(value["SecretString"]))


def logins(checkout: Checkout) -> set[str]:
    """The workflow's logins in PostgreSQL, as another one sees them."""
    query = "SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname ~ '^local_billing(_.|)$'"
    with checkout.account() as access:
        login, instance = access.login("marketing"), access.instance("application")
        with access.connect(login, instance) as session:
            return {str(name) for (name,) in session.execute(query)}
