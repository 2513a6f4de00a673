"""Each step's command does what its workflow wants, with what GitHub gives it.

What needs the pulumi CLI is in `tests/engine`.
"""

from __future__ import annotations

import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.workflows.github_server import (
    REPOSITORY,
    TOKEN,
    GitHub,
    pull_request,
    serving,
)
from tests.workflows.repositories import committed, copied, edited
from tests.workflows.runner import Done, Runner

NUMBER, OWNER, BRANCH, COMMIT = 7, "somebody", "more-access", "5" * 40
FORK = {
    "matrix.environment": "dev",
    "github.repository": REPOSITORY,
    "github.event.pull_request.head.repo.full_name": f"{OWNER}/data-platform",
    "vars.AWS_ROLE": "arn:aws:iam::111122223333:role/preview",
}
AFTER_IT = {
    "workflow_run": {
        "head_branch": BRANCH,
        "head_sha": COMMIT,
        "head_repository": {"owner": {"login": OWNER}},
    }
}


@pytest.fixture(scope="module")
def change(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of a pull request that lets a workflow read another one's schema in dev."""
    folder = copied(tmp_path_factory.mktemp("change") / "checkout")
    committed(folder, "what is on the main branch")
    edited(folder, "Pulumi.dev.yaml", ("reads: [reference]", "reads: [reference, marketing]"))
    committed(folder, "billing reads marketing")
    return folder


@pytest.fixture(scope="module")
def previewed(change: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Runner, Done]:
    """The preview of a fork's pull request, which has no credentials."""
    runner = Runner(
        checkout=change,
        scratch=tmp_path_factory.mktemp("preview"),
        event={},
        contexts=FORK,
        variables={},
    )
    return runner, runner.run("preview", "Preview")


@pytest.fixture
def github() -> Iterator[GitHub]:
    """A repository in which the pull request is open."""
    with serving() as repository:
        repository.permissions = {"pull-requests"}
        repository.pulls = [
            pull_request(3, OWNER, "another", COMMIT),
            pull_request(NUMBER, OWNER, BRANCH, COMMIT),
        ]
        yield repository


def commenting(
    previewed: tuple[Runner, Done], github: GitHub, event: dict[str, Any] = AFTER_IT
) -> Done:
    runner, _ = previewed
    after = Runner(
        checkout=runner.checkout,
        scratch=runner.scratch,
        event=event,
        contexts={"github.token": TOKEN},
        variables=github.variables(),
    )
    return after.run("comment", "Comment")


def test_a_fork_is_previewed_without_the_cli_and_without_credentials(
    previewed: tuple[Runner, Done],
) -> None:
    runner, done = previewed

    assert done.status == 0, done.text
    assert "compared with the base's program, not what is deployed" in done.summary
    assert "+ in dev: billing (workflow) may now read dev_marketing_v1" in done.summary
    left = runner.scratch / "temp" / "previews" / "preview-dev"
    assert {path.name for path in left.iterdir()} == {"access.json", "changes.json", "policy.json"}
    assert not (runner.checkout / ".git" / "worktrees").exists()


def test_one_comment_is_written_and_then_updated(
    previewed: tuple[Runner, Done], github: GitHub
) -> None:
    runner, done = previewed
    first = commenting(previewed, github)
    assert (first.status, first.output) == (0, f"pull request {NUMBER}: comment created\n")
    (comment,) = github.comments[NUMBER]
    assert comment["body"].strip() == done.summary.strip()

    again = commenting(previewed, github)
    assert again.output == f"pull request {NUMBER}: comment unchanged\n"

    access = runner.scratch / "temp" / "previews" / "preview-dev" / "access.json"
    before = access.read_text("utf-8")
    access.write_text(before.replace("may now read", "may now not read"), "utf-8")
    try:
        last = commenting(previewed, github)
    finally:
        access.write_text(before, "utf-8")
    assert last.output == f"pull request {NUMBER}: comment updated\n"
    (comment,) = github.comments[NUMBER]
    assert "may now not read" in comment["body"]
    assert github.writes == [
        f"POST issues/{NUMBER}/comments",
        f"PATCH issues/comments/{comment['id']}",
    ]


def test_the_comment_is_found_among_hundreds_and_nobody_elses_is_touched(
    previewed: tuple[Runner, Done], github: GitHub
) -> None:
    commenting(previewed, github)
    ((own,),) = github.comments.values()
    forged = {**own, "id": 1, "user": {"login": OWNER, "type": "User"}, "body": own["body"] + "!"}
    others = [{**forged, "id": number + 2, "body": "hello"} for number in range(250)]
    github.comments[NUMBER] = [forged, *others, {**own, "body": f"{own['body']}old"}]

    done = commenting(previewed, github)

    assert done.output == f"pull request {NUMBER}: comment updated\n"
    assert github.writes[-1] == f"PATCH issues/comments/{own['id']}"
    assert forged["body"].endswith("!")


def test_a_pull_request_that_went_on_gets_no_old_comment(
    previewed: tuple[Runner, Done], github: GitHub
) -> None:
    github.pulls[1]["head"]["sha"] = "6" * 40

    done = commenting(previewed, github)

    assert done.status == 0
    assert "no open pull request has these previews' commit as its last one" in done.output
    assert github.writes == []


def test_without_the_permission_github_is_quoted(
    previewed: tuple[Runner, Done], github: GitHub
) -> None:
    github.permissions = set()

    done = commenting(previewed, github)

    assert done.status != 0
    first, *_ = done.errors.splitlines()
    assert first.startswith(f"error: GitHub answered 403 to POST issues/{NUMBER}/comments")
    assert TOKEN not in done.text


def test_another_kind_of_event_is_refused(previewed: tuple[Runner, Done], github: GitHub) -> None:
    done = commenting(previewed, github, {"pull_request": {"number": NUMBER}})

    assert done.status != 0
    assert "must be the event of a workflow_run" in done.errors
    assert github.writes == []


def test_what_a_change_breaks_fails_the_preview_and_is_told(change: Path, tmp_path: Path) -> None:
    broken = copied_again(change, tmp_path)
    edited(broken, "Pulumi.dev.yaml", ("reads: [reference, marketing]", "reads: [nobody]"))
    committed(broken, "billing reads nobody's")
    runner = Runner(
        checkout=broken, scratch=tmp_path / "run", event={}, contexts=FORK, variables={}
    )
    runner.scratch.mkdir()

    done = runner.run("preview", "Preview")

    assert done.status != 0
    assert "error: airflow-postgres:workflows[0].reads[0]" in done.errors
    assert done.summary.count("**Not known:**") == 3


def test_a_commit_that_main_has_left_behind_is_not_applied(
    change: Path, github: GitHub, tmp_path: Path
) -> None:
    github.branches = {"main": "6" * 40}
    runner = Runner(
        checkout=change,
        scratch=tmp_path,
        event={},
        contexts={"matrix.environment": "dev", "github.token": TOKEN},
        variables={
            **github.variables(),
            "GITHUB_REF_NAME": "main",
            "GITHUB_SHA": COMMIT,
        },
    )

    done = runner.run("apply", "Apply")

    assert done.status != 0
    assert done.text == (
        "error: main is at 6666666666, this run is of 5555555555: nothing is applied, which "
        "would take back what came after; let the run of 6666666666 go on\n"
    )


def copied_again(change: Path, folder: Path) -> Path:
    copy = folder / "checkout"
    shutil.copytree(change, copy, symlinks=True)
    return copy


def test_the_cli_is_installed_by_its_installer_in_the_version_of_the_sdk(
    change: Path, tmp_path: Path
) -> None:
    installer = b'mkdir -p "$HOME/.pulumi/bin" && echo "$@" >"$HOME/.pulumi/bin/asked"\n'

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(installer)))
            self.end_headers()
            self.wfile.write(installer)

        def log_message(self, *arguments: object) -> None:
            del arguments

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}/"
        runner = Runner(
            checkout=change,
            scratch=tmp_path,
            event={},
            contexts={},
            variables={"PULUMI_INSTALLER": address, "no_proxy": "127.0.0.1"},
        )
        done = runner.run("apply", "Install the CLI")
        server.shutdown()
        thread.join()

    assert done.status == 0, done.text
    bin_ = tmp_path / "home" / ".pulumi" / "bin"
    locked = (change / "requirements.lock").read_text("utf-8")
    (_, _, version) = (bin_ / "asked").read_text().strip().partition(" ")
    assert f"\npulumi=={version} " in locked
    assert done.path == f"{bin_}\n"
