"""The command line: what it refuses is one sentence and status 1, and `psql` is a prompt."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.environment.checkout import Checkout, Declarations
    from tests.environment.visits import Visits


@pytest.mark.parametrize("command", ["up", "preview"])
def test_an_unknown_key_in_the_settings(bare: Checkout, command: str) -> None:
    def change(settings: Declarations) -> None:
        settings["workflows"][0]["conectionLimit"] = 7

    bare.declare(change)
    try:
        sentence = bare.run(command).complaint
    finally:
        bare.restore()

    assert "conectionLimit" in sentence
    assert "connectionLimit" in sentence
    assert not bare.paths.local.exists()


def test_more_connections_than_the_instance_has(bare: Checkout) -> None:
    def change(settings: Declarations) -> None:
        settings["workflows"][0]["connectionLimit"] = 10_000

    bare.declare(change)
    try:
        run = bare.run("up")
    finally:
        bare.restore()

    assert (run.status, run.output) == (1, "")
    assert run.errors.startswith("error: ")
    assert "10000" in run.errors
    assert "Traceback" not in run.errors
    assert not bare.paths.local.exists()


def test_a_stack_that_has_no_file(bare: Checkout) -> None:
    assert "Pulumi.nowhere.yaml" in bare.run("preview", "--env", "nowhere").complaint


@pytest.mark.parametrize("command", [("status",), ("psql", "--as", "billing")])
def test_nothing_is_up(bare: Checkout, command: tuple[str, ...]) -> None:
    assert bare.run(*command).complaint == "nothing is up: run `make up` first"


def test_down_when_nothing_is_up(bare: Checkout) -> None:
    run = bare.run("down")

    assert (run.status, run.text) == (0, "nothing is up\n")


def test_the_other_engine_when_its_cli_is_missing(bare: Checkout, tmp_path: Path) -> None:
    sentence = bare.run("up", "--engine", "pulumi", PATH=str(tmp_path)).complaint

    assert sentence.startswith("ENGINE=pulumi needs the pulumi CLI on the PATH")
    assert not bare.paths.local.exists()


def test_a_stack_stays_with_the_engine_that_made_it(environment: Checkout) -> None:
    sentence = environment.run("up", "--engine", "pulumi").complaint

    assert sentence.startswith("the local stack was made with ENGINE=builtin and stays with it")


def test_a_tunnel_without_kubectl(bare: Checkout, tmp_path: Path) -> None:
    sentence = bare.run("tunnel", "--env", "prod", PATH=str(tmp_path)).complaint

    assert sentence.startswith("make tunnel needs kubectl on the PATH")


def test_certificates_that_cannot_be_fetched(bare: Checkout) -> None:
    """No network is asked: the proxy that the shell names does not answer."""
    before = bare.files()

    sentence = (
        bare.run("certificates", "--env", "prod", HTTPS_PROXY="http://127.0.0.1:9")
    ).complaint

    assert sentence.startswith("the CA bundle could not be fetched from https://truststore.pki.")
    assert bare.files() == before


def test_a_package_without_certificates(bare: Checkout) -> None:
    assert "make certificates ENV=" in bare.run("package", "--env", "prod").complaint


def test_the_prompt_is_the_login_with_its_token(environment: Checkout, visits: Visits) -> None:
    statement = "SELECT current_user || '+' || session_user AS who;\n"

    run = environment.run("psql", "--as", "billing", given=statement)

    assert run.status == 0, run.text
    assert "local_billing_writer+local_billing" in run.output
    assert run.output.startswith("airflow-local-application as local_billing, by web identity of ")
    users = {(line["user"], line["method"]) for line in visits.all(event="in")}
    assert users == {("local_billing", "iam")}


def test_the_prompt_for_a_login_that_is_refused(environment: Checkout, visits: Visits) -> None:
    """It says so and asks for no password, as there is none."""
    run = environment.run("psql", "--as", "billing", "--database", "metadata")

    assert run.status != 0
    assert 'authentication failed for user "local_billing"' in run.text
    assert not re.search("Password for|Traceback", run.text)
    assert visits.only(event="refused")["user"] == "local_billing"


@pytest.mark.parametrize(
    ("arguments", "begin"),
    [
        (("--as", "nobody"), "AS=nobody is no login of the settings: write one of AS=local_bill"),
        ((), "AS=(nothing) is no login of the settings: write one of AS=local_billing, "),
        (("--as", "billing", "--database", "mine"), "DB=mine is no instance: write DB=application"),
    ],
)
def test_the_prompt_for_what_there_is_not(
    environment: Checkout, arguments: tuple[str, ...], begin: str
) -> None:
    assert environment.run("psql", *arguments).complaint.startswith(begin)


def test_the_prompt_for_a_login_that_is_declared_but_not_deployed(environment: Checkout) -> None:
    def change(settings: Declarations) -> None:
        settings["workflows"].append({**settings["workflows"][2], "name": "latecomer"})

    environment.declare(change)
    try:
        sentence = environment.run("psql", "--as", "latecomer").complaint
    finally:
        environment.restore()

    assert sentence.startswith("local_latecomer gets no credentials of arn:aws:iam::123456789012:")
    assert sentence.endswith("run `make up` if the settings were edited since")


def test_a_reader_that_has_seen_enough_is_no_fault(bare: Checkout) -> None:
    """As in `make preview | head`: the output is closed before it ends."""
    read_end, write_end = os.pipe()
    os.close(read_end)

    ended = subprocess.run(
        [sys.executable, "-m", "local", "preview"],
        cwd=bare.folder,
        env=bare.environment(),
        stdout=write_end,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write_end)

    assert (ended.returncode, ended.stderr) == (1, b"")
