"""Ctrl-C and SIGTERM: one sentence and no traceback, and the next run goes on."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.faults.commands import UP, Command, begin, converge

if TYPE_CHECKING:
    from tests.environment.checkout import Checkout

GO_ON = "run the same command again to go on"


def interrupted(command: Command, number: signal.Signals) -> None:
    """It ends by itself, says one sentence and how to go on."""
    run = command.end()
    # CPython ends itself by SIGINT, after all else, if the signal came while C code ran Python.
    assert run.status in {1, 128 + number, -signal.SIGINT}, run.text
    assert "Traceback" not in run.text, run.text
    assert "Exception ignored" not in run.text, run.text
    assert run.text.count(GO_ON) == 1, run.text


NUMBERS = [
    pytest.param(signal.SIGINT, id="ctrl-c"),
    pytest.param(signal.SIGTERM, id="sigterm", marks=pytest.mark.faults),
]
SECONDS = [pytest.param(one, marks=pytest.mark.faults) for one in (0.3, 1.2, 2.4)]


@pytest.mark.parametrize("number", NUMBERS)
def test_an_interrupted_up_says_one_sentence_and_goes_on(
    fresh: Checkout, number: signal.Signals
) -> None:
    """At each stage, one run after the other: each goes on where the one before was stopped."""
    for text in ("account ", "program  applied", "MetricAlarm", "proven with"):
        command = begin(fresh, *UP)
        command.wait_for(text)
        command.send(number)
        interrupted(command, number)
    converge(fresh)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
@pytest.mark.parametrize("seconds", [0.6, *SECONDS])
def test_interrupted_while_it_loads(
    environment: Checkout, number: signal.Signals, seconds: float
) -> None:
    """Most of the first second is spent on imports."""
    command = begin(environment, *UP)
    time.sleep(seconds)
    command.send(number)
    interrupted(command, number)
