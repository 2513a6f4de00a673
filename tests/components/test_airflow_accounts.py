"""Service accounts and their rights in Kubernetes: exactly these, and nobody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.components.airflow_example import airflow

if TYPE_CHECKING:
    from local.deploy.record import Recording
    from tests.conftest import Record

ACCOUNT = "kubernetes:core/v1:ServiceAccount"
ROLE = "kubernetes:rbac.authorization.k8s.io/v1:Role"
BINDING = "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding"


@pytest.fixture(scope="module")
def recording(recorded: Record) -> Recording:
    return recorded(airflow)


def test_each_account_has_its_own_iam_role(recording: Recording) -> None:
    roles = {
        one.plain["metadata"]["name"]: one.plain["metadata"]["annotations"]
        for one in recording.of_type(ACCOUNT)
    }
    assert roles == {
        account: {"eks.amazonaws.com/role-arn": arn}
        for account, arn in {
            "airflow-api-server": "arn:component/api-server",
            "airflow-scheduler": "arn:component/scheduler",
            "airflow-dag-processor": "arn:component/dag-processor",
            "airflow-triggerer": "arn:component/triggerer",
            "airflow-migrate-database-job": "arn:component/migration",
            "workflow-billing": "arn:workflow/billing",
            "workflow-reference": "arn:workflow/reference",
        }.items()
    }


def test_no_account_hands_out_tokens_of_kubernetes_by_itself(recording: Recording) -> None:
    for one in recording.of_type(ACCOUNT):
        assert one.plain["automountServiceAccountToken"] is False


def test_accounts_of_workflows_are_their_tasks(recording: Recording) -> None:
    components = {
        one.plain["metadata"]["name"]: one.plain["metadata"]["labels"]["component"]
        for one in recording.of_type(ACCOUNT)
    }
    assert components == {
        "airflow-api-server": "api-server",
        "airflow-scheduler": "scheduler",
        "airflow-dag-processor": "dag-processor",
        "airflow-triggerer": "triggerer",
        "airflow-migrate-database-job": "run-airflow-migrations",
        "workflow-billing": "worker",
        "workflow-reference": "worker",
    }


def test_who_may_do_what_in_kubernetes(recording: Recording) -> None:
    roles = {
        one.plain["metadata"]["name"]: {
            (resource, verb)
            for rule in one.plain["rules"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
            if rule["apiGroups"] == [""]
        }
        for one in recording.of_type(ROLE)
    }
    rights = {}
    for one in recording.of_type(BINDING):
        (subject,) = one.plain["subjects"]
        assert one.plain["roleRef"]["apiGroup"] == "rbac.authorization.k8s.io"
        assert one.plain["roleRef"]["kind"] == "Role"
        who = (subject["kind"], subject["namespace"], subject["name"])
        assert who not in rights
        rights[who] = roles.pop(one.plain["roleRef"]["name"])
    assert roles == {}
    assert rights == {
        ("ServiceAccount", "airflow-prod", "airflow-scheduler"): {
            ("pods", verb) for verb in ("create", "get", "list", "watch", "patch", "delete")
        },
        ("ServiceAccount", "airflow-prod", "airflow-api-server"): {
            ("pods", "list"),
            ("pods/log", "get"),
        },
    }
    assert not [one for one in recording if "ClusterRole" in one.type]
