"""Registrations that fail in the middle: the others go on, nothing is deleted, all is named.

Each new workflow fails for a reason of its own that somebody made by hand, in the database or in
the account, but for one that has none.
"""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3

from components import naming
from tests.environment.checkout import master, new_workflow
from tests.faults.commands import UP, converge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.login import Access, Login
    from tests.environment.checkout import Checkout, Declarations
    from tests.environment.conftest import Session

FINE = "unharmed"
# Workflow -> the type of its one resource that fails, and what is said of it. What PostgreSQL
# refuses is the last one's, as changes of roles are made one after the other.
FAILING = {
    "takensecret": ("aws:secretsmanager/secret:Secret", "(ResourceExistsException)"),
    "takenidentity": ("aws:iam/role:Role", "(EntityAlreadyExists)"),
    "takenrole": (
        "postgresql:index/role:Role",
        'role "local_takenrole" already exists (SQLSTATE 42710)',
    ),
}
SECRET = naming.connection_secret("local", "takensecret")
IDENTITY = naming.access_role("local", "workflow", "takenidentity")


@contextmanager
def session(access: Access, who: Login, database: str) -> Iterator[Session]:
    at = dataclasses.replace(access.instance("application"), default_database=database)
    with access.connect(who, at, autocommit=True) as found:
        yield found


def logins(checkout: Checkout) -> set[object]:
    with checkout.account() as access, session(access, master(), "postgres") as asking:
        rows = asking.execute("SELECT rolname::text FROM pg_roles WHERE rolcanlogin").fetchall()
    return {name for (name,) in rows}


@contextmanager
def in_the_way(checkout: Checkout) -> Iterator[None]:
    """Somebody has made by hand what the new workflows want to have."""
    empty = '{"Version": "2012-10-17", "Statement": []}'
    with checkout.account() as access:
        secrets, iam = boto3.client("secretsmanager"), boto3.client("iam")
        secrets.create_secret(Name=SECRET, SecretString="by hand")
        iam.create_role(RoleName=IDENTITY, AssumeRolePolicyDocument=empty)
        with session(access, master(), "postgres") as somebody:
            somebody.execute("CREATE ROLE local_takenrole")
    yield
    with checkout.account() as access:
        with session(access, master(), "postgres") as somebody:
            somebody.execute("DROP ROLE local_takenrole")
        secrets, iam = boto3.client("secretsmanager"), boto3.client("iam")
        secrets.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
        iam.delete_role(RoleName=IDENTITY)


def test_what_fails_is_named_and_the_others_go_on(environment: Checkout) -> None:
    def change(settings: Declarations) -> None:
        settings["workflows"] += [new_workflow(name) for name in (FINE, *FAILING)]
        settings["people"] = []

    environment.declare(change)
    try:
        with in_the_way(environment):
            run = environment.run(*UP)

            assert run.status == 1
            assert "Traceback" not in run.text
            said = [line for line in run.output.splitlines() if line.startswith("program ")]
            for workflow, (type_, reason) in FAILING.items():
                (line,) = (one for one in said if reason in one and workflow in one)
                assert f" {type_} " in line, line
                assert "; not tried, as they need it: " in line, line
            assert len(said) == len(FAILING) + 3, said
            assert "nothing was deleted; what was done is remembered: mend the cause" in said[-1]
            assert {f"local_{FINE}", "local_analysts"} <= logins(environment)

        converge(environment)

        assert {f"local_{name}" for name in (*FAILING, FINE)} <= logins(environment)
        assert "local_analysts" not in logins(environment)
    finally:
        environment.restore()
        environment.up()
