"""What a killed run, a full disk or a restart of the machine may leave: half files, stale ids."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.environment.checkout import APPLICATION
from tests.faults.commands import (
    UP,
    account_process,
    complaint,
    kill,
    postmaster,
    put_back,
    settled,
    taken_down,
)
from tests.processes import lives

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.environment.checkout import Checkout


def _future(text: str) -> str:
    return json.dumps({**json.loads(text), "format": 99})


DAMAGES: dict[str, tuple[Callable[[str], str], str]] = {
    "truncated": (lambda text: text[: len(text) // 2], r"\S+state\.json is damaged \(.+\): "),
    "empty": (lambda _: "", r"\S+state\.json is damaged \(.+\): "),
    "future": (_future, r"\S+state\.json is the state of \S+ in format 99, not of \S+ in format 1"),
    "no-object": (lambda _: "[]", r"\S+state\.json is damaged "),
    "other-fields": (
        lambda text: text.replace('"dependencies"', '"depends"'),
        r"\S+state\.json is damaged ",
    ),
}


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(
            name, marks=[pytest.mark.faults] if name in {"no-object", "empty", "future"} else []
        )
        for name in DAMAGES
    ],
)
def test_a_damaged_state_is_not_guessed_at(environment: Checkout, damage: str) -> None:
    """Not even by `preview`; nothing is changed."""
    spoil, expected = DAMAGES[damage]
    with put_back(environment.paths.state) as file:
        spoilt = spoil(file.read_text("utf-8"))
        file.write_text(spoilt, "utf-8")
        for command in (UP, ("preview",)):
            said = complaint(environment.run(*command))
            assert re.match(expected, said), said
            assert "make down" in said or "restore" in said, said
        assert file.read_text("utf-8") == spoilt


def test_a_torn_journal_and_an_empty_note_of_the_engine_keep_nobody_out(
    environment: Checkout,
) -> None:
    """The journal counts up to where it is whole; which engine it was, nobody knows any more."""
    journal = environment.paths.state.with_name("state.json.journal")
    journal.write_text('{"urn": "urn:pulumi:local::airflow-postgres::aws:kms/k', "utf-8")
    environment.paths.engine.write_text("", "utf-8")

    settled(environment)

    assert not journal.exists()
    assert environment.paths.engine.read_text("utf-8") == "builtin\n"


def test_locks_and_ids_of_the_dead_keep_nobody_out(environment: Checkout) -> None:
    """Lock files that name a dead process; ids that now belong to somebody who is left alone."""
    bystander = psutil.Popen(["sleep", "600"])
    try:
        kill(account_process(environment))
        for name in ("lock", "state.json.lock", "account/lock"):
            file = environment.paths.local / name
            file.write_text("`up` of process 1, since 1970-01-01T00:00:00+00:00,", "utf-8")
        server = postmaster(environment, APPLICATION)
        kill(server)
        pid_file = environment.runtime_folder() / APPLICATION / "data" / "postmaster.pid"
        if not pid_file.exists():
            pid_file = environment.paths.account / "instances" / APPLICATION / "data/postmaster.pid"
        lines = pid_file.read_text("utf-8").split("\n")
        pid_file.write_text("\n".join([str(bystander.pid), *lines[1:]]), "utf-8")
        recorded = environment.paths.account / "pid"
        for text in (
            json.dumps({"pid": 2**22 + 1, "started": 1.5}),
            '{"pid": 1',
            "",
            json.dumps({"pid": bystander.pid, "started": 1.5}),  # which `up` finds in the end
        ):
            recorded.write_text(text, "utf-8")
            status = environment.run("status")
            assert (status.status, status.output) == (1, "")
        settled(environment)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_an_account_that_nobody_came_to_record_is_found(environment: Checkout) -> None:
    """`up` is killed between starting it and writing down who it is."""
    stray = account_process(environment)
    (environment.paths.account / "pid").unlink()

    settled(environment)

    assert not lives(stray)


@pytest.mark.faults
def test_down_with_half_written_files_removes_its_own_and_nothing_else(fresh: Checkout) -> None:
    """A full disk leaves empty files; the checkout itself is not the environment."""
    before = fresh.files()
    fresh.up()
    traces = fresh.traces()
    for file in ("account/runtime-folder", "engine", "account/pid"):
        (fresh.paths.local / file).write_text("", "utf-8")

    taken_down(fresh, before, traces)


def test_down_with_an_empty_note_of_its_folder_leaves_the_checkout_alone(fresh: Checkout) -> None:
    """An empty path is the folder one is in."""
    before = fresh.files()
    fresh.paths.account.mkdir(parents=True)
    (fresh.paths.account / "runtime-folder").write_text("", "utf-8")

    run = fresh.run("down")

    assert run.status == 0, run.text
    assert fresh.files() == before


def test_a_snapshot_that_cannot_be_read_is_said(environment: Checkout) -> None:
    kill(account_process(environment))
    with put_back(environment.paths.account / "snapshot" / "stores") as file:
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2])
        said = complaint(environment.run(*UP))

        assert "snapshot/stores cannot be read" in said
        assert "run `make down` and `make up`" in said
    # What a write leaves that was cut off.
    (environment.paths.account / "snapshot" / "stores.partial").write_bytes(os.urandom(99))
    settled(environment)
