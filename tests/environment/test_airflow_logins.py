"""Each task is its own workflow to the databases, and fails where it wants to be another."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.environment.busy_time import TOGETHER
from tests.environment.checkout import APPLICATION, METADATA
from tests.environment.running_airflow import log_text

if TYPE_CHECKING:
    from local.airflow_api import TaskTry
    from tests.environment.busy_time import BusyTime
    from tests.environment.running_airflow import RunningAirflow

AGENT = "marketing.agent-report"
ROLE = "airflow-local-workflow-marketing"
SENTENCES = {
    "another_connection": rf"Role {ROLE} lacks secretsmanager:GetSecretValue on secret "
    "airflow/local/connections/billing, so this task has no connection 'billing'",
    "another_schema": "permission denied for schema local_billing_v1",
    "another_identity": r"AccessDenied.* AssumeRoleWithWebIdentity .*",
    "metadata_database": 'PAM authentication failed for user "airflow_local_scheduler"',
    "master_secret": rf"AccessDenied.*{ROLE}.* is not authorized to perform: "
    "secretsmanager:GetSecretValue on resource: .*rds!db-application",
}
"""What each forbidden task is told that it lacks."""


def test_tasks_of_two_workflows_log_in_at_once_each_as_its_own(busy: BusyTime) -> None:
    """And nobody else is in the application instance meanwhile; the endpoint's log says so."""
    assert busy.states == dict.fromkeys(busy.states, "success")
    accounts = {f"workflow-{workflow}" for workflow in TOGETHER}
    assert any(accounts <= moment for moment in busy.together), busy.together

    at_application = [one for one in busy.logins if one["instance"] == APPLICATION]
    assert {one["event"] for one in at_application} == {"in", "closed"}
    came = [one for one in at_application if one["event"] == "in"]
    assert {(one["method"], one["tls"]) for one in came} == {("iam", "TLSv1.3")}
    assert {(one["user"], role_of(one)) for one in came} == {
        (f"local_{workflow}", f"airflow-local-workflow-{workflow}") for workflow in TOGETHER
    }
    # Every task is a pod with a session of its own: four tasks of billing's, two of marketing's.
    sessions = {(one["user"], one["identity"]) for one in came}
    assert len([user for user, _ in sessions if user == "local_billing"]) == 4
    assert len([user for user, _ in sessions if user == "local_marketing"]) == 2


def role_of(entry: dict[str, str]) -> str:
    """The IAM role that a line of the endpoint's log names."""
    found = re.fullmatch(r"arn:aws:sts::\d{12}:assumed-role/([\w-]+)/.+", entry["identity"])
    assert found, entry
    return found[1]


@pytest.fixture(scope="module")
def agents_tasks(airflow: RunningAirflow) -> dict[str, tuple[TaskTry, str]]:
    """The tasks that the agent wrote, as `up` ran them, with all that their logs say."""
    api = airflow.api()
    run = api._last_run(AGENT)
    assert run
    return {task.task_id: (task, log_text(api, AGENT, run, task)) for task in api.tasks(AGENT, run)}


@pytest.mark.parametrize("task_id", SENTENCES)
def test_a_forbidden_task_fails_and_is_told_what_it_lacks(
    agents_tasks: dict[str, tuple[TaskTry, str]], task_id: str
) -> None:
    task, log = agents_tasks[task_id]

    assert task.state == "failed"
    assert re.search(SENTENCES[task_id], log), log


def test_the_agents_own_work_succeeds(agents_tasks: dict[str, tuple[TaskTry, str]]) -> None:
    assert agents_tasks.keys() == {"own_report", *SENTENCES}
    assert agents_tasks["own_report"][0].state == "success"


def test_the_endpoint_tells_who_wanted_the_metadata_database(airflow: RunningAirflow) -> None:
    """A server tells whom it refuses little; its log tells the operator which right is missing."""
    file = airflow.checkout.paths.endpoint_logs / f"{METADATA}.log"
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    refused = [
        one
        for one in lines
        if (one["event"], one["user"]) == ("refused", "airflow_local_scheduler")
    ]

    # Every task has two tries.
    assert len(refused) == 2
    for one in refused:
        assert one["reason"].startswith(f"no statement of role {ROLE} allows rds-db:connect on ")


def test_asking_for_another_service_account_is_an_import_error(airflow: RunningAirflow) -> None:
    (error,) = airflow.api().import_errors()

    assert error.startswith("marketing/agent_as_billing.py: ")
    assert "workflow-billing" in error
