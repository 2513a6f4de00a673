"""The modules of airflow_home, by the flat names under which Airflow imports them."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.airflow.home import SOURCE, WORKFLOWS


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Import a module as a new process would, with the workflows that tests have."""
    monkeypatch.syspath_prepend(str(SOURCE))
    names = {file.stem for file in SOURCE.glob("*.py")}
    kept = {name: sys.modules.pop(name) for name in names & sys.modules.keys()}
    listed = tmp_path / "workflows.json"
    listed.write_text(json.dumps(WORKFLOWS))
    monkeypatch.setattr(importlib.import_module("workflows"), "FILE", listed)
    yield importlib.import_module
    for name in names & sys.modules.keys():
        del sys.modules[name]
    sys.modules.update(kept)
