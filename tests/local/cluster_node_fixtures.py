"""A running cluster for tests: the real process, with small pods of /bin/sh and python3.

Fixtures:
    checkout: a checkout of the test's own, whose account's issuer exists; ended and removed at the
        end, whatever is left of it.
    running: one that runs, shared by the tests of a module: accounts `one`, which has an IAM role,
        and `two`, and a ConfigMap `settings`. Its pods need names of their own.

There are no assertions in here (PYTEST_DONT_REWRITE).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

import psutil
import pytest
import yaml
from kubernetes import client

from local.account.oidc import Issuer
from local.cluster import service
from local.paths import Paths

T = TypeVar("T")
Object = dict[str, Any]

NAMESPACE = "airflow-test"
IMAGE = Path("/usr")
"""As the image's folder: its `bin` has a shell and a python3."""
WAITS = "while [ ! -e go ]; do sleep 0.05; done"
"""What a container's script may begin with: it goes on when the checkout says `go`."""
_SECONDS = 20
_LOCKED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


class Checkout:
    """A checkout with a cluster of its own."""

    def __init__(self, root: Path) -> None:
        self.paths = Paths(root)
        self.manifests = self.paths.local / "manifests"
        self.manifests.mkdir(parents=True)
        self.issuer = Issuer(self.paths.account, "eu-central-1")
        self.paths.address.write_text("127.0.0.1:4566\n", "utf-8")
        self.declare(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        )

    def declare(self, *objects: Object) -> None:
        """Write manifests; those of the same kind and name are replaced."""
        for entry in objects:
            name = f"{entry['kind']}-{entry['metadata']['name']}.yaml".lower()
            (self.manifests / name).write_text(yaml.safe_dump(entry), "utf-8")

    def start(self) -> service.Status:
        """Start the cluster, or have it read the manifests."""
        status = service.start(self.paths, self.manifests, IMAGE)
        _ = self.pods_folder
        return status

    def ready(self) -> service.Status:
        """Wait until everything is as declared."""
        return service.wait_ready(self.paths, _SECONDS)

    @cached_property
    def api(self) -> client.CoreV1Api:
        """The Kubernetes API, as the administrator."""
        address = json.loads((self.folder / "address").read_bytes())["api"]
        configuration = client.Configuration()
        configuration.host = f"https://{address}"
        configuration.ssl_ca_cert = str(self.folder / "authority" / "ca.pem")
        token = (self.folder / "admin-token").read_text("utf-8")
        configuration.api_key = {"authorization": f"Bearer {token}"}
        return client.CoreV1Api(client.ApiClient(configuration))

    @property
    def folder(self) -> Path:
        """The cluster's own folder."""
        return self.paths.local / "cluster"

    @cached_property
    def pods_folder(self) -> Path:
        """Where the pods' folders are, or were: it is known from the start on."""
        return Path((self.folder / "pods-folder").read_text("utf-8"))

    def create(self, pod: Object) -> None:
        """Create a pod through the API."""
        # The client takes dicts too, whatever its types say.
        self.api.create_namespaced_pod(NAMESPACE, cast("Any", pod))

    def pods(self) -> list[Any]:
        """All pods, as the API shows them."""
        found: list[Any] = self.api.list_namespaced_pod(NAMESPACE).items
        return found

    def status(self, name: str) -> Any:  # noqa: ANN401  the client's classes say None everywhere
        """A pod's status."""
        return self.api.read_namespaced_pod(name, NAMESPACE).status

    def waiting(self, name: str) -> Any:  # noqa: ANN401  as above
        """Why a pod's first container waits, once it does."""

        def ask() -> object:
            found = self.status(name).container_statuses
            return found and found[0].state.waiting

        return eventually(ask)

    def names(self) -> set[str]:
        """The names of all pods."""
        return {one.metadata.name for one in self.pods()}

    def delete(self, name: str, grace_seconds: int = 0) -> None:
        """Delete a pod, and wait until it is gone."""
        self.api.delete_namespaced_pod(name, NAMESPACE, grace_period_seconds=grace_seconds)
        eventually(lambda: name not in self.names())

    def ended(self, name: str) -> str:
        """Wait until a pod has ended; return its phase."""
        return eventually(lambda: self._final_phase(name))

    def log(self, name: str, container: str = "base") -> str:
        """A container's log."""
        text: str = self.api.read_namespaced_pod_log(name, NAMESPACE, container=container)
        return text

    def run(self, pod: Object) -> str:
        """Run a pod to its end; return the log of its container."""
        self.create(pod)
        self.ended(pod["metadata"]["name"])
        return self.log(pod["metadata"]["name"])

    def processes(self) -> list[psutil.Process]:
        """Every process on this machine that has to do with this checkout, or one of its pods."""
        marks = [str(self.paths.root), str(self.pods_folder)]
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                texts = [*process.cmdline(), *process.environ().values()]
                if any(mark in text for mark in marks for text in texts):
                    found.append(process)
        return [one for one in found if one.pid != os.getpid()]

    def go(self) -> None:
        """Tell all containers that run `WAITS`."""
        for home in self.pods_folder.glob("pod-*/home"):
            (home / "go").touch()

    def _final_phase(self, name: str) -> str | None:
        phase = str(self.status(name).phase)
        return phase if phase in ("Succeeded", "Failed") else None


@contextlib.contextmanager
def made_checkout() -> Iterator[Checkout]:
    """Make a checkout, and leave nothing of it."""
    # Below /var/tmp, which other users can enter.
    root = Path(tempfile.mkdtemp(prefix="cluster-", dir="/var/tmp"))
    made = Checkout(root)
    try:
        yield made
    finally:
        service.stop(made.paths)
        shutil.rmtree(root)


@pytest.fixture
def checkout() -> Iterator[Checkout]:
    with made_checkout() as made:
        yield made


@pytest.fixture(scope="module")
def running() -> Iterator[Checkout]:
    with made_checkout() as made:
        made.declare(account("one", "arn:aws:iam::1:role/one"), account("two"))
        made.declare(config_map("settings", {"COLOUR": "blue", "note.txt": "a note"}))
        made.start()
        yield made


def eventually(ask: Callable[[], T | None], seconds: float = _SECONDS) -> T:
    """Ask until there is an answer that counts."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come true")
        time.sleep(0.02)
    return answer


def container(script: str, name: str = "base", **more: object) -> Object:
    """A container that runs a shell script."""
    return {
        "name": name,
        "image": "any",
        "command": ["/bin/sh", "-c"],
        "args": [script],
        "securityContext": _LOCKED,
        **more,
    }


def spec(*containers: Object, **more: object) -> Object:
    """The spec of a pod that runs once and mounts no token."""
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "containers": list(containers),
        **more,
    }


def pod(name: str, script: str, **more: object) -> Object:
    """A pod with one container that runs a shell script."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": spec(container(script), **more),
    }


def job(name: str, script: str, **more: object) -> Object:
    """A Job that runs a shell script."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"template": {"spec": spec(container(script))}, **more},
    }


def deployment(name: str, of: Object, replicas: int = 1, **more: object) -> Object:
    """A Deployment of pods with one container."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {**spec(of), "restartPolicy": "Always"},
            },
            **more,
        },
    }


def account(name: str, role: str | None = None) -> Object:
    """A service account."""
    annotations = {"eks.amazonaws.com/role-arn": role} if role else {}
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": NAMESPACE, "annotations": annotations},
    }


def config_map(name: str, data: Mapping[str, str]) -> Object:
    """A ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "data": dict(data),
    }
