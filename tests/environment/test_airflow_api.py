"""What is said when Airflow is asked for what it does not have, or is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local import example_runs
from local.airflow import password, web
from local.airflow_api import AirflowApi, AirflowError

if TYPE_CHECKING:
    from tests.environment.checkout import Checkout
    from tests.environment.running_airflow import RunningAirflow


def test_a_wrong_password(airflow: RunningAirflow) -> None:
    with pytest.raises(AirflowError, match=r"^POST /auth/token: 401 "):
        AirflowApi(airflow.address, airflow.user, "another")


def test_nobody_at_the_address(airflow: RunningAirflow) -> None:
    nowhere = airflow.address.rpartition(":")[0] + ":1"

    with pytest.raises(AirflowError, match=r"^POST /auth/token: no answer: .*Connection refused"):
        AirflowApi(nowhere, airflow.user, airflow.password)


def test_a_dag_that_is_not_there(airflow: RunningAirflow) -> None:
    with pytest.raises(AirflowError, match=r"nothing.* 404 .*was not found"):
        airflow.api().begin("nothing")


def test_a_workflow_whose_example_airflow_never_learns_of(
    airflow: RunningAirflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence has what Airflow knows, and why it refused files."""
    monkeypatch.setattr(example_runs, "PARSE_SECONDS", 0)

    with pytest.raises(AirflowError) as caught:
        example_runs.run_examples(airflow.api(), frozenset({"unknown"}), progress=print)

    told = str(caught.value)
    assert told.startswith("Airflow knows no DAG of unknown after 0 s (it knows: billing, ")
    assert "agent_as_billing.py" in told


def test_airflow_that_does_not_run(environment: Checkout) -> None:
    """Databases run, and Airflow was left out."""
    sentence = "^no Airflow of local runs: run `make up` first$"
    with pytest.raises(AirflowError, match=sentence):
        web(environment.paths, "local")
    with pytest.raises(AirflowError, match=sentence):
        password(environment.paths, "local")

    told = environment.run("password")

    assert (told.status, told.output) == (1, "")
    assert told.errors == "error: no Airflow of local runs: run `make up` first\n"
