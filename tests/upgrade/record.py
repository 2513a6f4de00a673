"""Keeps what a revision of this project declares: `python -m tests.upgrade.record --from REV`.

The program of the revision is evaluated with its own code and settings, in a folder of its own and
a process of its own, and nothing is carried out. What is kept is in `history`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from local.deploy import stackfile
from local.deploy.program import main_program
from local.deploy.record import record
from tests import offline
from tests.upgrade.history import RecordedStack, Revision

ROOT = Path(__file__).resolve().parents[2]


def evaluate(folder: Path, commit: str) -> Path:
    """Evaluate every stack of the checkout in `folder`, and return the file it is kept in.

    Raises:
        RuntimeError: what was evaluated is not in that folder.
    """
    day = datetime.now(UTC).date()
    stacks = {}
    for file in sorted(folder.glob("Pulumi.*.yaml")):
        stack = file.name.split(".")[1]
        settings = stackfile.load(folder, stack).config
        recording = record(
            main_program(folder),
            stack=stack,
            config=settings,
            root=folder,
            answers=offline.answers,
            outputs=offline.outputs,
        )
        stacks[stack] = RecordedStack.of(settings, recording)
    imported = Path(str(sys.modules["stacks.platform"].__file__))
    if not imported.is_relative_to(folder):
        raise RuntimeError(f"{imported} was evaluated, which is not of this revision")
    return Revision(commit=commit, day=day, stacks=stacks).save()


def check_out(revision: str, folder: Path) -> str:
    """Put the files of `revision` into `folder`, and return its commit; the index is not touched.

    Raises:
        subprocess.CalledProcessError: there is no such revision; git has said so.
    """
    git = ["git", "-C", str(ROOT)]
    commit = subprocess.run(
        [*git, "rev-parse", "--verify", f"{revision}^{{commit}}"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.strip()
    files = subprocess.run([*git, "archive", commit], stdout=subprocess.PIPE, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=files, check=True)
    return commit


def main() -> int:
    """Keep one revision; status 1 if it could not be evaluated."""
    parser = argparse.ArgumentParser(description="Keep what a revision declares.")
    parser.add_argument("--from", dest="revision", required=True, metavar="REV")
    parser.add_argument("--folder", type=Path, help="where it is checked out already")
    arguments = parser.parse_args()
    if arguments.folder:
        print(evaluate(arguments.folder, arguments.revision).relative_to(ROOT))
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        try:
            commit = check_out(arguments.revision, folder)
        except subprocess.CalledProcessError:
            return 1
        command = [sys.executable, "-m", "tests.upgrade.record", "--from", commit, "--folder", name]
        return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
