"""The state is private, survives a kill at any byte, and belongs to one run at a time."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from local.deploy import state, wire
from local.deploy.errors import DeployError
from local.deploy.state import Resource, State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CANARY = "canary-5c1e"


def _resource(name: str, **fields: wire.Json) -> Resource:
    urn = f"urn:pulumi:test::small::aws:kms/key:Key::{name}"
    return Resource(
        urn=urn,
        type="aws:kms/key:Key",
        dependencies=("urn:a", "urn:b"),
        property_dependencies={"policy": ("urn:a",)},
        **fields,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "state.json"


@pytest.fixture
def opened(path: Path) -> Iterator[State]:
    with state.opened(path, "small", "test", "up") as found:
        yield found


def _load(path: Path) -> State:
    return state.load(path, "small", "test")


def test_what_was_put_is_there_again(path: Path) -> None:
    first, second = _resource("a", id="1", outputs={"arn": "x"}), _resource("b", creating=True)
    with state.opened(path, "small", "test", "up") as opened:
        opened.put(first)
        opened.put(second)
        opened.exports = {"x": wire.secret("y")}
        opened.lookups = {"call": {"id": "z"}}
    found = _load(path)
    assert list(found.resources.values()) == [first, second]
    assert found.exports == {"x": wire.secret("y")}
    assert found.lookups == {"call": {"id": "z"}}
    assert sorted(file.name for file in path.parent.iterdir()) == ["state.json", "state.json.lock"]


def test_every_file_is_for_its_owner_only(path: Path, opened: State) -> None:
    opened.put(_resource("a"))
    opened.compact()
    opened.put(_resource("b"))
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(["state.json", "state.json.journal", "state.json.lock"], 0o600)


def test_each_change_is_on_disk_at_once(path: Path, opened: State) -> None:
    opened.put(_resource("a"))
    opened.put(_resource("b"))
    opened.remove(_resource("a").urn)
    assert list(_load(path).resources) == [_resource("b").urn]


def test_nothing_is_written_for_what_stays_the_same(opened: State) -> None:
    opened.put(_resource("a"))
    size = opened.journal.stat().st_size
    opened.put(_resource("a"))
    opened.remove("urn:unknown")
    assert opened.journal.stat().st_size == size


def test_a_torn_last_line_is_passed_over_wherever_it_is_cut(path: Path) -> None:
    with state.opened(path, "small", "test", "up") as opened:
        opened.put(_resource("a"))
        whole = len(opened.journal.read_bytes())
        opened.put(_resource("b", outputs={"text": "ä"}))
        journal = opened.journal.read_bytes()
    path.unlink()
    file = path.with_name("state.json.journal")
    for cut in range(whole, len(journal)):
        file.write_bytes(journal[:cut])
        assert list(_load(path).resources) == [_resource("a").urn]
    file.write_bytes(journal[: whole + 10])
    with state.opened(path, "small", "test", "up") as again:
        again.put(_resource("c"))
        # A kill now leaves a journal that is whole.
        assert sorted(_load(path).resources) == [_resource("a").urn, _resource("c").urn]


def test_a_damaged_journal_or_state_is_not_guessed_at(path: Path) -> None:
    path.parent.mkdir()
    journal = path.with_name("state.json.journal")
    journal.write_text('{"torn\n{"urn": "u", "resource": null}\n')
    with pytest.raises(DeployError, match=r"state\.json\.journal is damaged"):
        _load(path)
    journal.unlink()
    path.write_text("{")
    with pytest.raises(DeployError, match=r"state\.json is damaged .*: restore it"):
        _load(path)


def test_a_state_of_something_else_is_refused(path: Path) -> None:
    with state.opened(path, "small", "test", "up"):
        pass
    with pytest.raises(DeployError, match="is the state of small/test in format 1, not of small/d"):
        state.load(path, "small", "dev")


def test_a_second_run_is_told_who_holds_it(path: Path, opened: State) -> None:
    del opened

    with (
        pytest.raises(DeployError, match=rf"^`up` of process {os.getpid()}, since 20.* is using"),
        state.opened(path, "small", "test", "destroy"),
    ):
        pass


def test_the_lock_ends_with_its_holder(path: Path) -> None:
    killed = f"""
import os
from pathlib import Path
from local.deploy import state
with state.opened(Path({str(path)!r}), "small", "test", "up"):
    os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", killed], check=False).returncode == -9
    with state.opened(path, "small", "test", "up") as found:
        assert found.resources == {}


def test_threads_lose_nothing(path: Path, opened: State) -> None:
    def put(prefix: str) -> None:
        for number in range(50):
            opened.put(_resource(f"{prefix}{number}"))

    threads = [threading.Thread(target=put, args=(prefix,)) for prefix in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(_load(path).resources) == 200


def test_a_secret_is_on_disk_under_its_mark_only(path: Path) -> None:
    with state.opened(path, "small", "test", "up") as opened:
        opened.put(_resource("a", inputs={"password": wire.secret(CANARY)}))
        lines = opened.journal.read_text()
    marked = json.dumps(wire.secret(CANARY))
    for text in (lines, json.dumps(json.loads(path.read_text()))):
        assert text.count(CANARY) == text.count(marked) == 1


def test_needs_are_everything_that_must_outlive_it() -> None:
    one = _resource("a", parent="urn:p", provider="urn:v::id")
    assert one.needs == {"urn:a", "urn:b", "urn:p", "urn:v"}
