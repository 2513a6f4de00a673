"""Registrations that fail in the middle: the others go on, nothing is deleted, all is named.

Each new workflow fails for a reason of its own that somebody made by hand, in the database or in
the account, but for one that has none. Roles and rights are made in one line, as PostgreSQL's
plugin needs it: what fails there holds up the rest of the line, so it comes last in it here.
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
    from collections.abc import Iterator, Mapping
    from typing import LiteralString

    from local.login import Access
    from tests.environment.checkout import Checkout, Declarations

FINE = "unharmed"
# Workflow -> its one resource that fails, and what is said of it.
FAILING = {
    "takensecret": (
        "aws:secretsmanager/secret:Secret local-takensecret-connection",
        "(ResourceExistsException)",
    ),
    "takenidentity": ("aws:iam/role:Role local-takenidentity-login", "(EntityAlreadyExists)"),
    "takenrole": (
        "postgresql:index/role:Role local-takenrole-login",
        'role "local_takenrole" already exists (SQLSTATE 42710)',
    ),
}
# What groups and schemas are made of comes before all logins.
LATER = {
    "takenreader": (
        "postgresql:index/role:Role local-takenreader-reader",
        'role "local_takenreader_reader" already exists (SQLSTATE 42710)',
    ),
}
DEPENDENTS = {
    "takensecret": "aws:secretsmanager/secretVersion:SecretVersion local-takensecret-connection",
    "takenidentity": "aws:iam/rolePolicy:RolePolicy local-takenidentity-login",
    "takenrole": "postgresql:index/grant:Grant local-takenrole-connect",
    "takenreader": "postgresql:index/role:Role local-takenreader-writer",
}
SECRET = naming.connection_secret("local", "takensecret")
IDENTITY = naming.access_role("local", "workflow", "takenidentity")


def in_postgresql(access: Access, *statements: LiteralString) -> list[str]:
    """Run statements as the master user, who sees all roles; return the last one's first column."""
    at = dataclasses.replace(access.instance("application"), default_database="postgres")
    with access.connect(master(), at, autocommit=True) as session:
        cursors = [session.execute(each) for each in statements]
        return [name for (name,) in cursors[-1]] if cursors[-1].description else []


def logins(checkout: Checkout) -> set[str]:
    with checkout.account() as access:
        return {*in_postgresql(access, "SELECT rolname::text FROM pg_roles WHERE rolcanlogin")}


@contextmanager
def in_the_way(checkout: Checkout) -> Iterator[None]:
    """Somebody has made by hand what the new workflows want to have."""
    empty = '{"Version": "2012-10-17", "Statement": []}'
    with checkout.account() as access:
        secrets, iam = boto3.client("secretsmanager"), boto3.client("iam")
        secrets.create_secret(Name=SECRET, SecretString="by hand")
        iam.create_role(RoleName=IDENTITY, AssumeRolePolicyDocument=empty)
        made = "CREATE ROLE local_takenrole", "CREATE ROLE local_takenreader_reader"
        in_postgresql(access, *made)
        yield
        in_postgresql(access, "DROP ROLE local_takenrole", "DROP ROLE local_takenreader_reader")
        secrets.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
        iam.delete_role(RoleName=IDENTITY)


def test_what_fails_is_named_and_the_others_go_on(environment: Checkout) -> None:
    def declare(*workflows: str) -> None:
        def change(settings: Declarations) -> None:
            settings["workflows"] += [new_workflow(name) for name in workflows]
            settings["people"] = []

        environment.declare(change)

    try:
        with in_the_way(environment):
            declare(FINE, *FAILING)
            all_named(environment, FAILING)
            assert {f"local_{FINE}", "local_analysts"} <= logins(environment)
            declare(FINE, *FAILING, *LATER)
            all_named(environment, LATER)
            assert {f"local_{FINE}", "local_analysts"} <= logins(environment)

        converge(environment)

        assert {f"local_{name}" for name in (FINE, *FAILING, *LATER)} <= logins(environment)
        assert "local_analysts" not in logins(environment)
    finally:
        environment.restore()
        environment.up()


def all_named(checkout: Checkout, failing: Mapping[str, tuple[str, str]]) -> None:
    """Run `up`, which fails with one sentence for each of these, and deletes nothing."""
    run = checkout.run(*UP)

    assert run.status == 1
    assert "Traceback" not in run.text
    said = [line for line in run.output.splitlines() if line.startswith("program ")]
    for workflow, (resource, reason) in failing.items():
        line = next((one for one in said if one.startswith(f"program  {resource}: ")), "")
        assert line, run.text
        before, _, untried = line.partition("; not tried, as they need it: ")
        assert before.endswith(reason), line
        assert DEPENDENTS[workflow] in untried.split(", "), line
    # Besides them: which engine, the numbers, and how to go on.
    assert len(said) == len(failing) + 3, said
    assert said[-1].endswith(
        "nothing was deleted; what was done is remembered: "
        "mend the cause and run the same command again"
    )
