"""A signal ends a command with one sentence also where the exception it raises is lost."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

SENTENCE = "interrupted; run the same command again to go on\n"
BEGINNING = """
import signal, sys, time
from local import __main__, interruption
from local.commands import status

class Lost:
    def __del__(self):
        signal.raise_signal({number})

def run(*_):
    Lost()
"""
DROPPED = """
import signal, sys
from local import __main__
from local.commands import status
from local.deploy.record import record

def program():
    try:
        signal.raise_signal({number})
    except BaseException:
        pass

def run(*_):
    record(program)
    print("it went on")
"""
ENDS = {
    "it goes on": "    time.sleep(60)",
    "it fails": "    raise OSError('what was lost made it fail')",
}
REST = """
status.run = run
sys.argv = ["local", "status"]
sys.exit(__main__.main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("end", ENDS)
def test_an_interruption_that_is_lost_comes_again(number: signal.Signals, end: str) -> None:
    check(BEGINNING.format(number=int(number)) + ENDS[end] + REST, number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_that_the_sdk_drops_ends_the_program(number: signal.Signals) -> None:
    check(DROPPED.format(number=int(number)) + REST, number)


def check(program: str, number: signal.Signals) -> None:
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )

    assert (run.stdout, run.stderr, run.returncode) == ("", SENTENCE, 128 + number)
