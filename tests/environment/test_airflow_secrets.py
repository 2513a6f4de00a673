"""Each secret is where it belongs and nowhere else, while DAGs run and afterwards.

The search looked at every process of the environment and at the pods' files again and again while
tasks of two workflows ran, and then at everything that stays. It is shown able to find: what a task
spread was found in each kind of place, and each secret in each of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.environment.busy_time import CANARY, COMMANDS
from tests.environment.checkout import METADATA
from tests.environment.process_environments import environment_now
from tests.environment.searches import (
    ANSWER,
    ARGUMENTS,
    FILE,
    NAME,
    OBJECT,
    OUTPUT,
    TABLE,
    VARIABLES,
)
from tests.environment.secret_inventory import INVENTORY
from tests.environment.secret_judgement import problems, strangers
from tests.environment.secret_rows import UNKNOWABLE, Secret

if TYPE_CHECKING:
    from tests.environment.busy_time import BusyTime
    from tests.environment.running_airflow import RunningAirflow


def test_what_a_task_spreads_is_found_in_each_kind_of_place(busy: BusyTime) -> None:
    found = busy.search.found[CANARY]

    assert {place.kind for place in found} == {ARGUMENTS, VARIABLES, FILE, TABLE, OBJECT}
    assert any(place.where.endswith(".dag_run") for place in found)
    assert any("reference.indiscretion" in place.where for place in found if place.kind == OBJECT)


def test_a_variable_of_a_fork_is_seen(airflow: RunningAirflow) -> None:
    """Containers are forks of a warm interpreter, whose own variables are all that /proc shows."""
    for pid in airflow.component_processes():
        seen = environment_now(pid)
        assert seen is not None
        assert b"\nAIRFLOW_HOME=" in seen


def test_everything_was_looked_at(busy: BusyTime, airflow: RunningAirflow) -> None:
    looked, checkout = busy.search.looked, airflow.checkout

    assert looked.keys() == {ARGUMENTS, VARIABLES, FILE, NAME, TABLE, OBJECT, ANSWER, OUTPUT}
    assert looked[ARGUMENTS] > 100
    files = {str(path) for path in busy.search._files}
    for one in (
        checkout.paths.state,
        checkout.paths.endpoint_logs / f"{METADATA}.log",
        airflow.cluster_folder / "cluster.log",
        *checkout.paths.manifests.rglob("*.yaml"),
        *busy.logs,
    ):
        assert str(one) in files, one
    assert busy.logs
    said = {place.where for place in busy.search.read if place.kind == OUTPUT}
    assert said >= {"up", *COMMANDS}


@pytest.mark.parametrize(
    "secret", [one for one in INVENTORY if one.seen != UNKNOWABLE], ids=lambda one: one.name
)
def test_a_secret_is_where_it_belongs_alone(busy: BusyTime, secret: Secret) -> None:
    assert problems(busy.search, secret, airflow=True) == []


def test_nothing_else_looks_like_a_secret(busy: BusyTime) -> None:
    assert strangers(busy.search, besides=frozenset({CANARY})) == []
