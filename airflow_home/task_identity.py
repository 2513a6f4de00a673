"""The pod of a task runs as the service account of the workflow whose file it executes.

The executor makes a pod out of the pod template, the task's workload and what the DAG's author
wrote as `executor_config`, and hands it to `pod_mutation_hook` before it asks Kubernetes for it.
Which workflow it is follows from the file in the workload, as that is the code that will run. All
else in the pod has to be the template's, but for requests and limits of its resources: a pod that
differs is refused, whoever made it differ.

Authors learn of their mistakes earlier, from `workflow_rules`. This here is what holds.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

import workflows

_COMMAND = ["python", "-m", "airflow.sdk.execution_time.execute_workload", "--json-string"]
# What the executor writes into metadata, by which it finds its pods again.
_LABELS = frozenset(
    {
        "airflow-worker",
        "airflow_version",
        "dag_id",
        "kubernetes_executor",
        "logical_date",
        "map_index",
        "run_id",
        "task_id",
        "try_number",
    }
)
_FLAG = {"name": "AIRFLOW_IS_K8S_EXECUTOR_POD", "value": "True"}
_RESOURCES = ("requests", "limits")
_LONGEST = 200


class PodRefusedError(Exception):
    """A pod is not made; the text says what it asked for and what it may have."""


def pod_mutation_hook(pod: Any) -> None:  # noqa: ANN401 - a V1Pod; kubernetes has no types
    """Give a task's pod its workflow's service account; as Airflow's hook of this name.

    Raises:
        PodRefusedError: it is no task's pod, or not the template's.
        ForeignDagError: its DAG belongs to no declared workflow.
        WorkflowsError: the list of workflows is missing or broken.
    """
    # Here, because tasks import this module too, and make no pods.
    from airflow.configuration import conf  # noqa: PLC0415
    from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator  # noqa: PLC0415

    file = conf.get("kubernetes_executor", "pod_template_file")
    template = PodGenerator.serialize_pod(PodGenerator.deserialize_model_file(file))
    template["metadata"]["namespace"] = conf.get("kubernetes_executor", "namespace")
    given = PodGenerator.serialize_pod(pod)
    pod.spec.service_account_name = workflow_of(given, template).service_account
    pod.spec.containers[0].resources = resources(given, template)


def workflow_of(pod: Mapping[str, Any], template: Mapping[str, Any]) -> workflows.Workflow:
    """Return the workflow whose file a pod executes, having seen that the rest is the template's.

    Args:
        pod: as Kubernetes' JSON has it.
        template: the same, with the namespace that pods are made in.

    Raises:
        PodRefusedError: it is no task's pod, or not the template's.
        ForeignDagError: its DAG belongs to no declared workflow.
        WorkflowsError: the list of workflows is missing or broken.
    """
    workload = _workload(pod)
    dag_id = str(workload["ti"]["dag_id"])
    workflow = workflows.owner(dag_id, str(workload["dag_rel_path"]))
    for place, given, allowed in _differences(_made_of(template), _comparable(pod), ""):
        raise PodRefusedError(
            f"A task of DAG {dag_id!r} asks for a pod with {place} {given}, but the template's is "
            f"{allowed}: a task's pod is the pod template's, and runs as service account "
            f"{workflow.service_account}; its executor_config may override requests and limits "
            "of resources, and nothing else."
        )
    return workflow


def resources(pod: Mapping[str, Any], template: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task's resources: what its author asks for, and the template's for the rest."""
    asked, default = (
        one["spec"]["containers"][0].get("resources") or {} for one in (pod, template)
    )
    return {key: {**default.get(key, {}), **asked.get(key, {})} for key in _RESOURCES}


def _workload(pod: Mapping[str, Any]) -> dict[str, Any]:
    arguments = pod["spec"]["containers"][0].get("args") or []
    if arguments[:-1] != _COMMAND:
        raise PodRefusedError(
            "A pod is asked for that does not execute a task: workflows have no pods but those "
            "that Airflow makes for their tasks, so use another operator than "
            "KubernetesPodOperator."
        )
    workload: dict[str, Any] = json.loads(arguments[-1])
    return workload


def _made_of(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the pod of a task has to be, in what is comparable of it."""
    made = _comparable(template)
    base = made["spec"]["containers"][0]
    base["env"] = [*base.get("env", []), _FLAG]
    return made


def _comparable(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a pod without what the executor writes, or an author may."""
    compared = copy.deepcopy(dict(pod))
    metadata = compared.setdefault("metadata", {})
    metadata.pop("name", None)
    for key in ("labels", "annotations"):
        written = metadata.get(key) or {}
        metadata[key] = {name: text for name, text in written.items() if name not in _LABELS}
    base = compared["spec"]["containers"][0]
    # They were looked at, and hold the task's token, which belongs in no message.
    base.pop("args", None)
    asked = base.pop("resources", None) or {}
    compared["resources"] = {key: asked[key] for key in asked if key not in _RESOURCES}
    return compared


def _differences(
    allowed: Any,  # noqa: ANN401 - JSON
    given: Any,  # noqa: ANN401 - JSON
    place: str,
) -> Iterator[tuple[str, str, str]]:
    """Yield where two JSON values differ, with what is there and what should be."""
    if isinstance(allowed, dict) and isinstance(given, dict):
        for key in sorted({*allowed, *given}):
            yield from _differences(allowed.get(key), given.get(key), f"{place}.{key}".lstrip("."))
    elif isinstance(allowed, list) and isinstance(given, list) and len(allowed) == len(given):
        for index, (one, other) in enumerate(zip(allowed, given, strict=True)):
            yield from _differences(one, other, f"{place}[{index}]")
    elif allowed != given:
        yield place, _short(given), _short(allowed)


def _short(value: Any) -> str:  # noqa: ANN401 - JSON
    text = json.dumps(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
