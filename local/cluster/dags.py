"""The git repository that the local cluster's Airflow takes its DAGs from.

It is filled from the working tree, committed or not, so that a change can be tried at once. It is
served by the node as plain files, which git can clone and fetch from.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from local.cluster.control import REPOSITORY
from local.cluster.place import ClusterError, cluster_folder
from local.paths import Paths

BRANCH = "main"
IN_REPOSITORY = "airflow_home/dags"
"""Where the DAGs are in the repository."""
_IDENTITY = "Local environment"
_EMAIL = "local@localhost"
# The same content after the same history is the same commit, on every machine.
_MOMENT = "2026-01-01T00:00:00Z"


def publish(paths: Paths, source_folder: Path) -> str:
    """Commit what is in `source_folder` to the repository's main branch, if it is new.

    Returns:
        The commit that has it.

    Raises:
        ClusterError: git is missing, or fails.
    """
    if not source_folder.is_dir():
        raise ClusterError(f"There is no folder {source_folder} with DAGs.")
    repository = cluster_folder(paths) / REPOSITORY
    repository.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    git = _Git(repository)
    if not (repository / "HEAD").exists():
        git.run("init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(repository))
        (repository / "info").mkdir(exist_ok=True)
        (repository / "info" / "exclude").write_text("__pycache__/\n", "utf-8")
    tree = git.tree_of(source_folder)
    branch = f"refs/heads/{BRANCH}"
    last = git.run("for-each-ref", "--format=%(objectname)", branch)
    if last and git.run("rev-parse", f"{last}^{{tree}}") == tree:
        return last
    parent = ["-p", last] if last else []
    commit = git.run("commit-tree", tree, *parent, "-m", "DAGs of the working tree")
    git.run("update-ref", branch, commit)
    git.run("update-server-info")
    return commit


class _Git:
    """Runs git on a bare repository, whatever the operator's configuration says."""

    def __init__(self, repository: Path) -> None:
        program = shutil.which("git")
        if program is None:
            raise ClusterError("git is not on the PATH: install it, Airflow takes its DAGs by it.")
        self._program = program
        self._environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "GIT_DIR": str(repository),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            **{
                f"GIT_{role}_{key}": value
                for role in ("AUTHOR", "COMMITTER")
                for key, value in (("NAME", _IDENTITY), ("EMAIL", _EMAIL), ("DATE", _MOMENT))
            },
        }

    def tree_of(self, folder: Path) -> str:
        """The tree that has the content of `folder` in its place in the repository."""
        with tempfile.TemporaryDirectory() as scratch:
            inner = {"GIT_INDEX_FILE": f"{scratch}/inner", "GIT_WORK_TREE": str(folder.resolve())}
            self.run("-C", str(folder), "add", "--all", ".", **inner)
            content = self.run("write-tree", **inner)
            outer = {"GIT_INDEX_FILE": f"{scratch}/outer", "GIT_WORK_TREE": scratch}
            self.run("read-tree", f"--prefix={IN_REPOSITORY}/", content, **outer)
            return self.run("write-tree", **outer)

    def run(self, *arguments: str, **environment: str) -> str:
        """Run git, with variables of its own, and return what it prints."""
        done = subprocess.run(
            [self._program, *arguments],
            env={**self._environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            said = " ".join(done.stderr.split())
            raise ClusterError(f"git failed for {IN_REPOSITORY}: {said}")
        return done.stdout.strip()
