"""Probes: what makes a component well or not, as exit codes of a process of its own."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.airflow.home import SOURCE

BEATING = ["scheduler", "dag-processor", "triggerer"]


def _probe(what: str, **environment: str) -> tuple[int, str]:
    # -S: nothing but the standard library is there.
    done = subprocess.run(
        [sys.executable, "-S", SOURCE / "probe_health.py", what],
        env={"PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.strip()


def _mark(folder: Path, mark: str, age: float) -> None:
    (folder / mark).touch()
    at = time.time() - age
    os.utime(folder / mark, (at, at))


@pytest.mark.parametrize("component", BEATING)
def test_a_component_is_well_while_its_heart_beats(component: str, tmp_path: Path) -> None:
    assert _probe(component, AIRFLOW_HOME=str(tmp_path)) == (
        1,
        f"{component}: no heartbeat was written yet",
    )
    _mark(tmp_path, "heartbeat", 100)
    assert _probe(component, AIRFLOW_HOME=str(tmp_path)) == (0, "")
    _mark(tmp_path, "heartbeat", 130)
    code, said = _probe(component, AIRFLOW_HOME=str(tmp_path))
    assert code == 1
    assert said.startswith(f"{component}: the last heartbeat was written 13")


@pytest.mark.parametrize("minutes", [2, 10, 600])
def test_a_database_that_is_away_is_no_reason_to_restart(minutes: int, tmp_path: Path) -> None:
    _mark(tmp_path, "heartbeat", minutes * 60 + 10)
    _mark(tmp_path, "database-away", 20)
    assert _probe("scheduler", AIRFLOW_HOME=str(tmp_path)) == (0, "")


def test_but_one_that_was_away_long_ago_is(tmp_path: Path) -> None:
    """A component that does not even try to log in any more is stuck."""
    _mark(tmp_path, "heartbeat", 600)
    _mark(tmp_path, "database-away", 500)
    assert _probe("scheduler", AIRFLOW_HOME=str(tmp_path))[0] == 1


class _Airflow(http.server.BaseHTTPRequestHandler):
    """Answers as Airflow's API server does: 200, whatever is wrong."""

    metadata = "healthy"

    def do_GET(self) -> None:
        if self.path == "/execution/health":
            answer: object = {"ok": [], "failing": {}}
        else:
            answer = {
                "metadatabase": {"status": self.metadata},
                "scheduler": {"status": "unhealthy"},
            }
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def api_server() -> Iterator[dict[str, str]]:
    server = http.server.HTTPServer(("127.0.0.1", 0), _Airflow)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield {"AIRFLOW__API__HOST": "0.0.0.0", "AIRFLOW__API__PORT": str(server.server_port)}  # noqa: S104 - as in a pod
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_api_server_is_ready_when_its_database_is(
    api_server: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _probe("api-server", **api_server, http_proxy="http://127.0.0.1:9") == (0, "")
    monkeypatch.setattr(_Airflow, "metadata", "unhealthy")
    assert _probe("api-server", **api_server) == (
        1,
        "api-server: the API server says that the metadata database is unhealthy",
    )
    assert _probe("api-server-alive", **api_server) == (0, "")


def test_an_api_server_that_does_not_answer(api_server: dict[str, str]) -> None:
    closed = {**api_server, "AIRFLOW__API__PORT": "9"}
    for what in ("api-server", "api-server-alive"):
        code, said = _probe(what, **closed)
        assert code == 1
        assert "the API server does not answer /" in said


def test_a_probe_of_something_else_is_a_sentence() -> None:
    code, said = _probe("webserver")
    assert code == 2
    assert said.startswith("Name one of api-server, api-server-alive, scheduler, ")
    assert said.endswith(", not webserver.")
