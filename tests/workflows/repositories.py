"""This project as a git repository of two commits, the base and a change; it tests nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_NOT_COPIED = (".git", ".local", ".venv*", ".*_cache", ".hypothesis", "build", "__pycache__")


def copied(folder: Path) -> Path:
    """Copy the sources as they are now into `folder`, with the packages that are installed here."""
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*_NOT_COPIED))
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def committed(folder: Path, message: str) -> None:
    """Commit all that is there, in a repository that is made if there is none."""
    if not (folder / ".git").exists():
        _git(folder, "init", "--quiet", "--initial-branch=main")
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--allow-empty", f"--message={message}")


def edited(folder: Path, name: str, *edits: tuple[str, str]) -> None:
    """Replace the one place of each text in a file."""
    path = folder / name
    text = path.read_text("utf-8")
    for before, after in edits:
        assert text.count(before) == 1, f"{before!r} is {text.count(before)} times in {name}"
        text = text.replace(before, after)
    path.write_text(text, "utf-8")


def _git(folder: Path, *arguments: str) -> None:
    own = ("user.name=test", "user.email=test@example.com", "commit.gpgsign=false")
    settings = [word for one in own for word in ("-c", one)]
    environment = {key: one for key, one in os.environ.items() if not key.startswith("GIT_")}
    subprocess.run(["git", *settings, *arguments], cwd=folder, env=environment, check=True)
