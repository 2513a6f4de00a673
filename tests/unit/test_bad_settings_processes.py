"""A handful of mistakes on the real command line: a process of its own, and what it leaves behind.

An environment that is up already, and edits that it refuses, are in `tests/environment`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.unit.bad_settings import ROOT, TEXTS, assert_readable

if TYPE_CHECKING:
    from pathlib import Path

NS = "airflow-postgres:"
DEV, PROD, UP = ("preview", "--env", "dev"), ("preview", "--env", "prod"), ("up",)
FOREIGN = "m\N{CYRILLIC SMALL LETTER A}rketing"


def refused(folder: Path, *arguments: str, **environment: str) -> str:
    """Run the command line in `folder`; it says one thing, and neither files nor processes stay."""
    before = sorted(folder.rglob("*"))
    ended = subprocess.run(
        [sys.executable, "-m", "local", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (ended.returncode, ended.stdout) == (1, ""), ended.stdout + ended.stderr
    assert sorted(folder.rglob("*")) == before
    assert not [one.pid for one in psutil.process_iter(["cwd"]) if one.info["cwd"] == str(folder)]
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: ")
    return line.removeprefix("error: ")


@pytest.mark.parametrize(
    ("command", "old", "new", "begins"),
    [
        (DEV, "region: eu", "regoin: x\n  airflow-postgres:region: eu", f"{NS}regoin is not a "),
        (PROD, 'engineVersion: "18"', 'engineVersion: "15"', f"{NS}application.engineVersion is "),
        (PROD, "config:", "config: [", "Pulumi.prod.yaml is not valid: line "),
        (UP, "reads: [reference]", "reads: [billing]", f"{NS}workflows[0].reads[0] (workflow "),
        ((*UP, "--databases-only"), "port: 5433", "port: 5434", f"{NS}application.port is 5434"),
    ],
)
def test_a_mistake_is_one_line_and_status_1(
    tmp_path: Path, command: tuple[str, ...], old: str, new: str, begins: str
) -> None:
    stack = command[2] if command[0] == "preview" else "local"
    (tmp_path / f"Pulumi.{stack}.yaml").write_text(TEXTS[stack].replace(old, new, 1), "utf-8")

    sentence = refused(tmp_path, *command)

    assert_readable(sentence)
    assert sentence.startswith(begins)


def test_a_terminal_that_knows_no_such_letter(tmp_path: Path) -> None:
    text = TEXTS["prod"].replace("name: marketing", f"name: {FOREIGN}")
    (tmp_path / "Pulumi.prod.yaml").write_text(text, "utf-8")

    sentence = refused(tmp_path, *PROD, PYTHONIOENCODING="ascii")

    assert r'is "m\u0430rketing"; it must be lower-case letters' in sentence


def test_what_the_program_refuses_comes_out_as_well(tmp_path: Path) -> None:
    """The preview runs `__main__.py`, which finds a bundle without certificates."""
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "__main__.py"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates" / "eu-west-1-bundle.pem").write_text("<html>404</html>")

    sentence = refused(tmp_path, *DEV)

    assert_readable(sentence)
    assert sentence.startswith(
        f'{NS}caBundle is "certificates/eu-west-1-bundle.pem", which holds no certificate; '
    )
