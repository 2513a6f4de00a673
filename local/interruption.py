"""Ctrl-C and SIGTERM end a command with one sentence, wherever it is when they come."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_AGAIN_SECONDS = 0.1
_heard: list[int] = []


def hear() -> None:
    """Raise KeyboardInterrupt at both signals, again where it is lost.

    It is lost in a callback of C code that has no way to pass it on: a destructor, or a regular
    expression of pydantic, which then takes the text for one that does not match.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        # One that is ignored, as in the background of a shell, stays so.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    sys.unraisablehook = _unraisable


def heard() -> bool:
    """Whether one of the signals came; what fails afterwards may do so because of it."""
    return bool(_heard)


@contextmanager
def raised_again() -> Iterator[None]:
    """Raise at the end what came within and was lost.

    Pulumi's SDK drops all that is raised while it looks for the line that declares a resource.
    """
    before = len(_heard)
    yield
    if len(_heard) > before:
        raise KeyboardInterrupt(_heard[-1])


@contextmanager
def unheard() -> Iterator[None]:
    """Let processes that begin meanwhile ignore Ctrl-C, which a terminal sends to them too.

    Whoever begins one ends it.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def end() -> int:
    """Say the sentence; return the status of a process that such a signal ended."""
    print("interrupted; run the same command again to go on", file=sys.stderr)
    return 128 + (_heard[0] if _heard else signal.SIGINT)


def hear_no_more() -> None:
    """Let the signals end the process at once: its work is done, and it has said so."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is _interrupt:
            signal.signal(number, signal.SIG_DFL)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    _heard.append(number)
    raise KeyboardInterrupt(number)


def _unraisable(lost: sys.UnraisableHookArgs) -> None:
    if lost.exc_type is not KeyboardInterrupt or not _heard:
        sys.__unraisablehook__(lost)
        return
    # Not at once: here it would be lost as well.
    again = threading.Timer(_AGAIN_SECONDS, os.kill, (os.getpid(), _heard[-1]))
    again.daemon = True
    again.start()
