"""Airflow's configuration folder as it is in a pod, and Airflow's own Python to run things with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "airflow_home"
PYTHON = ROOT / ".venv-airflow" / "bin" / "python"
WORKFLOWS = {
    name: {"service_account": f"workflow-{name}", "pool": name, "slots": slots}
    for name, slots in {"billing": 10, "reference": 5, "marketing": 5}.items()
}

needs_image = pytest.mark.skipif(
    not PYTHON.exists(), reason="Airflow is not installed here: run `make image` first"
)


def make_home(folder: Path, workflows: object = None) -> Path:
    """Fill a folder as AIRFLOW_HOME of a pod."""
    config = folder / "config"
    config.mkdir(parents=True)
    for module in SOURCE.glob("*.py"):
        shutil.copy(module, config)
    shutil.copytree(SOURCE / "dags", folder / "dags")
    (config / "workflows.json").write_text(json.dumps(workflows or WORKFLOWS))
    return folder


def run(
    home: Path, *arguments: str, environment: Mapping[str, str] | None = None, seconds: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run Airflow's Python in that home, with nothing of this process' environment."""
    return subprocess.run(
        [PYTHON, *arguments],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "pod_name.pod_name",
            "HOSTNAME": "a-pod",
            **(environment or {}),
        },
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
