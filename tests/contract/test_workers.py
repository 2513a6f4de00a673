"""Several workers: none takes a part of another's, and what takes longest is begun first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.workers import AIRFLOW, LONGEST_FIRST, part_of

ROOT = Path(__file__).resolve().parents[2]
HOOKS = "from tests.conftest import pytest_xdist_make_scheduler\n"
TEST = """
import json, os, pytest

@pytest.mark.parametrize("n", range(4))
def test_it(n, request):
    with open(os.environ["TOLD"], "a") as told:
        worker = os.environ["PYTEST_XDIST_WORKER"]
        told.write(json.dumps([worker, request.node.nodeid]) + "\\n")
"""
FILES = (
    "airflow/test_a.py",
    "environment/test_airflow_b.py",
    "environment/test_c.py",
    "environment/test_airflow_d.py",
    "environment/test_e.py",
    "manifests/test_f.py",
    "manifests/test_g.py",
    "manifests/test_h.py",
)
"""What has most tests takes the least time."""


def test_a_part_has_one_worker_and_the_longest_are_begun_first(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(HOOKS)
    for name in FILES:
        file = tmp_path / "suite" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(TEST)

    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "--import-mode=importlib", "suite"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TOLD": str(tmp_path / "told")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = [json.loads(line) for line in (tmp_path / "told").read_text("utf-8").splitlines()]
    assert len(told) == 4 * len(FILES)
    workers: dict[str, set[str]] = {}
    parts: dict[str, list[str]] = {}
    for worker, nodeid in told:
        workers.setdefault(part_of(nodeid), set()).add(worker)
        parts.setdefault(worker, []).append(part_of(nodeid))
    assert workers.keys() == {AIRFLOW, "environment", "airflow", "manifests"}
    assert all(len(of) == 1 for of in workers.values()), workers
    assert {begun[0] for begun in parts.values()} == {AIRFLOW, "environment"}


def test_the_parts_that_take_long_are_there() -> None:
    tests = ROOT / "tests"
    parts = {part_of(str(file.relative_to(ROOT))) for file in tests.glob("*/test_*.py")}
    assert parts >= {*LONGEST_FIRST}
