"""A person opens the web interface, logs in, and finds the finished run of `billing`.

The README's picture, docs/web-ui.png, is the one that the last test takes.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from tests.environment.web_ui import WINDOW, WebInterface, browser, named_for_tests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.environment.running_airflow import RunningAirflow

WORKFLOW = "billing"
MOST_BYTES = 300_000
"""Of a picture that is kept with the sources."""
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def web(airflow: RunningAirflow, tmp_path: Path) -> Iterator[WebInterface]:
    """A browser that nobody has logged in with."""
    with browser(tmp_path) as chrome:
        yield WebInterface(chrome, airflow.address)


def test_nobody_gets_in_without_the_password(web: WebInterface, airflow: RunningAirflow) -> None:
    web.open(f"/dags/{WORKFLOW}")
    web.send_login(airflow.user, "not the password")
    web.wait_for("body", "Invalid credentials")
    assert web.path == "/auth/login"
    assert WORKFLOW not in web.text


def test_the_finished_run_is_there_to_be_seen(
    web: WebInterface, airflow: RunningAirflow, tmp_path: Path
) -> None:
    web.open("/")
    web.log_in(airflow.user, airflow.password)

    web.open(f"/dags/{WORKFLOW}/runs?state=success")
    web.wait_for("td " + named_for_tests("state-badge"), "Success")
    web.click("td a[href*='/runs/']")

    tasks = web.texts(named_for_tests("table-cell-task_display_name"))
    states = web.texts(named_for_tests("table-cell-state"))
    assert len(tasks) == len(states) > 1
    assert set(states) == {"Success"}
    assert web.path.startswith(f"/dags/{WORKFLOW}/runs/")

    picture = tmp_path / "web-ui.png"
    web.photograph(picture)
    content = picture.read_bytes()
    assert content.startswith(PNG)
    # Width and height stand at the start of a PNG's first chunk.
    width, _height = struct.unpack(">II", content[16:24])
    assert width == WINDOW[0]
    assert len(content) < MOST_BYTES
