"""What places are called in the inventory of secrets, whatever the checkout and the run."""

from __future__ import annotations

import json
from pathlib import Path

from local.cluster.place import cluster_folder
from tests.environment.checkout import Checkout
from tests.environment.traces import pods_folders


class Places:
    """Gives the places of one environment their names.

    `.local/...` is the checkout's folder of that name; `instances/<identifier>/...` are a server's
    files, `pods/<service account>/...` a pod's, wherever this machine has them.
    """

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout
        self._accounts: dict[str, str] = {}

    def label(self, path: Path) -> str:
        """The name of a file's place."""
        checkout, local = self._checkout, self._checkout.paths.local
        for pods in pods_folders(checkout.paths):
            if path.is_relative_to(pods):
                return self._in_pods(path.relative_to(pods))
        for root, name in (
            (local / "account" / "instances", "instances"),
            (local, ".local"),
            (checkout.folder, "checkout"),
            (checkout.home, "HOME"),
            (checkout.scratch, "TMPDIR"),
            (checkout.runtime_folder(), "instances"),
        ):
            if path.is_relative_to(root):
                return self._readable(f"{name}/{path.relative_to(root)}")
        return str(path)

    def folders(self) -> tuple[Path, ...]:
        """Everything that the environment has on disk."""
        checkout = self._checkout
        return (checkout.base, checkout.runtime_folder(), *pods_folders(checkout.paths))

    def short_lived(self) -> tuple[Path, ...]:
        """Where the files of tasks are, which go with their pods."""
        paths = self._checkout.paths
        return (*pods_folders(paths), cluster_folder(paths) / "pods")

    def _in_pods(self, path: Path) -> str:
        pod, *more = path.parts
        return "/".join(["pods", self._account(pod), *more])

    def _readable(self, label: str) -> str:
        """A pod as the cluster remembers it, by its service account instead of its id."""
        head, _, name = label.rpartition("/")
        if head != ".local/cluster/pods":
            return label
        return f"{head}/{self._account('pod-' + name[:8])}.json"

    def _account(self, pod: str) -> str:
        """The service account of the pod with this folder, as long as the cluster knows it."""
        if pod not in self._accounts:
            folder = cluster_folder(self._checkout.paths) / "pods"
            for file in folder.glob(f"{pod.removeprefix('pod-')}*.json"):
                spec = json.loads(file.read_bytes())["spec"]
                self._accounts[pod] = spec["serviceAccountName"]
        return self._accounts.get(pod, pod)
