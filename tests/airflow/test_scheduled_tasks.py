"""What the scheduler makes of a task whose DAG got past the rules when it was parsed.

Code of a DAG's author runs while it is parsed, and may switch the rules off there. So they are off
here until the DAG is in the database.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.home import make_home, needs_image, run

pytestmark = needs_image


@pytest.fixture(scope="module")
def scheduled(tmp_path_factory: pytest.TempPathFactory) -> list[list[Any]]:
    home: Path = make_home(tmp_path_factory.mktemp("scheduled") / "home")
    assert run(home, "-m", "airflow", "db", "migrate").returncode == 0
    done = run(home, str(Path(__file__).with_name("scheduled_tasks.py")))
    assert done.returncode == 0, done.stdout + done.stderr
    found: list[list[Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_it_has_no_other_pod_pool_or_queue(scheduled: list[list[Any]]) -> None:
    tasks = {(task, index): rest for task, index, *rest in scheduled}
    assert tasks["sly", -1] == ["marketing", "marketing", "False"]
    assert tasks["honest", -1] == ["marketing", "marketing", "True"]
    assert {rest[2] for (task, _), rest in tasks.items() if task == "mapped"} == {"False"}


def test_one_of_a_workflow_that_is_no_more_does_not_stop_the_scheduler(
    scheduled: list[list[Any]],
) -> None:
    assert ["gone", -1, "billing", "default", "False"] in scheduled
