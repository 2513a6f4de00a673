"""A workflow whose password is rotated while it works, under an Airflow that runs on.

The tests tell one story and stand in its order: the workflow used IAM, is rotated, uses IAM again.
Nothing is started again for it. A task makes a hook when it is about to connect, and no task has to
do more: neither Airflow nor its secrets backend keeps the connection of a workflow. A hook that is
kept in a variable does, and logs in until the password changes for the second time.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.environment.checkout import APPLICATION
from tests.environment.rotations import DAG, WORKFLOW, edited, held, logins, role_id, rotating
from tests.environment.visits import Visits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.environment.running_airflow import RunningAirflow

PAIR = {"local_billing_a", "local_billing_b"}
WAYS = {"by_hook", "by_hook_of_old", "by_sqlalchemy", "by_sqlalchemy_of_old", "by_psycopg"}
TASKS = {
    "create_table",
    "long",
    *(f"short_{chain}_{link}" for chain in (0, 1) for link in range(4)),
}
RUN_SECONDS = 180


@pytest.fixture(scope="module")
def before(airflow: RunningAirflow) -> tuple[str, set[int]]:
    """The id of the workflow's IAM role, and the processes of Airflow's components."""
    return role_id(airflow.checkout), airflow.component_processes()


@pytest.fixture(scope="module")
def rotated(airflow: RunningAirflow, before: tuple[str, set[int]]) -> Iterator[str]:  # noqa: ARG001 - it comes first
    """Have the workflow's password rotated; gives the former settings, which come back."""
    checkout = airflow.checkout
    with edited(checkout, login="rotated", rotationDays=1) as former:
        checkout.up()
        yield former
    if "password" in held(checkout):
        checkout.up()


@pytest.fixture(scope="module")
def back(airflow: RunningAirflow, rotated: str) -> None:
    """Have it use IAM again."""
    airflow.checkout.stack_file.write_text(rotated, encoding="utf-8")
    airflow.checkout.up()


def works(airflow: RunningAirflow) -> set[tuple[str, str]]:
    """Run the workflow's example, each task once; return the logins and methods it came in with."""
    visits, api = Visits(airflow.checkout), airflow.api()
    run = airflow.run(WORKFLOW)
    assert {one.tries for one in api.tasks(WORKFLOW, run)} == {1}
    came = visits.all(event="in", instance=APPLICATION)
    return {(one["user"], one["method"]) for one in came}


@pytest.mark.usefixtures("rotated")
def test_a_workflow_that_used_iam_logs_in_by_a_password(
    airflow: RunningAirflow, before: tuple[str, set[int]]
) -> None:
    assert works(airflow) == {("local_billing_a", "scram")}

    assert logins(airflow.checkout) == PAIR
    assert (role_id(airflow.checkout), airflow.component_processes()) == before


@pytest.mark.usefixtures("rotated")
@pytest.mark.parametrize("times", [3, pytest.param(10, marks=pytest.mark.faults)])
def test_no_task_notices_that_the_password_changes(airflow: RunningAirflow, times: int) -> None:
    seen = Visits(airflow.checkout)
    with rotating(airflow) as dag:
        turns = dag.turns(times)
        dag.end()
        state = dag.api.wait(DAG, dag.run, RUN_SECONDS)
        visits = dag.visits()

    tasks = dag.api.tasks(DAG, dag.run)
    assert {(one.task_id, one.state, one.tries) for one in tasks} == {
        (name, "success", 1) for name in TASKS
    }, state
    # Each password was another one, of the login whose turn it was.
    assert len({turn.version for turn in turns}) == times
    names = [turn.login for turn in turns]
    assert set(names) == PAIR
    assert all(one != other for one, other in pairwise(names))

    assert {one.task for one in visits} == TASKS - {"create_table"}
    kept = {one.login for one in visits if one.way == "kept_session"}
    assert kept == {names[1]}
    # Whoever asks for the connection has the login whose turn it is, and no older one.
    for turn in turns:
        came = [one for one in visits if turn.begun < one.begun < turn.ended]
        came = [one for one in came if one.way != "kept_session"]
        assert {one.login for one in came} == {turn.login}
        assert {one.way for one in came} >= WAYS

    methods = {(one["user"], one["method"]) for one in seen.all(event="in", instance=APPLICATION)}
    assert methods == {*((login, "scram") for login in PAIR), ("local_billing_rotator", "iam")}
    # A hook that is kept is what nobody may rely on.
    refused = [one["user"] for one in seen.all(event="refused", instance=APPLICATION)]
    assert refused == [*kept]
    (answer,) = re.findall(
        r'^{"kept_hook": "(.*)"}$', airflow.log(DAG, dag.run, "long"), re.MULTILINE
    )
    assert "password authentication failed" in answer


@pytest.mark.usefixtures("back")
def test_a_workflow_whose_password_was_rotated_uses_iam_again(
    airflow: RunningAirflow, before: tuple[str, set[int]]
) -> None:
    assert works(airflow) == {("local_billing", "iam")}

    assert logins(airflow.checkout) == {"local_billing"}
    assert "password" not in held(airflow.checkout)
    assert (role_id(airflow.checkout), airflow.component_processes()) == before
