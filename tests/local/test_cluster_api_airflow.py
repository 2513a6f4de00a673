"""Airflow's own executor code, watcher process included, creates, follows and adopts pods."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.local.cluster_api_fixtures import NAMESPACE, Cluster, task_pod

pytest_plugins = ["tests.local.cluster_api_fixtures"]

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-airflow" / "bin" / "python"
SECONDS = 60

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="Airflow's own environment is not made")


class Executor:
    """The executor in a process of its own, with nothing but a service account's folder."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.log = folder / "executor.log"
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._watched: queue.Queue[dict[str, Any]] = queue.Queue()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [PYTHON, ROOT / "tests" / "local" / "cluster_api_executor.py"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                text=True,
                cwd=folder,
            )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for text in self.process.stdout or ():
            if text.startswith("{"):
                line = json.loads(text)
                (self._watched if "watched" in line else self._answers).put(line)

    def answer(self) -> dict[str, Any]:
        """What came of the last command."""
        return self._next(self._answers)

    def seen(self) -> dict[str, Any]:
        """What the watcher told next."""
        return self._next(self._watched)

    def _next(self, lines: queue.Queue[dict[str, Any]]) -> dict[str, Any]:
        try:
            return lines.get(timeout=SECONDS)
        except queue.Empty:
            pytest.fail(f"Nothing more from the executor: {self.log.read_text()[-3000:]}")

    def do(self, *command: Any) -> dict[str, Any]:  # noqa: ANN401 - what JSON has
        """Carry out a command, and return what came of it."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def watched(self) -> tuple[str, str | None]:
        """The pod and the state that the watcher told next."""
        line = self.seen()
        return line["watched"], line["state"]

    def stop(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(30)
        finally:
            self.process.kill()


@pytest.fixture
def executor(
    cluster: Cluster, tmp_path: Path, short_folder: Callable[[], Path]
) -> Iterator[Executor]:
    account = tmp_path / "serviceaccount"
    account.mkdir()
    (account / "token").write_text(cluster.token("airflow-scheduler"))
    (account / "ca.crt").write_bytes(cluster.authority.certificate_file.read_bytes())
    url = f"https://{cluster.address}:{cluster.port}"
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [
            {"name": "here", "cluster": {"server": url, "certificate-authority": "ca.crt"}}
        ],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "pod"}}],
        "users": [{"name": "pod", "user": {"tokenFile": "token"}}],
    }
    (account / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "TMPDIR": str(short_folder()),
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__KUBERNETES_EXECUTOR__IN_CLUSTER": "False",
        "AIRFLOW__KUBERNETES_EXECUTOR__CONFIG_FILE": str(account / "kubeconfig"),
        "AIRFLOW__KUBERNETES_EXECUTOR__NAMESPACE": NAMESPACE,
    }
    started = Executor(tmp_path, environment)
    started.answer()
    yield started
    started.stop()


def terminated(code: int) -> list[dict[str, Any]]:
    return [
        {
            "name": "base",
            "image": "x",
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "state": {"terminated": {"exitCode": code, "reason": "Error"}},
        }
    ]


def test_airflows_executor_works_with_it(cluster: Cluster, executor: Executor) -> None:
    for name in ("good", "bad", "killed", "adopted"):
        assert executor.do("create", task_pod(name, namespace=NAMESPACE))["result"] == name
    refused = executor.do("create", task_pod("good", namespace=NAMESPACE))
    assert (refused["refused"], refused["message"]) == (409, 'pods "good" already exists')
    ghost = task_pod("ghost", namespace=NAMESPACE)
    ghost["spec"]["serviceAccountName"] = "workflow-ghost"
    refused = executor.do("create", ghost)
    assert refused["refused"] == 403
    assert 'serviceaccount "workflow-ghost" not found' in refused["message"]

    for name in ("good", "bad", "killed", "adopted"):
        cluster.becomes(name, "Running")
    (cluster.folder / "good.base.log").write_text("one\ntwo\nthree\n")
    assert executor.do("log", "good", NAMESPACE)["result"] == "two\nthree\n"

    cluster.becomes("good", "Succeeded", containerStatuses=terminated(0))
    assert executor.watched() == ("good", None)
    cluster.becomes("bad", "Failed", containerStatuses=terminated(3))
    line = executor.seen()
    assert (line["watched"], line["state"], line["exit_code"]) == ("bad", "failed", 3)

    # Sent twice for each pod; what is gone already is no error to the executor.
    for _ in range(2):
        assert executor.do("delete_pod", "good", NAMESPACE).get("refused") is None
    assert executor.watched() == ("good", None)

    cluster.admin().delete_namespaced_pod("killed", NAMESPACE)
    cluster.do(lambda: cluster.store.remove(NAMESPACE, "killed"))
    assert executor.watched() == ("killed", "failed")

    patch = {"metadata": {"labels": {"airflow-worker": "8"}}}
    cluster.admin().patch_namespaced_pod("adopted", NAMESPACE, patch)
    assert executor.watched() == ("adopted", "adopted")

    selectors = {
        "field_selector": "status.phase!=Succeeded",
        "label_selector": "kubernetes_executor=True,airflow-worker!=7,airflow_executor_done!=True",
    }
    assert executor.do("list", selectors)["result"] == ["adopted"]
    # A pod that is marked as done leaves the selection of the watcher, as an adopted one does.
    executor.do("patch_pod_executor_done", "bad", NAMESPACE)
    assert executor.watched() == ("bad", "adopted")
    assert (
        cluster.admin()
        .read_namespaced_pod("bad", NAMESPACE)
        .metadata.labels["airflow_executor_done"]
        == "True"
    )


def test_airflows_watcher_comes_back_after_the_server(cluster: Cluster, executor: Executor) -> None:
    executor.do("create", task_pod("one", namespace=NAMESPACE))
    cluster.becomes("one", "Running")
    cluster.stop()
    end = time.monotonic() + SECONDS
    while not executor.do("health")["result"] and time.monotonic() < end:
        time.sleep(0.2)
    cluster.start(cluster.address, cluster.port)
    cluster.becomes("one", "Succeeded", containerStatuses=terminated(0))
    # A new watcher may have met the server before it was back.
    time.sleep(1)
    executor.do("health")
    assert executor.watched() == ("one", None)
