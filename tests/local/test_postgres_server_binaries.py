"""PostgreSQL's programs are found without being imported, and copied without being disturbed."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from local.account.postgres import InstanceError
from local.account.postgres.binaries import PACKAGE, find

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("major", [16, 18])
def test_programs_are_of_their_version(major: int) -> None:
    for program in (find(major).postgres, find(major).initdb):
        said = subprocess.check_output([program, "--version"], text=True)

        assert f"(PostgreSQL) {major}." in said


def test_package_is_not_imported() -> None:
    code = (
        "import sys; from local.account.postgres.binaries import find; find(16);"
        f" sys.exit({PACKAGE!r} in sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("major", [16, 18])
def test_copy_runs(tmp_path: Path, major: int) -> None:
    copy = find(major).copy_to(tmp_path / "programs")

    assert tmp_path in copy.initdb.parents
    assert f" {major}." in subprocess.check_output([copy.initdb, "--version"], text=True)
    assert copy.has_module("plpgsql")
    assert not copy.has_module("pgaudit")
    assert find(major).copy_to(tmp_path / "programs") == copy


def test_copy_leaves_the_other_version_alone(tmp_path: Path) -> None:
    """The other one's server may be running just now."""
    older = find(16).copy_to(tmp_path)

    def state() -> dict[Path, tuple[int, int]]:
        files = [path for path in (tmp_path / "16").rglob("*") if path.is_file()]
        return {path: (path.stat().st_ino, path.stat().st_ctime_ns) for path in files}

    before = state()
    newer = find(18).copy_to(tmp_path)

    assert newer.postgres.is_file()
    assert older.postgres in before
    assert state() == before


def test_another_major_version() -> None:
    with pytest.raises(
        InstanceError,
        match=r"^PostgreSQL 17 is not available on this machine, 16 and 18 are: set engineVersion",
    ):
        find(17)
