"""Starts, asks and ends the cluster's process: one per checkout, in the background.

It tells processes apart by their id and the moment they started, so a recycled id is never
signalled. It deploys nothing: the manifests are made by others.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from local.account.files import write_private
from local.account.service import loopback_address
from local.cluster import control
from local.cluster.asking import address_file, addresses, ask, order
from local.cluster.containers import Container
from local.cluster.place import ClusterError, cluster_folder, pods_folder
from local.cluster.status import Component
from local.lock import turn
from local.paths import Paths
from local.recorded import processes_of, record_process, recorded_process

# Generous, as all of it is Python and the machine may be busy.
_START_SECONDS = 60
_END_SECONDS = 40
_POLL_SECONDS = 0.05
_CODE = Path(__file__).parents[2]
_MODULE = "local.cluster"


@dataclass(frozen=True, kw_only=True)
class Status:
    """How the cluster is.

    Attributes:
        pid: its process, or None.
        url: where the Kubernetes API answers, or None.
        components: the Deployments and Jobs.
        services: Service as `namespace/name` -> its URL.
        shared_user: why all pods are one user; None when each service account is its own.
    """

    pid: int | None = None
    url: str | None = None
    components: tuple[Component, ...] = ()
    services: tuple[tuple[str, str], ...] = ()
    shared_user: str | None = None


def start(paths: Paths, manifests_folder: Path, image_folder: Path) -> Status:
    """Start the cluster unless it runs, and have it read the manifests.

    There need not be any yet: it gets warm meanwhile, and `apply` has it read them later.

    Raises:
        ClusterError: it does not come up, the account does not run, or the manifests are wrong.
    """
    cluster_folder(paths).mkdir(mode=0o700, parents=True, exist_ok=True)
    with turn(cluster_folder(paths) / "lock"):
        process = recorded_process(_pid_file(paths))
        if process is None or not _healthy(paths, process.pid):
            _end(paths)
            _spawn(paths, manifests_folder, image_folder)
        elif manifests_folder.exists():
            apply(paths)
    return status(paths)


def apply(paths: Paths) -> None:
    """Have the manifests read again; a Job that had been given up runs again.

    Raises:
        ClusterError: the cluster does not run, or cannot use the manifests.
    """
    order(paths, control.APPLY)


def status(paths: Paths) -> Status:
    """Tell whether the cluster runs, and how its components are."""
    process = recorded_process(_pid_file(paths))
    if process is None or not _healthy(paths, process.pid):
        return Status()
    _, answer = ask(paths, "GET", control.STATUS)
    content = json.loads(answer)
    return Status(
        pid=process.pid,
        url=f"https://{addresses(paths)['api']}",
        components=tuple(Component(**one) for one in content["components"]),
        services=tuple(content["services"].items()),
        shared_user=content["users"],
    )


def wait_ready(
    paths: Paths,
    timeout_seconds: float,
    progress: Callable[[Status], None] = lambda _: None,
    only: str | None = None,
) -> Status:
    """Wait until every Job is complete and every Deployment has its pods.

    Args:
        paths: the checkout's.
        timeout_seconds: how long at most.
        progress: is told whenever something has changed.
        only: the name of the Deployments to wait for; all that is declared when absent.

    Raises:
        ClusterError: a Job failed for good, or the time is over; it names what is missing.
    """
    deadline, told = time.monotonic() + timeout_seconds, None
    while True:
        now = status(paths)
        if now != told:
            progress(now)
            told = now
        if now.pid is None:
            raise ClusterError(f"The cluster has ended: {_last_line(paths)} See {_log(paths)}.")
        missing = [one for one in now.components if one.ready < one.desired]
        if not [one for one in missing if only in {None, one.name}]:
            return now
        failed = [one for one in missing if one.failed]
        if failed or time.monotonic() > deadline:
            what = "; ".join(map(str, failed or missing))
            folder = cluster_folder(paths) / "logs"
            raise ClusterError(f"Not ready: {what}. Logs of ended pods are in {folder}.")
        time.sleep(_POLL_SECONDS)


def halt(paths: Paths) -> None:
    """End the cluster and all its pods, keeping what it knows; nothing happens when ended.

    Raises:
        ClusterError: it does not end.
    """
    if cluster_folder(paths).exists():
        with turn(cluster_folder(paths) / "lock"):
            _end(paths)
            _end_pods(paths)


def stop(paths: Paths) -> None:
    """End the cluster and remove everything it made, on disk and outside of the checkout.

    Raises:
        ClusterError: it does not end.
    """
    halt(paths)
    recorded = _record(paths)
    if recorded.exists():
        shutil.rmtree(recorded.read_text("utf-8"), ignore_errors=True)
    shutil.rmtree(cluster_folder(paths), ignore_errors=True)


def kubeconfig(paths: Paths) -> dict[str, Any]:
    """The administrator's kubeconfig; it names files, so no secret is in it."""
    name, folder = "local", cluster_folder(paths)
    cluster = {
        "server": f"https://{addresses(paths)['api']}",
        "certificate-authority": str(folder / "authority" / "ca.pem"),
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": {"tokenFile": str(folder / "admin-token")}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }


def _spawn(paths: Paths, manifests_folder: Path, image_folder: Path) -> None:
    """Start the process and wait until it answers."""
    if not (paths.account / "oidc.json").exists() or not paths.address.exists():
        raise ClusterError("The local account does not run: start it first.")
    pods = pods_folder(paths)
    write_private(_record(paths), str(pods).encode())
    address_file(paths).unlink(missing_ok=True)
    with _log(paths).open("ab") as log:
        process = subprocess.Popen(
            [
                sys.executable, "-m", _MODULE,
                "--root", paths.root, "--manifests", manifests_folder, "--image", image_folder,
                "--pods", pods, "--address", loopback_address(paths.root),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=_CODE,
            # Who the operator is on AWS is no business of the cluster.
            env={name: text for name, text in os.environ.items() if not name.startswith("AWS_")},
            start_new_session=True,
        )  # fmt: skip
    record_process(_pid_file(paths), process.pid)
    deadline = time.monotonic() + _START_SECONDS
    while not _healthy(paths, process.pid):
        if process.poll() is not None or time.monotonic() > deadline:
            _end(paths)
            process.wait()
            raise ClusterError(f"The cluster did not start: {_last_line(paths)} See {_log(paths)}.")
        time.sleep(_POLL_SECONDS)


def _end(paths: Paths) -> None:
    """End the process, by force if it does not react; then its pods live on."""
    for process in processes_of(_MODULE, paths.root, _pid_file(paths)):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
            try:
                process.wait(_END_SECONDS)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(_END_SECONDS)
    _pid_file(paths).unlink(missing_ok=True)
    address_file(paths).unlink(missing_ok=True)


def _end_pods(paths: Paths) -> None:
    """End the pods that a process left which was ended by force."""
    recorded = _record(paths)
    if recorded.exists():
        for shim in Path(recorded.read_text("utf-8")).glob("*/containers/*/shim"):
            container = Container.find(shim.parent)
            if container is not None:
                container.destroy()


def _healthy(paths: Paths, pid: int) -> bool:
    """Whether this very process answers at the cluster's address."""
    try:
        _, answer = ask(paths, "GET", control.HEALTH)
        return bool(json.loads(answer)["pid"] == pid)
    except (ClusterError, ValueError, KeyError):
        return False


def _last_line(paths: Paths) -> str:
    lines = _log(paths).read_text("utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it wrote no log."


def _pid_file(paths: Paths) -> Path:
    return cluster_folder(paths) / "pid"


def _log(paths: Paths) -> Path:
    return cluster_folder(paths) / "cluster.log"


def _record(paths: Paths) -> Path:
    """Names the folder of the pods, so that it is found and removed whatever made it."""
    return cluster_folder(paths) / "pods-folder"
