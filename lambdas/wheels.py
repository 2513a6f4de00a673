"""The locked wheels of a function: fetched once with pip, checked against the lock at every use.

Only wheels that run on every platform are taken. Where they come from is up to pip's configuration.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

CACHE = Path(__file__).parents[1] / "build" / "wheels"
_HASH = re.compile(r"--hash=sha256:(\w+)")
_DOWNLOAD = (
    "download",
    "--quiet",
    "--require-hashes",
    "--no-deps",
    "--only-binary=:all:",
    # Of the runtime, not of the machine that builds the package.
    "--python-version=3.13",
    "--implementation=py",
    "--abi=none",
    "--platform=any",
)


class PackageError(Exception):
    """The package cannot be built: one sentence on what is wrong and what to do."""


def locked_wheels(lock: Path, cache: Path = CACHE) -> list[Path]:
    """Return the wheels that `lock` names, from `cache` or, if one is missing there, from pip.

    Args:
        lock: requirements file with exact versions and their hashes.
        cache: folder that keeps the wheels between builds.

    Raises:
        PackageError: a wheel can be neither found nor fetched.
    """
    wanted = _parse(lock)
    cached = _cached(wanted, cache)
    if len(cached) < len(wanted):
        _download(lock, cache)
        cached = _cached(wanted, cache)
    missing = sorted(wanted.keys() - cached.keys())
    if missing:
        raise PackageError(
            f"No wheel with a hash of {lock} came for {', '.join(missing)}: remove {cache}, and "
            "write the lock again if that does not help."
        )
    return [cached[name] for name in sorted(cached)]


def _parse(lock: Path) -> dict[str, frozenset[str]]:
    """Return the hashes of each requirement: those of all its wheels and of its source."""
    requirements = lock.read_text().replace("\\\n", " ").splitlines()
    return {line.partition("==")[0]: frozenset(_HASH.findall(line)) for line in requirements}


def _cached(wanted: dict[str, frozenset[str]], cache: Path) -> dict[str, Path]:
    wheels = {
        hashlib.sha256(wheel.read_bytes()).hexdigest(): wheel
        for wheel in sorted(cache.glob("*-none-any.whl"))
    }
    return {
        name: wheels[digest]
        for name, hashes in wanted.items()
        for digest in sorted(hashes & wheels.keys())
    }


def _download(lock: Path, cache: Path) -> None:
    command = [sys.executable, "-m", "pip", *_DOWNLOAD, f"--dest={cache}", f"--requirement={lock}"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        said = finished.stderr.strip().splitlines() or ["pip said nothing"]
        raise PackageError(
            f"pip could not fetch the wheels of {lock} ({said[-1]}): build the package once "
            f"where a package index can be reached; {cache} keeps them."
        )
