"""Each service account is a user of its own, where that is possible; the reason where it is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from local.cluster import service, users
from tests.local.cluster_node_fixtures import NAMESPACE, Checkout, eventually, pod

pytest_plugins = ["tests.local.cluster_node_fixtures"]

OPEN = Path("/var/tmp")  # noqa: S108  nothing is written there
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start other users' processes")


@as_root
def test_a_pod_cannot_read_what_another_accounts_pod_has(running: Checkout) -> None:
    victim = pod("victim", "echo canary > $HOME/file; echo $$$$; exec sleep 600")
    victim["spec"] |= {"serviceAccountName": "one", "automountServiceAccountToken": True}
    victim["spec"]["containers"][0]["env"] = [{"name": "SECRET", "value": "canary"}]
    running.create(victim)
    pid = eventually(lambda: running.log("victim")).strip()
    (folder,) = (file.parent for file in running.pods_folder.glob("*/home/file"))
    folder = folder.parent
    targets = [
        folder / "home" / "file",
        folder / "volumes" / "aws-iam-token" / "token",
        folder / "volumes" / "kube-api-access" / "token",
        folder / "containers" / "base" / "log",
        Path(f"/proc/{pid}/environ"),
        running.folder / "admin-token",
        running.paths.account / "oidc.json",
    ]
    assert all(target.read_bytes() for target in targets)
    script = "id -u; id -G; " + "; ".join(f"cat {one} && echo READ" for one in targets)
    script += f"; ls {folder}; kill -0 {pid} && echo SIGNALLED; true"
    thief = running.run(pod("thief", script, serviceAccountName="two")).splitlines()
    assert thief[0] == thief[1] != str(folder.joinpath("home").stat().st_uid)
    assert int(thief[0]) >= users.FIRST_ID
    assert not {"READ", "SIGNALLED", "canary"} & set(thief)
    denied = [line for line in thief if "Permission denied" in line]
    assert len(denied) >= len(targets)
    running.delete("victim")


@as_root
def test_an_account_keeps_its_user(running: Checkout) -> None:
    first = running.run(pod("first-one", "id -u", serviceAccountName="one"))
    second = running.run(pod("second-one", "id -u", serviceAccountName="one"))
    assert first == second
    assert service.status(running.paths).shared_user is None


@as_root
def test_a_pods_folders_are_closed_and_its_config_maps_are_not_its_own(running: Checkout) -> None:
    volumes = [{"name": "own", "emptyDir": {}}, {"name": "map", "configMap": {"name": "settings"}}]
    one = pod("folders", "stat -c %a-%u $HOME /own /map /map/COLOUR; id -u", volumes=volumes)
    one["spec"]["containers"][0]["volumeMounts"] = [
        {"name": "own", "mountPath": "/own"},
        {"name": "map", "mountPath": "/map"},
    ]
    home, own, config, file, user = running.run(one).splitlines()
    assert (home, own) == (f"700-{user}", f"700-{user}")
    assert (config, file) == ("755-0", "440-0")


@as_root
def test_where_others_cannot_reach_the_image_the_reason_is_said(tmp_path: Path) -> None:
    open_folder, closed = tmp_path / "open", tmp_path / "closed"
    for folder in (*tmp_path.parents[:-2], tmp_path, open_folder):
        folder.mkdir(exist_ok=True)
    (closed / "image" / "bin").mkdir(parents=True)
    closed.chmod(0o700)
    found = users.obstacle(closed / "image", OPEN)
    assert found is not None
    assert "is closed to other users" in found
    assert users.obstacle(Path("/usr"), OPEN) is None


def test_without_root_all_pods_are_one_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert users.obstacle(Path("/usr"), OPEN) is not None
    assert users.Users(tmp_path, separate=False).id_of(NAMESPACE, "one") is None


def test_two_checkouts_never_share_a_user(tmp_path: Path) -> None:
    ids = []
    for name in ("a", "b"):
        folder = tmp_path / f"airflow-postgres-{name}-cluster"
        folder.mkdir()
        chosen = users.Users(folder, separate=True)
        ids += [chosen.id_of(NAMESPACE, account) for account in ("one", "two", "one")]
        assert users.Users(folder, separate=True).id_of(NAMESPACE, "two") == ids[-2]
    assert len(set(ids)) == 4
