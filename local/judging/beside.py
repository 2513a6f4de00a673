"""A function that runs in a process beside this one, on another processor."""

from __future__ import annotations

from contextlib import contextmanager
from multiprocessing import get_context
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple, Unpack

from local import interruption

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")


@contextmanager
def running(
    function: Callable[[Unpack[Arguments]], T], *arguments: *Arguments
) -> Iterator[Callable[[], T]]:
    """Run a function beside what is done within; yields what waits for its result.

    The process ends with this block, whatever ends it. A pool's would not: if one of its processes
    is killed while it answers, whoever waits for the answer waits for ever.

    Args:
        function: of a module; it and all that it takes and returns can be pickled.
        arguments: its arguments.

    Raises:
        EOFError: by what waits: the process was killed.
        Exception: by what waits: whatever the function raised.
    """
    context = get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(there, function, arguments), daemon=True)
    with interruption.unheard():
        process.start()
    there.close()

    def result() -> T:
        failed, answer = here.recv()
        if failed:
            raise answer
        returned: T = answer
        return returned

    try:
        yield result
    finally:
        process.terminate()
        process.join()
        here.close()


def _answer(
    there: Connection,
    function: Callable[[Unpack[Arguments]], T],
    arguments: tuple[*Arguments],
) -> None:
    try:
        answer = (False, function(*arguments))
    except Exception as error:  # noqa: BLE001 - whoever waits for the result raises it
        there.send((True, error))
    else:
        there.send(answer)
