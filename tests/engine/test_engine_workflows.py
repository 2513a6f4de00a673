"""The steps of the workflows that need the CLI do what they should, on an account of this machine.

That account has what the settings of `dev` take for granted and nothing else, and no cluster
answers, so nothing is applied here: `apply` is seen to refuse, and drift is all there is to make.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local import pulumi_cli
from tests.engine.preflight import missing
from tests.engine.pulumi_stack import PulumiStack, started
from tests.workflows.github_server import REPOSITORY, TOKEN, GitHub, serving
from tests.workflows.repositories import ROOT, committed, edited
from tests.workflows.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Mapping

STACK = "dev"
COMMIT = "5" * 40


@pytest.fixture(scope="module")
def engine() -> Iterator[PulumiStack]:
    """A copy of this checkout as a repository, with a pull request as its last commit."""
    if reason := missing():
        pytest.skip(reason)
    with started(STACK) as stack:
        folder = stack.checkout.folder
        shutil.copytree(ROOT / ".github", folder / ".github")
        shutil.copy(ROOT / ".gitignore", folder)
        if not (folder / ".venv").exists():
            (folder / ".venv").symlink_to(ROOT / ".venv")
        committed(folder, "what is on the main branch")
        edited(folder, f"Pulumi.{STACK}.yaml", ("reads: [reference]", "reads: [marketing]"))
        committed(folder, "billing reads something else")
        yield stack


@pytest.fixture
def github() -> Iterator[GitHub]:
    with serving() as repository:
        repository.permissions = {"issues"}
        yield repository


def runner(engine: PulumiStack, scratch: Path, variables: Mapping[str, str]) -> Runner:
    at = pulumi_cli.workspace(engine.checkout.paths, STACK)
    return Runner(
        checkout=engine.checkout.folder,
        scratch=scratch,
        event={},
        contexts={
            "matrix.environment": STACK,
            "github.repository": REPOSITORY,
            "github.event.pull_request.head.repo.full_name": REPOSITORY,
            "github.token": TOKEN,
            "vars.AWS_ROLE": "arn:aws:iam::111122223333:role/preview",
            "vars.PULUMI_BACKEND_URL": at.environment["PULUMI_BACKEND_URL"],
        },
        variables={**engine.environment(), **at.environment, **variables},
    )


def test_the_preview_is_compared_with_what_is_deployed(engine: PulumiStack, tmp_path: Path) -> None:
    done = runner(engine, tmp_path, {}).run("preview", "Preview")

    assert done.status == 0, done.text
    assert "**Resources**, compared with what is deployed: " in done.summary
    assert "created, 0 unchanged" in done.summary
    assert f"+ in {STACK}: billing (workflow) may now read {STACK}_marketing_v1" in done.summary
    assert f"- in {STACK}: billing (workflow) may no longer read" in done.summary


def test_drift_becomes_an_issue_which_is_written_anew(
    engine: PulumiStack, github: GitHub, tmp_path: Path
) -> None:
    machine = runner(engine, tmp_path, github.variables())

    first = machine.run("drift", "Look")

    assert first.status == 0, first.text
    assert first.output.rstrip().endswith("resources differ: issue created")
    (issue,) = github.issues
    assert issue["title"] == f"{STACK} is not as it is declared"
    assert "\n+ create aws:" in issue["body"]


def test_what_the_rules_refuse_is_not_applied(
    engine: PulumiStack, github: GitHub, tmp_path: Path
) -> None:
    github.branches = {"main": COMMIT}
    given = {**github.variables(), "GITHUB_REF_NAME": "main", "GITHUB_SHA": COMMIT}
    folder = engine.checkout.folder
    policies = Path("policies") / "environments" / f"{STACK}.json"
    before = (folder / policies).read_text("utf-8")
    settings = (folder / f"Pulumi.{STACK}.yaml").read_text("utf-8")
    (folder / policies).write_text("{}", "utf-8")  # as strict as by default: dev has one zone
    try:
        done = runner(engine, tmp_path, given).run("apply", "Apply")
    finally:
        (folder / policies).write_text(before, "utf-8")
        (folder / f"Pulumi.{STACK}.yaml").write_text(settings, "utf-8")

    assert done.status != 0
    assert "rds-multi-az" in done.text
    assert engine.export() == {}
