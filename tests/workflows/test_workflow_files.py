"""Workflows are pinned, ask for the least, keep no key, and run what anybody can run."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest

from stacks.settings import load_stack_file
from tests.workflows.runner import ROOT, WORKFLOWS, loaded

NAMES = sorted(path.stem for path in WORKFLOWS.iterdir())
_PINNED = re.compile(r"[\w-]+/[\w./-]+@[0-9a-f]{40}")
_VERSIONED = re.compile(r"uses: \S+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
STACKS = {path.name.split(".")[1] for path in ROOT.glob("Pulumi.*.yaml")}
CLOUDS = {name for name in STACKS if load_stack_file(ROOT, name).kubernetes == "cluster"}
MAY_WRITE = {
    "comment": {"pull-requests": "write"},
    "preview": {"id-token": "write"},
    "apply": {"id-token": "write"},
    "drift": {"id-token": "write", "issues": "write"},
    "test": {},
}


def text_of(name: str) -> str:
    return (WORKFLOWS / f"{name}.yml").read_text("utf-8")


def steps_of(name: str) -> list[dict[str, Any]]:
    return [step for job in loaded(name)["jobs"].values() for step in job["steps"]]


def test_these_are_all() -> None:
    assert set(NAMES) == MAY_WRITE.keys()


@pytest.mark.parametrize("name", NAMES)
def test_actions_are_pinned_by_commit_with_their_version_beside(name: str) -> None:
    used = [step["uses"] for step in steps_of(name) if "uses" in step]

    assert used
    assert [one for one in used if not _PINNED.fullmatch(one)] == []
    lines = [line for line in text_of(name).splitlines() if "uses:" in line]
    assert [line for line in lines if not _VERSIONED.search(line)] == []


@pytest.mark.parametrize("name", NAMES)
def test_no_stored_key_is_used(name: str) -> None:
    assert "secrets." not in text_of(name)
    assert "access-key" not in text_of(name)


@pytest.mark.parametrize("name", NAMES)
def test_permissions_are_declared_and_least(name: str) -> None:
    document = loaded(name)

    assert document["permissions"] == {}
    for job in document["jobs"].values():
        asked = job["permissions"]
        assert {key: how for key, how in asked.items() if how != "read"} == MAY_WRITE[name]


@pytest.mark.parametrize("name", NAMES)
def test_commands_are_one_line_without_expressions(name: str) -> None:
    for step in steps_of(name):
        command = step.get("run", "")
        assert "${{" not in command
        assert "\n" not in command.strip()
        assert command.startswith(("make ", ".github/scripts/")) or not command


@pytest.mark.parametrize("name", NAMES)
def test_credentials_of_git_do_not_stay(name: str) -> None:
    for step in steps_of(name):
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


def test_nothing_of_a_pull_request_runs_where_something_may_be_written() -> None:
    for name in NAMES:
        assert "pull_request_target" not in loaded(name)["on"]
    for step in steps_of("comment"):
        assert "ref" not in step.get("with", {})
        assert "repository" not in step.get("with", {})
    assert "pull_request" not in loaded("apply")["on"]
    assert "pull_request" not in loaded("drift")["on"]


@pytest.mark.parametrize(
    ("name", "stacks"), [("preview", STACKS), ("apply", CLOUDS), ("drift", CLOUDS)]
)
def test_every_environment_is_there(name: str, stacks: set[str]) -> None:
    (job,) = loaded(name)["jobs"].values()

    assert set(job["strategy"]["matrix"]["environment"]) == stacks
    assert "matrix.environment" in job["environment"]


def test_one_run_at_a_time_touches_an_environment() -> None:
    groups = set()
    for name in ("apply", "drift"):
        (job,) = loaded(name)["jobs"].values()
        assert job["concurrency"]["cancel-in-progress"] is False
        groups.add(job["concurrency"]["group"])
    assert groups == {"deployed-${{ matrix.environment }}"}


def test_the_comment_follows_the_preview() -> None:
    assert loaded("comment")["on"]["workflow_run"]["workflows"] == [loaded("preview")["name"]]


def test_the_linters_have_nothing_to_say() -> None:
    ended = subprocess.run(
        [ROOT / ".github" / "scripts" / "lint"], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
