"""What runs beside ends with what waits for it, also where both hear Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from local.judging import beside
from stacks.errors import SettingsError

ROOT = Path(__file__).resolve().parents[2]


def divided(a: int, b: int) -> float:
    return a / b


def refused() -> None:
    raise SettingsError("the sentence")


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def asleep(note: Path) -> None:
    note.write_text(str(os.getpid()))
    time.sleep(60)


def hears_ctrl_c() -> None:
    """Also where the tests run in the background of a shell, which ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_it_returns_what_the_function_returns() -> None:
    with beside.running(divided, 1, 2) as result:
        assert result() == 0.5


@pytest.mark.parametrize(
    ("function", "error"), [(refused, SettingsError), (killed, EOFError)], ids=["raises", "killed"]
)
def test_it_raises_what_the_function_raises(
    function: Callable[[], None], error: type[Exception]
) -> None:
    with beside.running(function) as result, pytest.raises(error):
        result()


def test_it_ends_when_nobody_waits_any_more(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    with beside.running(asleep, note):
        while not (note.exists() and note.read_text()):
            time.sleep(0.01)
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


@pytest.mark.parametrize("seconds", [1.0, 3.0])
def test_ctrl_c_ends_a_judgement_with_one_sentence(seconds: float) -> None:
    """A terminal sends it to all processes of a command."""
    process = psutil.Popen(
        [sys.executable, "-m", "local", "policy", "--env", "local"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=hears_ctrl_c,
    )
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    printed, _ = process.communicate(timeout=60)

    assert printed == "interrupted; run the same command again to go on\n"
    assert process.returncode in {130, -signal.SIGINT}
