"""The DAGs' repository: filled from the working tree, cloned over HTTP as Airflow does it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from local.cluster.dags import publish
from local.cluster.place import ClusterError
from tests.local.cluster_node_fixtures import Checkout, pod

pytest_plugins = ["tests.local.cluster_node_fixtures"]


@pytest.fixture
def dags(checkout: Checkout) -> Path:
    folder = checkout.paths.root / "anywhere" / "dags"
    (folder / "billing").mkdir(parents=True)
    (folder / "billing" / "load.py").write_text("one\n")
    (folder / "billing" / "__pycache__").mkdir()
    (folder / "billing" / "__pycache__" / "load.pyc").write_text("compiled")
    return folder


def test_the_same_content_is_the_same_commit(checkout: Checkout, dags: Path) -> None:
    first = publish(checkout.paths, dags)
    assert publish(checkout.paths, dags) == first
    (dags / "billing" / "load.py").write_text("two\n")
    second = publish(checkout.paths, dags)
    assert second != first
    assert publish(checkout.paths, dags) == second
    shutil.rmtree(checkout.folder)
    (dags / "billing" / "load.py").write_text("one\n")
    assert publish(checkout.paths, dags) == first


def test_a_pod_clones_and_fetches_by_the_name_that_the_cluster_has(
    checkout: Checkout, dags: Path
) -> None:
    publish(checkout.paths, dags)
    checkout.start()
    url = "http://git.landing-zone.svc.cluster.local/dags.git"
    script = (
        f"cd $HOME && git clone -q {url} x && cd x && find . -name '*.*' -path './air*' -type f"
    )
    text = checkout.run(pod("clone", f"{script} && cat airflow_home/dags/billing/load.py"))
    assert text.splitlines() == ["./airflow_home/dags/billing/load.py", "one"]
    (dags / "billing" / "load.py").write_text("two\n")
    commit = publish(checkout.paths, dags)
    assert commit in checkout.run(pod("remote", f"git ls-remote {url} main"))


def test_the_repository_cannot_be_written_to(checkout: Checkout, dags: Path) -> None:
    publish(checkout.paths, dags)
    checkout.start()
    url = "http://git.landing-zone.svc.cluster.local/dags.git"
    script = f"cd $HOME && git clone -q {url} x && cd x && git push origin HEAD:refs/heads/evil"
    checkout.create(pod("push", script))
    assert checkout.ended("push") == "Failed"
    repository = checkout.folder / "dags.git"
    refs = subprocess.run(
        ["git", "--git-dir", repository, "for-each-ref"], capture_output=True, text=True, check=True
    )
    assert len(refs.stdout.splitlines()) == 1


def test_without_git_or_folder_it_says_so(
    checkout: Checkout, dags: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ClusterError, match=r"no folder .*gone with DAGs"):
        publish(checkout.paths, dags / "gone")
    monkeypatch.setitem(os.environ, "PATH", "/nowhere")
    with pytest.raises(ClusterError, match="git is not on the PATH"):
        publish(checkout.paths, dags)
