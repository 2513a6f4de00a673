"""What is done a second time changes nothing: `up`, and the bootstrap of an instance."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING

import boto3
from psycopg import sql

from tests.environment.checkout import APPLICATION, METADATA, master

if TYPE_CHECKING:
    from local.login import Access
    from tests.environment.checkout import Checkout

CATALOGS = (
    "SELECT to_jsonb(r) - 'oid' FROM pg_roles r ORDER BY rolname",
    "SELECT to_jsonb(m) - 'oid' FROM pg_auth_members m ORDER BY roleid, member, grantor",
    "SELECT setdatabase, setrole::regrole, setconfig FROM pg_db_role_setting ORDER BY 1, 2",
    "SELECT datname, datdba::regrole, datacl, datconnlimit FROM pg_database ORDER BY 1",
    "SELECT nspname, nspowner::regrole, nspacl FROM pg_namespace ORDER BY 1",
)
JUNK = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "of-an-account-that-is-not-meant",
    "AWS_PROFILE": "of-somebody-else",
    "AWS_REGION": "us-east-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
}
"""What a shell may have that is meant for something else; nothing answers there."""


def test_a_second_run_changes_nothing_and_says_so(environment: Checkout) -> None:
    """In a shell that has credentials of another account, and a proxy."""
    state = environment.paths.state.read_bytes()

    run = environment.up(**JUNK)

    (said,) = re.findall(r"^program +(\d+ .*)$", run.output, re.MULTILINE)
    assert re.fullmatch(r"\d+ unchanged", said)
    assert len(json.loads(state)["resources"]) >= int(said.split()[0]) > 100
    assert environment.paths.state.read_bytes() == state
    assert "\ndone " in run.output


def test_status_tells_who_runs_and_who_connected(environment: Checkout) -> None:
    people, machines = environment.run("status"), environment.run("status", "--json", **JUNK)

    assert (people.status, machines.status) == (0, 0)
    document = json.loads(machines.output)
    assert document["account"]["url"] in people.output
    assert {one["identifier"]: one["status"] for one in document["instances"]} == {
        APPLICATION: "available",
        METADATA: "available",
    }
    kinds = {
        (one["instance"], one["event"], one["user"], one["method"])
        for one in document["connections"]
    }
    assert (APPLICATION, "in", "local_billing", "iam") in kinds
    assert (METADATA, "refused", "local_billing", "scram") in kinds
    # The master's password opened each instance at its bootstrap; and one login is rotated.
    passwords = {(kind[0], kind[2]) for kind in kinds if kind[1] == "in" and kind[3] == "scram"}
    assert passwords == {
        (APPLICATION, "dbmaster"),
        (METADATA, "dbmaster"),
        (APPLICATION, "local_billing_bi_a"),
    }


def catalogs(access: Access, instance: str) -> list[list[tuple[object, ...]]]:
    """All that the bootstrap could change, as the master sees it."""
    at = dataclasses.replace(access.instance(instance), default_database="postgres")
    who = dataclasses.replace(master(), role_arn=master().role_arn.replace("application", instance))
    with access.connect(who, at, autocommit=True) as session:
        return [session.execute(sql.SQL(query)).fetchall() for query in CATALOGS]


def test_the_bootstrap_invoked_again_ends_in_the_same_place(
    environment: Checkout, access: Access
) -> None:
    """With the very event of the first time, by the deployer."""
    state = json.loads(environment.paths.state.read_text(encoding="utf-8"))
    events = {
        one["inputs"]["functionName"]: one["inputs"]["input"]
        for one in state["resources"]
        if one["type"] == "aws:lambda/invocation:Invocation"
        and "bootstrap" in one["inputs"]["functionName"]
    }
    assert len(events) == 2
    for function, event in events.items():
        name = "application" if "application" in function else "metadata"
        before = catalogs(access, name)

        answer = boto3.client("lambda").invoke(FunctionName=function, Payload=event)

        result = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, result
        assert (result["loggedInBy"], result["done"]) == ("iam", [])
        assert catalogs(access, name) == before
