"""A command in a running container, as `kubectl exec` and probes run one.

It sees what the container's own process was started with. Its input is empty.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Inside:
    """What a command finds in a container.

    Attributes:
        env: the container's variables.
        cwd: its working directory.
        user: its user; None for the node's own.
        translate: gives the texts of a command the meaning they have here.
    """

    env: Mapping[str, str] = field(repr=False)
    cwd: str
    user: int | None
    translate: Callable[[str], str]


@dataclass(frozen=True, kw_only=True)
class Executed:
    """A command that has ended."""

    code: int
    output: str
    errors: str


async def execute(command: Sequence[str], inside: Inside) -> Executed:
    """Run a command to its end; its whole process group ends with whoever waits.

    Raises:
        OSError: it cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        *map(inside.translate, command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=inside.cwd,
        env=dict(inside.env),
        start_new_session=True,
        user=inside.user,
        group=inside.user,
        extra_groups=None if inside.user is None else [],
    )
    try:
        output, errors = await process.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return Executed(
        code=process.returncode or 0,
        output=output.decode(errors="replace"),
        errors=errors.decode(errors="replace"),
    )
