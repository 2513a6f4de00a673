"""Containers at their ends, each with a shim of its own and no node."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from local.cluster.containers import Container, Launch
from local.cluster.warm_start import WarmInterpreter

if TYPE_CHECKING:
    from pathlib import Path

# Goes on having children that lose their parent.
RESTLESS = "while :; do (sleep 600 &); sleep 0.01; done"


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
    launch = Launch(
        folder=str(tmp_path / "container"),
        argv=["/bin/sh", "-c", RESTLESS],
        env={"MARK": mark, "PATH": os.defpath},
        cwd="/",
        user=None,
    )
    container = Container.start(launch, WarmInterpreter(None, None))
    time.sleep(delay_ms / 1000)
    container.destroy()
    # What was on its way to become the container bears its variables only then.
    time.sleep(0.05)
    assert _left(mark) == []
