"""No secret is where somebody could find it, while DAGs run and afterwards.

The search looked at every process of the environment and at the pods' files again and again while
tasks of two workflows ran, and then at all files, tables, objects on S3 and outputs of commands. It
is shown able to find: what a task spread was found in each kind of place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from components.airflow.configuration import KEYS_OF
from tests.environment.busy_time import CANARY, TOKEN, WEB_TOKEN
from tests.environment.checkout import APPLICATION, METADATA
from tests.environment.searches import (
    ARGUMENTS,
    FILE,
    LOG,
    OBJECT,
    OUTPUT,
    TABLE,
    TOKENS,
    VARIABLES,
    WEB_TOKENS,
    within,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.environment.busy_time import BusyTime
    from tests.environment.running_airflow import RunningAirflow

KEPT = (LOG, TABLE, OBJECT, OUTPUT)
"""Where things stay, and are read by many."""


@pytest.fixture
def memory(airflow: RunningAirflow) -> Path:
    """The account's memory: all of AWS, secrets included."""
    return airflow.checkout.paths.account / "snapshot"


def test_what_a_task_spreads_is_found_in_each_kind_of_place(busy: BusyTime) -> None:
    kinds = {kind for kind, _ in busy.search.found(CANARY)}

    assert kinds == {ARGUMENTS, VARIABLES, FILE, TABLE, OBJECT} | (kinds & {LOG})
    assert ("table", "dag_run") in busy.search.found(CANARY)
    assert any("reference.indiscretion" in place for _, place in busy.search.found(CANARY, OBJECT))


def test_everything_was_looked_at(busy: BusyTime, airflow: RunningAirflow) -> None:
    looked = busy.search.looked

    assert looked.keys() == {ARGUMENTS, VARIABLES, FILE, LOG, TABLE, OBJECT, OUTPUT}
    assert looked[ARGUMENTS] > 100
    files = {str(path) for path in busy.search._files}
    checkout = airflow.checkout
    for one in (
        checkout.paths.state,
        checkout.paths.endpoint_logs / f"{METADATA}.log",
        airflow.cluster_folder / "cluster.log",
        *checkout.paths.manifests.rglob("*.yaml"),
        *airflow.pods_folder.glob("*/containers/*/log"),
    ):
        assert str(one) in files, one


@pytest.mark.parametrize("instance", [APPLICATION, METADATA])
def test_the_masters_password_is_where_aws_keeps_its_secrets_alone(
    busy: BusyTime, memory: Path, instance: str
) -> None:
    found = busy.search.found(instance)

    assert found
    assert found == set(within(found, memory))


@pytest.mark.parametrize("key", ["fernet", "jwt", "api"])
def test_a_key_is_in_the_volumes_of_the_components_that_need_it_alone(
    busy: BusyTime, airflow: RunningAirflow, memory: Path, key: str
) -> None:
    found = busy.search.found(key)
    volumes = {
        path.parent: pod
        for pod in airflow.pods_folder.glob("pod-*")
        for path in pod.glob(f"volumes/*/{key}")
    }

    assert found == {*within(found, memory, *volumes)}
    holders = {
        container.name
        for pod in volumes.values()
        for container in (pod / "containers").iterdir()
        if container.name != "keys"
    }
    assert holders == {component for component, keys in KEYS_OF.items() if key in keys}
    in_pods = {place for _, place in within(found, airflow.pods_folder)}
    assert in_pods == {str(volume / key) for volume in volumes}


def test_tokens_of_databases_are_kept_and_shown_nowhere(busy: BusyTime) -> None:
    assert TOKENS.search(b"host:5433/?X-Amz-Signature=0a1b")
    assert busy.search.found(TOKEN, *KEPT, ARGUMENTS) == set()


def test_tokens_of_tasks_and_service_accounts_are_in_their_own_files_alone(busy: BusyTime) -> None:
    """A task's own token is in its pod's workload, and in the cluster's memory of the pod."""
    assert busy.search.found(WEB_TOKEN, FILE)
    assert WEB_TOKENS.search(b"eyJhbGciOiJIUzUxMiJ9.eyJzdWIiOiIwMWEyIn0.c2lnbmF0dXJlLXNpZ25hdHVyZQ")
    assert busy.search.found(WEB_TOKEN, *KEPT, ARGUMENTS, VARIABLES) == set()
