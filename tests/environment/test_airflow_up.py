"""What `make up` says when all is well, and what it leaves running."""

from __future__ import annotations

import collections
import contextlib
import json
import re
from typing import TYPE_CHECKING

import requests

from tests.environment.running_airflow import pods

if TYPE_CHECKING:
    from tests.environment.running_airflow import RunningAirflow

SECONDS = 10


def test_up_runs_the_examples_and_tells_how_each_task_ended(airflow: RunningAirflow) -> None:
    output = airflow.up.output

    for dag in ("reference", "billing", "marketing"):
        assert re.search(rf"^airflow +{dag} ended as success after \d+ s$", output, re.MULTILINE)
    tasks = dict(re.findall(r"^  (\w[\w.-]+)\s+(success|failed)\s+\d tr", output, re.MULTILINE))
    assert {name for name, state in tasks.items() if state == "success"} == {
        "reference.create_table",
        "reference.publish",
        *(f"billing.{task}" for task in ("create_tables", "load", "transform", "report")),
        "marketing.create_table",
        "marketing.load",
        "marketing.agent-report.own_report",
    }
    assert len(tasks) == 14
    assert "\nbroken " not in output


def test_up_shows_who_connected_and_who_was_refused(airflow: RunningAirflow) -> None:
    output = airflow.up.output

    for workflow in ("billing", "marketing", "reference"):
        assert re.search(
            rf"^ +\d+x in +airflow-local-application +local_{workflow} +IAM token +"
            rf"assumed-role/airflow-local-workflow-{workflow}$",
            output,
            re.MULTILINE,
        )
    for component in ("api-server", "dag-processor", "migration", "scheduler", "triggerer"):
        login = f"airflow_local_{component.replace('-', '_')}"
        assert re.search(
            rf"^ +\d+x in +airflow-local-metadata +{login} +IAM token +"
            rf"assumed-role/airflow-local-component-{component}$",
            output,
            re.MULTILINE,
        )
    assert re.search(
        r"2x refused  airflow-local-metadata +airflow_local_scheduler .*"
        r"no statement of role airflow-local-workflow-marketing allows rds-db:connect",
        output,
    )


def test_up_names_the_web_interface_which_the_password_opens(airflow: RunningAirflow) -> None:
    found = re.search(
        r"^web +(http://\S+)  user (\w+); `make password` shows the password$",
        airflow.up.output,
        re.MULTILINE,
    )
    assert found
    told = airflow.checkout.run("password")

    assert (told.status, told.errors) == (0, "")
    login = {"username": found[2], "password": told.output.strip()}
    address = f"{found[1]}/auth/token"
    assert requests.post(address, json=login, timeout=SECONDS).status_code == 201
    login["password"] += "?"
    assert requests.post(address, json=login, timeout=SECONDS).status_code == 401


def test_every_service_account_is_a_user_of_its_own_or_status_says_why_not(
    airflow: RunningAirflow,
) -> None:
    status = airflow.checkout.run("status", "--json")
    cluster = json.loads(status.output)["cluster"]

    ready = {one["name"]: (one["ready"], one["restarts"]) for one in cluster["components"]}
    assert len(ready) == 5
    assert set(ready.values()) == {(1, 0)}
    users = _users(airflow)
    assert len(users) >= len(ready)
    if cluster["shared_user"] is None:
        assert all(len(found) == 1 for found in users.values())
        assert len(set.union(*users.values())) == len(users)
    else:
        assert len(set.union(*users.values())) == 1
        assert cluster["shared_user"]


def _users(airflow: RunningAirflow) -> dict[str, set[int]]:
    """Service account -> the users of its pods, of which there may be several."""
    users = collections.defaultdict[str, set[int]](set)
    for pod in pods(airflow.checkout, fieldSelector="status.phase!=Pending"):
        home = airflow.pods_folder / f"pod-{pod['metadata']['uid'][:8]}" / "home"
        with contextlib.suppress(FileNotFoundError):  # A task's pod is deleted at its end.
            users[pod["spec"]["serviceAccountName"]].add(home.stat().st_uid)
    return users
