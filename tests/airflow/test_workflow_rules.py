"""What Airflow makes of DAG files under the rules: the examples, and files that break one each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.home import make_home, needs_image, run

pytestmark = needs_image

_PARSE = """
import json, sys
from pathlib import Path
from airflow.dag_processing.dagbag import DagBag
folder = Path(sys.argv[1])
bag = DagBag(dag_folder=folder, bundle_path=folder, bundle_name="dags")
tasks = [
    [dag.dag_id, task.task_id, task.pool, task.queue, task.retries]
    for dag in bag.dags.values() for task in dag.tasks
]
print(json.dumps({"errors": bag.import_errors, "tasks": tasks}))
"""
_DAG = """
from datetime import datetime
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import dag, task
from kubernetes.client import models as k8s

@dag({dag_id!r}, schedule=None, start_date=datetime(2026, 1, 1))
def a_dag():
    {task}

a_dag()
"""
_PLAIN = 'EmptyOperator(task_id="a")'
_POD = "k8s.V1Pod(spec=k8s.V1PodSpec(containers=[k8s.V1Container(name={!r}, {})]))"


def _config(text: str) -> str:
    return f'EmptyOperator(task_id="a", executor_config={text})'


RESOURCES = "resources=k8s.V1ResourceRequirements(limits={'memory': '2Gi'})"
ALLOWED = {
    "billing/plain.py": ("billing.plain", _PLAIN),
    "billing/deep/er.py": (
        "billing.deep",
        'EmptyOperator(task_id="a", pool="marketing", queue="x", retries=5)',
    ),
    "billing/none.py": ("billing.none", 'EmptyOperator(task_id="a", retries=0)'),
    "billing/resources.py": (
        "billing.resources",
        _config("{'pod_override': " + _POD.format("base", RESOURCES) + "}"),
    ),
    "billing/mapped.py": (
        "billing.mapped",
        "EmptyOperator.partial(task_id='a', pool='x').expand(doc=['1', '2'])",
    ),
}
REFUSED = {
    "billing/foreign.py": ("marketing.foreign", _PLAIN, "is a file of workflow 'billing'"),
    "sales/undeclared.py": ("sales", _PLAIN, "no workflow 'sales' is declared"),
    "nobodys.py": ("billing.nobodys", _PLAIN, "is in no workflow's folder"),
    "billing/template.py": (
        "billing.template",
        _config("{'pod_template_file': '/tmp/x.yaml'}"),
        "asks for 'pod_template_file'",
    ),
    "billing/legacy.py": (
        "billing.legacy",
        _config("{'KubernetesExecutor': {'image': 'x'}}"),
        "asks for 'KubernetesExecutor'",
    ),
    "billing/no_pod.py": (
        "billing.no-pod",
        _config("{'pod_override': {'spec': {}}}"),
        "a pod_override that is no kubernetes.client.models.V1Pod",
    ),
    "billing/image.py": (
        "billing.image",
        _config("{'pod_override': " + _POD.format("base", "image='x'") + "}"),
        "asks for spec.containers[0].image 'x'",
    ),
    "billing/sidecar.py": (
        "billing.sidecar",
        _config("{'pod_override': " + _POD.format("side", RESOURCES) + "}"),
        "spec.containers[0].name, a container beside its own ('base')",
    ),
    "billing/labels.py": (
        "billing.labels",
        _config("{'pod_override': k8s.V1Pod(metadata=k8s.V1ObjectMeta(labels={'a': 'b'}))}"),
        "asks for metadata",
    ),
    "billing/mapped_image.py": (
        "billing.mapped-image",
        "EmptyOperator.partial(task_id='a', executor_config={'x': 1}).expand(doc=['1'])",
        "asks for 'x'",
    ),
}
EXAMPLES = {
    "billing": {"create_tables", "load", "transform", "report"},
    "reference": {"create_table", "publish"},
    "marketing": {"create_table", "load"},
    "marketing.agent-report": {
        "own_report",
        "another_connection",
        "another_schema",
        "another_identity",
        "metadata_database",
        "master_secret",
    },
}


def _parsed(home: Path, folder: Path) -> dict[str, Any]:
    done = run(home, "-c", _PARSE, str(folder))
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = make_home(tmp_path_factory.mktemp("rules") / "home")
    folder = home / "tried"
    for name, (dag_id, task, *_) in {**ALLOWED, **REFUSED}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(_DAG.format(dag_id=dag_id, task=task))
    return _parsed(home, folder)


def test_tasks_are_in_their_workflows_pool_and_are_tried_again(parsed: dict[str, Any]) -> None:
    retries = {"billing.deep": 5}
    assert sorted(parsed["tasks"]) == sorted(
        [dag_id, "a", "billing", "billing", retries.get(dag_id, 1)]
        for dag_id, _ in ALLOWED.values()
    )


@pytest.mark.parametrize("file", REFUSED)
def test_a_file_that_breaks_a_rule_is_refused_with_a_sentence(
    parsed: dict[str, Any], file: str
) -> None:
    error = parsed["errors"][file]
    assert error.startswith("AirflowClusterPolicyViolation: ")
    assert REFUSED[file][2] in error


def test_nothing_else_is_refused(parsed: dict[str, Any]) -> None:
    assert set(parsed["errors"]) == set(REFUSED)


def test_the_examples_are_parsed_and_the_one_that_asks_for_an_identity_is_not(
    tmp_path: Path,
) -> None:
    home = make_home(tmp_path / "home")
    answer = _parsed(home, home / "dags")
    tasks: dict[str, set[str]] = {}
    for dag_id, task_id, *_ in answer["tasks"]:
        tasks.setdefault(dag_id, set()).add(task_id)
    assert tasks == EXAMPLES
    [(file, error)] = answer["errors"].items()
    assert file == "marketing/agent_as_billing.py"
    assert (
        "Task 'read_invoices' of DAG 'marketing.agent-as-billing' asks for "
        "spec.service_account_name 'workflow-billing' in its executor_config: a task runs in the "
        "pod of its workflow, as its service account"
    ) in error
