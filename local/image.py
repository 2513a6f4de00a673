"""Airflow's image on this machine: a virtual environment of what the official image has, pinned.

It builds the environment and tells whether other users can run it; it starts nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = ".venv-airflow"
"""Below the checkout, beside the project's own environment: `make down` keeps both."""
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_SUPPORTED = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"


class ImageError(Exception):
    """The image cannot be built; the text says why and what to do."""


def closed_to_others(path: Path) -> Path | None:
    """Return the first folder on the way to `path` that users other than its owner cannot enter."""
    folders = [*reversed(path.resolve().parents)]
    return next((each for each in folders if not each.stat().st_mode & 0o001), None)


def interpreter() -> Path:
    """Choose the Python that the image is made with.

    It is the one that runs this, unless this is root and its folder is closed to others: pods of
    different service accounts are different users then, so the system's own is preferred.
    """
    own = Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}")
    if os.geteuid() != 0 or closed_to_others(own) is None:
        return own
    found = shutil.which("python3", path=_SYSTEM_PATH)
    if found and subprocess.run([found, "-c", _SUPPORTED], check=False).returncode == 0:
        return Path(found)
    return own


def build(root: Path) -> Path:
    """Make the virtual environment below `root` anew and return its folder.

    Raises:
        ImageError: packages cannot be installed.
    """
    folder = root / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([interpreter(), "-m", "venv", folder], check=True)
    installed = subprocess.run(
        [
            folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check",
            "--require-hashes", "-r", root / "airflow_home" / "requirements.lock",
        ],
        check=False,
    )  # fmt: skip
    if installed.returncode != 0:
        raise ImageError(
            "the packages of airflow_home/requirements.lock could not be installed, as pip says "
            "above; mend that and run the same command again"
        )
    return folder


if __name__ == "__main__":
    try:
        build(Path.cwd())
    except ImageError as error:
        sys.exit(str(error))
