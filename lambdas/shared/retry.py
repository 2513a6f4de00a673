"""Another attempt after a temporary error, until a deadline that lies before Lambda's own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol, TypeVar

from lambdas.shared.errors import FunctionError, TemporaryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambdas.shared.log import Log

Answer = TypeVar("Answer")

# Seconds kept back for saying what was wrong: past its timeout a function is killed without a word.
RESERVE = 5.0
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 5.0


class Context(Protocol):
    """What the functions use of the context object that Lambda passes to a handler."""

    @property
    def aws_request_id(self) -> str:
        """Which invocation this is."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda stops the function."""


class Deadline:
    """The instant at which a function stops trying.

    Raises:
        FunctionError: the function's timeout is too short to try at all.
    """

    def __init__(self, context: Context) -> None:
        seconds = context.get_remaining_time_in_millis() / 1000 - RESERVE
        if seconds <= 0:
            raise FunctionError(
                f"The function has {seconds + RESERVE:.1f} s, and keeps {RESERVE:.0f} s to say "
                "what is wrong: set its timeout to a minute or more."
            )
        self._instant = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left; negative once it has passed."""
        return self._instant - time.monotonic()


def until(deadline: Deadline, attempt: Callable[[], Answer], log: Log) -> Answer:
    """Call `attempt` until it succeeds, or until the deadline leaves no time for another call.

    Raises:
        TemporaryError: the last one, when there is no time left. Any other error at once.
    """
    pause = FIRST_PAUSE
    while True:
        try:
            return attempt()
        except TemporaryError as error:
            if deadline.remaining() <= pause:
                raise
            log.write("retry", error=type(error).__name__, reason=str(error))
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
