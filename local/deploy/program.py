"""Runs a Pulumi program in this process against a `Monitor`, as often as wanted.

It differs from the SDK's own `run_in_stack` in one way: after a failure it keeps waiting for what
is under way, so that independent resources are finished. It decides nothing about resources.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import runpy
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pulumi
from pulumi.runtime import mocks, settings
from pulumi.runtime.settings import (
    _load_monitor_feature_support,  # what run_in_stack does first; there is no public way
)
from pulumi.runtime.stack import Stack, wait_for_rpcs

from local import interruption
from local.deploy.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from local.deploy.monitor import Monitor

# The organization that the CLI uses with a state backend of one's own.
ORGANIZATION = "organization"


class ProgramError(DeployError):
    """The program itself stopped; the text is one sentence, with the place where that helps."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """Where and as what a program runs."""

    root: Path
    project: str
    stack: str
    config: Mapping[str, str] = field(default_factory=dict, repr=False)
    """`namespace:key` to text; objects as JSON, as the CLI hands them over."""
    secret_keys: tuple[str, ...] = ()
    dry_run: bool
    parallel: int = 16
    """Threads that carry out registrations: they mostly wait for servers."""


def main_program(root: Path) -> Callable[[], object]:
    """Return the program of the project at `root`: its `__main__.py`."""
    return lambda: runpy.run_path(str(root / "__main__.py"), run_name="__main__")


def run(program: Callable[[], object], context: Context, monitor: Monitor) -> None:
    """Run `program` to its end; what it registers goes to `monitor`.

    Raises:
        KeyboardInterrupt: an interruption came meanwhile.
        ProgramError: the program raised, at its top level or in an `apply`.
    """
    # The SDK keeps settings, configuration and root resource in context variables: in a context
    # of its own a run sees nothing of an earlier one and leaves nothing behind.
    with interruption.raised_again():
        contextvars.Context().run(_run, program, context, monitor)


def _run(program: Callable[[], object], context: Context, monitor: Monitor) -> None:
    pulumi.runtime.set_all_config(dict(context.config), list(context.secret_keys))
    settings.configure(
        settings.Settings(
            project=context.project,
            stack=context.stack,
            dry_run=context.dry_run,
            monitor=monitor,
            engine=mocks.MockEngine(logging.getLogger("pulumi")),
            organization=ORGANIZATION,
            root_directory=str(context.root),
        )
    )
    failures: list[BaseException] = []
    with (
        _inside(context.root),
        asyncio.Runner() as runner,
        ThreadPoolExecutor(context.parallel) as executor,
    ):
        runner.get_loop().set_default_executor(executor)
        # The SDK drops the futures of failed outputs; what they say is in `failures` already.
        runner.get_loop().set_exception_handler(lambda _loop, _details: None)
        runner.run(_to_the_end(program, failures))
    if failures:
        raise ProgramError(_sentence(failures[0], context.root)) from failures[0]


async def _to_the_end(program: Callable[[], object], failures: list[BaseException]) -> None:
    await _load_monitor_feature_support()  # type: ignore[no-untyped-call]  # the SDK's
    stack = Stack()
    try:
        program()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the program raises is the program's failure
        failures.append(error)
    finally:
        stack._finish()  # noqa: SLF001 - as above
    while True:
        failures += await _settled()
        try:
            await wait_for_rpcs()
        except Exception as error:  # noqa: BLE001 - as above
            failures.append(error)
            manager = settings._get_rpc_manager()  # noqa: SLF001 - as above
            manager.unhandled_exception = manager.exception_traceback = None
        else:
            return


async def _settled() -> list[BaseException]:
    """Wait until every output has come to its end; return why outputs failed.

    The SDK would wait for one after the other, looking at all of the others each time: with some
    hundred resources that is a third of a preview.
    """
    failures: list[BaseException] = []
    while outputs := [one for one in list(settings.SETTINGS.outputs) if not one.done()]:
        await asyncio.wait(outputs)
        reasons = (one.exception() for one in outputs if not one.cancelled())
        failures += [reason for reason in reasons if reason is not None]
    return failures


@contextlib.contextmanager
def _inside(root: Path) -> Iterator[None]:
    """As under the CLI: the project's folder is where imports and relative paths start."""
    path = str(root)
    added = path not in sys.path
    if added:
        sys.path.insert(0, path)
    try:
        with contextlib.chdir(root):
            yield
    finally:
        if added:
            sys.path.remove(path)


def _sentence(error: BaseException, root: Path) -> str:
    """Say what went wrong and, unless the project says it itself, on which of its lines."""
    text = str(error).strip() or type(error).__name__
    if isinstance(error, pulumi.RunError | SystemExit) or _is_of_the_project(error, root):
        return text
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if _is_below(frame.filename, root)
    ]
    place = (
        f" ({Path(frames[-1].filename).relative_to(root)}, line {frames[-1].lineno})"
        if frames
        else ""
    )
    return f"{type(error).__name__}: {text}{place}"


def _is_of_the_project(error: BaseException, root: Path) -> bool:
    """Errors of the project's own classes are written for people as they are."""
    module = sys.modules.get(type(error).__module__)
    return _is_below(cast("str | None", getattr(module, "__file__", None)) or "", root)


def _is_below(file: str, root: Path) -> bool:
    path = Path(file)
    mine = path.is_relative_to(Path(__file__).parent) or "site-packages" in path.parts
    return path.is_relative_to(root) and not mine
