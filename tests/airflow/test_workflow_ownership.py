"""Which workflow a DAG belongs to, and what is said when it belongs to none."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest

Load = Callable[[str], ModuleType]


@pytest.fixture
def workflows(load: Load) -> ModuleType:
    return load("workflows")


@pytest.mark.parametrize("dag_id", ["billing", "billing.load", "billing.load.again"])
@pytest.mark.parametrize("dag_file", ["billing/a.py", "billing/deep/er/a.py", "./billing/a.py"])
def test_by_its_folder_and_its_name(workflows: ModuleType, dag_id: str, dag_file: str) -> None:
    assert workflows.owner(dag_id, dag_file).service_account == "workflow-billing"


@pytest.mark.parametrize(
    ("dag_id", "dag_file", "sentence"),
    [
        (
            "billing",
            "marketing/a.py",
            "is a file of workflow 'marketing': call the DAG 'marketing'",
        ),
        ("billing-load", "billing/a.py", "is a file of workflow 'billing'"),
        ("", "billing/a.py", "is a file of workflow 'billing'"),
        (
            "sales",
            "sales/a.py",
            "no workflow 'sales' is declared .there are: billing, marketing, r",
        ),
        ("billing", "a.py", "in no workflow's folder"),
        ("billing", "", "in no workflow's folder"),
        ("billing", "/billing/a.py", "in no workflow's folder"),
        ("billing", "billing/../marketing/a.py", "in no workflow's folder"),
        ("billing", "BILLING/a.py", "no workflow 'BILLING' is declared"),
    ],
)
def test_or_it_is_nobodys(workflows: ModuleType, dag_id: str, dag_file: str, sentence: str) -> None:
    with pytest.raises(workflows.ForeignDagError, match=sentence):
        workflows.owner(dag_id, dag_file)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "workflows.json is not JSON"),
        ("[]", r"workflows.json is \[\], but an object by workflow is needed"),
        ('{"a": 1}', "workflow 'a' has service_account None, but a text is needed"),
        (
            '{"a": {"service_account": "b", "pool": "a", "slots": true}}',
            "workflow 'a' has slots True, but a number is needed",
        ),
    ],
)
def test_a_broken_list_is_a_sentence(workflows: ModuleType, text: str, sentence: str) -> None:
    with pytest.raises(workflows.WorkflowsError, match=sentence):
        workflows.parse(text)


def test_a_missing_list_is_a_sentence(workflows: ModuleType) -> None:
    workflows.FILE.unlink()
    with pytest.raises(workflows.WorkflowsError, match="mount the ConfigMap airflow-home"):
        workflows.declared()
