"""A stack as its file says, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stacks.settings import load_stack_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.deploy.record import Recording
    from stacks.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Stack:
    """What the file of a stack says, and what comes of it."""

    name: str
    settings: Settings
    recording: Recording

    def plain(self, type_: str, name: str) -> dict[str, Any]:
        """The inputs of one resource."""
        return self.recording.one(type_, name).plain

    def tenants(self) -> Iterator[tuple[str, Any]]:
        """Each environment with each workflow."""
        for environment in self.settings.environments:
            for workflow in self.settings.workflows:
                yield environment, workflow


@pytest.fixture(params=["local", "dev", "prod"])
def stack(request: pytest.FixtureRequest, recorded_stack: Callable[[str], Recording]) -> Stack:
    settings = load_stack_file(ROOT, request.param, today=date(2026, 11, 22))
    return Stack(request.param, settings, recorded_stack(request.param))
