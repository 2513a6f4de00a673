"""Rules that every DAG is held to when it is parsed, and every task when it is scheduled.

A DAG belongs to a declared workflow, by its id and by its file; its tasks run in the workflow's
pool and queue, are tried at least twice, and ask for no other pod than they get. A DAG that breaks
a rule is refused with a sentence, which Airflow shows as the import error of its file.

A DAG's author writes the code that runs while it is parsed, so what is refused here is refused
again where that code does not reach: `task_instance_mutation_hook` in the scheduler and the API
server, `task_identity` before a pod is made.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import workflows

MINIMUM_RETRIES = 1
"""A pod may be evicted and a database fail over: one failure is no reason to give up."""
_OVERRIDE = "pod_override"
_RESOURCES = frozenset({"requests", "limits"})
_log = logging.getLogger(__name__)


def dag_policy(dag: Any) -> None:  # noqa: ANN401 - a DAG; Airflow is not installed where types are checked
    """Refuse a DAG that belongs to no declared workflow; as Airflow's policy of this name.

    Raises:
        AirflowClusterPolicyViolation: why it is refused.
    """
    try:
        workflows.owner(dag.dag_id, dag.relative_fileloc or dag.fileloc)
    except (workflows.ForeignDagError, workflows.WorkflowsError) as error:
        raise _violation(str(error)) from None


def task_policy(task: Any) -> None:  # noqa: ANN401 - an operator, maybe a mapped one
    """Give a task its workflow's pool and queue; as Airflow's policy of this name.

    Raises:
        AirflowClusterPolicyViolation: it asks for another pod than it gets.
    """
    asked = forbidden_request(task.executor_config)
    if asked is not None:
        raise _violation(
            f"Task {task.task_id!r} of DAG {task.dag_id!r} asks for {asked} in its "
            "executor_config: a task runs in the pod of its workflow, as its service account; "
            "only requests and limits of its container's resources may be overridden, so remove "
            "the rest."
        )
    workflow = workflows.declared()[_name(task.dag_id)]
    task.pool = workflow.pool
    task.queue = workflow.pool
    task.retries = max(MINIMUM_RETRIES, task.retries or 0)


def task_instance_mutation_hook(task_instance: Any) -> None:  # noqa: ANN401 - a TaskInstance
    """Hold a task to the rules again; as Airflow's hook of this name.

    It never raises: that would stop the scheduler for everybody. A task of a workflow that is
    declared no more is left as it is, and no pod is made for it.
    """
    workflow = workflows.declared().get(_name(task_instance.dag_id))
    if workflow is not None:
        task_instance.pool = workflow.pool
        task_instance.queue = workflow.pool
    asked = forbidden_request(task_instance.executor_config)
    if asked is not None:
        _log.warning(
            "Task %r of DAG %r asks for %s in its executor_config, which is left out.",
            task_instance.task_id,
            task_instance.dag_id,
            asked,
        )
        task_instance.executor_config = {}


def forbidden_request(executor_config: object) -> str | None:
    """Return what a task's `executor_config` asks for that no task may have, or None."""
    if not executor_config:
        return None
    if not isinstance(executor_config, Mapping):
        return repr(executor_config)
    for key in executor_config:
        if key != _OVERRIDE:
            return f"{key!r}"
    override = executor_config[_OVERRIDE]
    if not hasattr(override, "to_dict"):
        return f"a {_OVERRIDE} that is no kubernetes.client.models.V1Pod"
    return next(_forbidden(override.to_dict()), None)


def _forbidden(pod: dict[str, Any]) -> Iterator[str]:
    spec = pod.pop("spec", None) or {}
    containers = spec.pop("containers", None) or []
    yield from _given("", pod)
    yield from _given("spec.", spec)
    for index, container in enumerate(containers):
        place = f"spec.containers[{index}]."
        resources = container.pop("resources", None) or {}
        if index or container.pop("name", "base") != "base":
            yield f"{place}name, a container beside its own ('base')"
        yield from _given(place, container)
        yield from _given(f"{place}resources.", resources, allowed=_RESOURCES)


def _given(
    place: str, fields: Mapping[str, Any], *, allowed: frozenset[str] = frozenset()
) -> Iterator[str]:
    for name, value in fields.items():
        if value not in (None, {}, []) and name not in allowed:
            yield f"{place}{name} {value!r}"


def _name(dag_id: str) -> str:
    return dag_id.partition(".")[0]


def _violation(sentence: str) -> Exception:
    # Here, because tasks import this module too, and Airflow's exceptions bring much with them.
    from airflow.exceptions import AirflowClusterPolicyViolation  # noqa: PLC0415

    violation: Exception = AirflowClusterPolicyViolation(sentence)
    return violation
