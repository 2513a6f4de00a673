"""What `make up` says when Airflow cannot start, or an example does not do what it promises."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from local import image
from tests.environment.checkout import SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.environment.checkout import Checkout
    from tests.environment.running_airflow import RunningAirflow

BROKEN = '''
"""An example that does not do what it promises, and an agent that gets what it should not."""

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG


def fail() -> None:
    raise RuntimeError("there is nothing to report")


def succeed() -> None:
    print("got in")


for dag_id, task, tags in (
    ("billing.broken", fail, ["billing"]),
    ("billing.too-free", succeed, ["billing", "agent"]),
):
    with DAG(
        dag_id,
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        default_args={"retries": 1, "retry_delay": timedelta(seconds=1)},
        tags=tags,
    ):
        PythonOperator(task_id="only", python_callable=task)
'''


@pytest.fixture
def broken_examples(airflow: RunningAirflow, tmp_path: Path) -> Iterator[None]:
    """Have examples that break their promises, and none else, as all would run again."""
    examples = tmp_path / "examples"
    shutil.move(airflow.dags_folder, examples)
    (airflow.dags_folder / "billing").mkdir(parents=True)
    (airflow.dags_folder / "billing" / "broken.py").write_text(BROKEN, encoding="utf-8")
    known = [dag for dag in airflow.api().dags() if not dag.startswith("billing.broken")]
    airflow.publish()
    airflow.wait_for_dags("billing.broken", "billing.too-free", gone=tuple(known))
    yield
    shutil.rmtree(airflow.dags_folder)
    shutil.move(examples, airflow.dags_folder)
    airflow.publish()
    airflow.wait_for_dags(*known)


@pytest.mark.usefixtures("broken_examples")
def test_up_names_the_tasks_that_broke_their_promise(airflow: RunningAirflow) -> None:
    """And it fails, although everything else is as declared."""
    up = airflow.checkout.run("up")

    assert up.status == 1, up.text
    broken = re.findall(r"^broken +(.+)", up.output, re.MULTILINE)
    assert [re.sub(r" +", " ", line) for line in sorted(broken)] == [
        "this task was to fail: billing.too-free.only success 1 try",
        "this task was to succeed: billing.broken.only failed 2 tries there is nothing to report",
    ]
    assert "\nfailed " in up.output
    # The program is as it was, and Airflow went on running.
    assert re.search(r"^program +\d+ unchanged$", up.output, re.MULTILINE)
    assert f"web      {airflow.address}" in up.output


def test_without_airflows_packages_nothing_is_started(bare: Checkout) -> None:
    up = bare.run("up")

    assert (up.status, up.output) == (1, "")
    assert up.errors == (
        "error: Airflow is not installed here: run `make image`, or leave Airflow out with "
        "`make up DATABASES_ONLY=1`\n"
    )
    assert not bare.paths.local.exists()


def test_without_git_nothing_is_started(bare: Checkout, tmp_path: Path) -> None:
    link = bare.folder / image.FOLDER
    link.symlink_to(SOURCES / image.FOLDER)
    try:
        up = bare.run("up", PATH=str(tmp_path))
    finally:
        link.unlink()

    assert (up.status, up.output) == (1, "")
    assert up.errors == (
        "error: git is not on the PATH, and Airflow takes its DAGs by it: install it, or leave "
        "Airflow out with `make up DATABASES_ONLY=1`\n"
    )
    assert not bare.paths.local.exists()
