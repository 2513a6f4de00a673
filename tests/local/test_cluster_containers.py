"""Containers at their ends, each with a shim of its own and no node."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from local.cluster.containers import Container, Launch
from local.cluster.warm_start import WarmInterpreter
from tests.local.cluster_node_fixtures import eventually

if TYPE_CHECKING:
    from pathlib import Path

# Goes on having children that lose their parent.
RESTLESS = "while :; do (sleep 600 &); sleep 0.01; done"


def _start(mark: str, script: str, folder: Path) -> Container:
    launch = Launch(
        folder=str(folder),
        argv=["/bin/sh", "-c", script],
        env={"MARK": mark, "PATH": os.defpath},
        cwd="/",
        user=None,
    )
    return Container.start(launch, WarmInterpreter(None, None))


def _left(mark: str) -> list[psutil.Process]:
    """Whatever has a variable `MARK` of this value."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MARK") == mark:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("delay_ms", range(0, 100, 4))
def test_a_container_that_is_destroyed_as_it_starts_leaves_nothing(
    delay_ms: int, tmp_path: Path
) -> None:
    mark = f"{os.getpid()}-{delay_ms}"
    container = _start(mark, RESTLESS, tmp_path / "container")
    time.sleep(delay_ms / 1000)
    container.destroy()
    # What was on its way to become the container bears its variables only then.
    time.sleep(0.05)
    assert _left(mark) == []


def test_who_is_born_while_the_list_of_processes_is_made_is_killed_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark, fifo, folder = f"{os.getpid()}-born", tmp_path / "fifo", tmp_path / "container"
    os.mkfifo(fifo)
    container = _start(mark, f"read go < {fifo}; sleep 600 &", folder)
    eventually((folder / "pid").exists)
    # As a shim leaves it that is stopped before it says whom it started.
    (folder / "pid").unlink()
    children = psutil.Process.children

    def list_and_go_on(shim: psutil.Process, *, recursive: bool) -> list[psutil.Process]:
        monkeypatch.setattr(psutil.Process, "children", children)
        (main,) = found = children(shim, recursive=recursive)
        fifo.write_text("go\n", encoding="utf-8")
        eventually(lambda: main.status() == psutil.STATUS_ZOMBIE)
        return found

    monkeypatch.setattr(psutil.Process, "children", list_and_go_on)
    container.destroy()
    assert _left(mark) == []
