"""Loops that the database cuts off begin anew; other errors end them, as they did.

That real components outlive it is shown where they run: `tests/environment`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError

from tests.airflow.home import make_home, needs_image, run

CUT_OFF = OperationalError("SELECT 1", {}, Exception("terminating connection"))
NAMES = """
import importlib, run_component
for module, owner, name in run_component.LOOPS.values():
    print(callable(getattr(getattr(importlib.import_module(module), owner), name)))
"""


@pytest.fixture
def run_component(load: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load("run_component")
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0)
    return module


def loop_of(*errors: Exception) -> Callable[[list[str]], None]:
    """A loop that ends with each of these errors, and then in peace."""
    left = [*errors]

    def loop(seen: list[str]) -> None:
        seen.append("begun")
        if left:
            raise left.pop(0)

    return loop


def test_a_loop_that_was_cut_off_begins_anew(run_component: ModuleType) -> None:
    closed = InterfaceError("SELECT 1", {}, Exception("the connection is closed"))
    loop = run_component.outliving(loop_of(CUT_OFF, closed), lambda seen: seen.append("beat"))
    seen: list[str] = []

    loop(seen)

    assert seen == ["begun", "beat", "begun", "beat", "begun"]


def test_any_other_error_ends_it(run_component: ModuleType) -> None:
    loop = run_component.outliving(loop_of(ProgrammingError("SELEC", {}, Exception("syntax"))))

    with pytest.raises(ProgrammingError):
        loop([])


def test_the_scheduler_waits_until_its_heartbeat_is_written(run_component: ModuleType) -> None:
    class Job:
        """Airflow's, as far as it matters: it notes that it could not write."""

        heartbeat_failed = True
        beats = 0

        def heartbeat(self, heartbeat_callback: object) -> None:
            del heartbeat_callback
            self.beats += 1
            self.heartbeat_failed = self.beats < 3

    class Scheduler:
        job = Job()
        heartbeat_callback = None

    run_component.beat(Scheduler)

    assert Scheduler.job.beats == 3


@needs_image
def test_airflow_has_these_loops(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    done = run(home, "-c", f"import sys; sys.path.insert(0, {str(home / 'config')!r})\n{NAMES}")
    assert done.stdout.split()[-3:] == ["True"] * 3, done.stderr
