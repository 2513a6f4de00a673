"""A small project on an AWS API of its own.

Fixtures:
    api: the variables that lead to an AWS API, which the tests of a file share.
    small_project: a project that is deployed there; whoever asks for it takes it down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.deploy.testing import SmallProject, aws_api

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def api() -> Iterator[dict[str, str]]:
    with aws_api() as environment:
        yield environment


@pytest.fixture
def small_project(
    api: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> SmallProject:
    for name, value in api.items():
        monkeypatch.setenv(name, value)
    return SmallProject(tmp_path / "project")
