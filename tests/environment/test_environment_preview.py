"""`preview` says what would be declared, without an account and without a network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.environment.checkout import NAMESPACE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.environment.checkout import Checkout, Declarations

OFFLINE = """
import sys

def refuse(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.sendto"}:
        raise SystemExit(f"{event} although nothing has to be asked: {arguments}")

sys.addaudithook(refuse)
"""


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables with which Python refuses to connect to anything."""
    folder: Path = tmp_path_factory.mktemp("offline")
    (folder / "sitecustomize.py").write_text(OFFLINE, encoding="utf-8")
    return {"PYTHONPATH": str(folder)}


def declared(checkout: Checkout, stack: str) -> Declarations:
    text = (checkout.folder / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8")
    return {
        key.removeprefix(NAMESPACE): value for key, value in yaml.safe_load(text)["config"].items()
    }


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_a_fresh_clone_previews_every_stack_offline(
    bare: Checkout, offline: dict[str, str], stack: str
) -> None:
    run = bare.run("preview", "--env", stack, "--json", **offline)

    assert (run.status, run.errors) == (0, "")
    document: dict[str, Any] = json.loads(run.output)
    assert (document["project"], document["stack"]) == ("airflow-postgres", stack)
    resources = [one for one in document["resources"] if not one["component"]]
    assert document["counts"] == {"create": len(resources)}
    assert document["problems"] == []
    settings = declared(bare, stack)
    logins = {(one["environment"], one["name"]) for one in document["access"]["grants"]}
    assert logins == {
        (environment, one["name"])
        for environment in settings["environments"]
        for key in ("workflows", "people", "agents")
        for one in settings[key]
    }
    assert set(document["budget"]) == {"metadata", "application"}
    assert not bare.paths.local.exists()


def test_people_read_the_tree_the_budget_and_who_may_reach_what(
    bare: Checkout, offline: dict[str, str]
) -> None:
    run = bare.run("preview", "--env", "prod", **offline)

    assert (run.status, run.errors) == (0, "")
    (billing,) = (one for one in declared(bare, "prod")["workflows"] if one["name"] == "billing")
    assert f"billing may read and write prod_billing_v{billing['schemaVersion']}" in run.output
    assert "  + rds Instance application\n" in run.output
    assert run.output.splitlines()[-1].endswith(" to create")


def test_a_preview_of_what_is_up_shows_what_an_edit_changes(
    environment: Checkout, offline: dict[str, str]
) -> None:
    def change(settings: Declarations) -> None:
        settings["people"][0]["connectionLimit"] = 2

    environment.declare(change)
    try:
        people = environment.run("preview", **offline)
        machines = environment.run("preview", "--json", **offline)
    finally:
        environment.restore()

    document = json.loads(machines.output)
    unchanged = sum(not one["component"] for one in document["resources"]) - 1
    assert document["counts"] == {"update": 1, "same": unchanged}
    assert document["removals"] == []
    (changed,) = (one for one in document["resources"] if one["change"] == "update")
    assert changed["name"] == "local-analysts-login"
    assert changed["changed"] == {"connectionLimit": {"old": 3, "new": 2}}
    assert "connectionLimit: 3 → 2" in people.output
    assert people.output.splitlines()[-1] == f"1 to update, {unchanged} unchanged"
