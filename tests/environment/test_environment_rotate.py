"""`make rotate`: a new password now, each step as it is taken, and one sentence when it cannot be.

What it prints holds no password, neither of before nor the new one, nor do its processes show one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import yaml

from tests.environment import rotation_faults as faults
from tests.environment.checkout import NAMESPACE
from tests.environment.rotation_faults import FIRST, PAIR, ROTATOR, SECRET, WHAT, Site

if TYPE_CHECKING:
    from local.login import Access
    from tests.environment.checkout import Checkout, Declarations, Run

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
OUTCOMES = ("put", "set", "proven", "promoted")
PARTNER = "partner"


@pytest.fixture
def site(environment: Checkout, access: Access) -> Iterator[Site]:
    """The environment; no run of the test shows a password that the secret had or has."""
    site, runs = Site(environment, access, boto3.client("secretsmanager")), len(environment.runs)
    held = [site.held()]
    yield site
    held += [site.held(label) for label in site.labels()]
    shown = "".join(run.text for run in environment.runs[runs:])
    shown += "".join(content.decode(errors="replace") for _, _, content in environment.seen)
    for one in held:
        assert len(one["password"]) == 32
        assert one["password"] not in shown


@pytest.fixture
def dev(bare: Checkout) -> Iterator[Checkout]:
    """A checkout whose stack `dev` has a rotated login in both of its environments."""
    file = bare.folder / "Pulumi.dev.yaml"
    before = file.read_text(encoding="utf-8")
    content = yaml.safe_load(before)
    config = content["config"]
    config[f"{NAMESPACE}people"] = [
        {
            "name": PARTNER,
            "principal": f"arn:aws:iam::{config[f'{NAMESPACE}account']}:role/{PARTNER}",
            "login": "rotated",
            "rotationDays": 7,
            "reads": [config[f"{NAMESPACE}workflows"][0]["name"]],
            "expires": (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%d"),
            "connectionLimit": 1,
        }
    ]
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    yield bare
    file.write_text(before, encoding="utf-8")


def rotate(checkout: Checkout, what: str = WHAT, *more: str, **environment: str) -> Run:
    return checkout.run("rotate", "--what", what, *more, **environment)


def told(run: Run) -> list[tuple[str, ...]]:
    """The steps that a run showed: name, word and outcome of each."""
    return re.findall(r"^\d\d:\d\d:\d\d  (\w+) +(\w+) +(\w+)$", run.output, re.MULTILINE)


def test_the_two_logins_take_turns(site: Site) -> None:
    held: list[dict[str, Any]] = [site.held()]
    for what in (WHAT, f"local/{WHAT}"):
        run = rotate(site.checkout, what)

        assert (run.status, run.errors) == (0, ""), run.text
        steps = [(step, "finished", word) for step, word in zip(STEPS, OUTCOMES, strict=True)]
        assert told(run) == steps
        first, *_, last = run.output.splitlines()
        version = site.labels()["AWSCURRENT"]
        assert first == f"{SECRET}: version {version} is to become the current one"
        assert last == (
            f"local/{WHAT} has a new password; what clients read before works until the next one"
        )
        held.append(site.held())
        # What was read before still works, and what was read before that does not any more.
        works = [site.gets_in(one) for one in held]
        assert works == [False, True, True][-len(held) :]
    names = [one["username"] for one in held]
    assert {*names} == {*PAIR}
    assert names[0] == names[2] != names[1]


def test_a_step_that_fails_is_one_sentence_and_the_next_run_goes_on(site: Site) -> None:
    before = site.labels()["AWSCURRENT"]
    site.sql(f"REVOKE ADMIN OPTION FOR {FIRST} FROM {ROTATOR}")
    try:
        run = rotate(site.checkout)
    finally:
        site.sql(f"GRANT {FIRST} TO {ROTATOR} WITH ADMIN OPTION")

    assert run.status == 1
    (sentence,) = run.errors.splitlines()
    assert sentence == (
        f"error: {ROTATOR} has no ADMIN option on {FIRST}. Nothing was changed: run `pulumi up` "
        "with `--refresh`, and rotate again. Clients' login works on; docs/rotation.md says what "
        "to do."
    )
    assert told(run) == [("createSecret", "finished", "put")]
    assert site.labels()["AWSCURRENT"] == before
    site.end_of_rotation()
    left = site.labels()["AWSPENDING"]

    run = rotate(site.checkout)

    assert (run.status, run.errors) == (0, "")
    assert run.output.startswith(f"{SECRET}: version {left}, left by a rotation, is tried again\n")
    assert told(run)[0] == ("createSecret", "finished", "kept")
    assert site.labels()["AWSCURRENT"] == left != before


def test_what_is_logged_besides_steps_is_told_too(site: Site) -> None:
    """A line that belongs to no step is no stumbling block."""
    faults.other_password(site)

    run = rotate(site.checkout)

    assert (run.status, run.errors) == (0, "")
    assert f"current_refused {site.other()}, PostgreSQL says 28P01" in run.output
    assert [step for step, _, _ in told(run)] == [*STEPS]


@pytest.mark.parametrize(
    ("what", "begin"),
    [
        ("nobody", "WHAT=nobody is no login that is rotated: write one of WHAT=local/billing-bi"),
        ("", "WHAT=(nothing) is no login that is rotated: write one of WHAT=local/billing-bi"),
        ("analysts", "WHAT=analysts is no login that is rotated: write one of WHAT=local/bill"),
        ("billing", "WHAT=billing is no login that is rotated: write one of WHAT=local/billing"),
    ],
)
def test_what_is_not_rotated(bare: Checkout, what: str, begin: str) -> None:
    """Whether it is unknown, missing, a person's or a workflow's that uses IAM."""
    assert rotate(bare, what).complaint.startswith(begin)


def test_a_stack_in_which_nothing_is_rotated(bare: Checkout) -> None:
    assert rotate(bare, WHAT, "--env", "prod").complaint == (
        f"WHAT={WHAT} is no login that is rotated: write `login: rotated` in the settings"
    )


def test_one_name_in_two_environments(dev: Checkout) -> None:
    assert rotate(dev, PARTNER, "--env", "dev").complaint == (
        f"WHAT={PARTNER} is in several environments: write one of WHAT=dev/{PARTNER}, "
        f"WHAT=qa/{PARTNER}"
    )


def test_nothing_is_up(bare: Checkout) -> None:
    assert rotate(bare).complaint == "nothing is up: run `make up` first"


def test_a_login_to_another_account(dev: Checkout, environment: Checkout) -> None:
    """Before anything is asked of it."""
    login = environment.paths.aws_environment("deployer")

    sentence = rotate(dev, f"qa/{PARTNER}", "--env", "dev", **login).complaint

    assert sentence == (
        "you are logged in to account 123456789012, and the stack dev is in 111122223333: log in "
        "to that one"
    )


def test_no_login_to_an_account(dev: Checkout) -> None:
    sentence = (
        rotate(dev, f"qa/{PARTNER}", "--env", "dev", AWS_EC2_METADATA_DISABLED="true")
    ).complaint

    assert sentence.startswith("AWS does not know who you are (")
    assert sentence.endswith("): log in to it")


def test_a_login_that_is_declared_but_not_deployed(environment: Checkout) -> None:
    def change(settings: Declarations) -> None:
        settings["people"].append({**settings["people"][1], "name": "latecomer"})

    environment.declare(change)
    try:
        sentence = rotate(environment, "latecomer").complaint
    finally:
        environment.restore()

    assert sentence.startswith("airflow/local/logins/latecomer cannot be rotated now (ResourceNot")
    assert sentence.endswith("docs/rotation.md says what to do.")
