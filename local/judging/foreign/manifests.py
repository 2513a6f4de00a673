"""The Kubernetes objects that a stack declares, as the API server would get them."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from policies.values import contains_unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from policies.resources import Resource, Stack

Manifest: TypeAlias = dict[str, Any]
POD_TEMPLATE_MAP = "airflow-pod-template"
TASK = "Pod.a-task"


@dataclass(frozen=True, kw_only=True)
class PodToJudge:
    """A pod as it would be created from an object."""

    name: str
    """`Kind.name` of what it comes from."""
    namespace: str
    metadata: Manifest
    spec: Manifest


def objects_of(stack: Stack) -> list[Resource]:
    """Return the Kubernetes objects among the resources."""
    return [one for one in stack.resources if one.type.startswith("kubernetes:")]


def manifests_of(stack: Stack) -> list[Manifest]:
    """Return copies of all Kubernetes objects that are declared.

    Raises:
        ValueError: a value is still unknown, so that nothing can be judged.
    """
    found = objects_of(stack)
    if unknown := [one.name for one in found if contains_unknown(dict(one.properties))]:
        raise ValueError(f"values of {', '.join(unknown)} are not known")
    return [copy.deepcopy(dict(one.properties)) for one in found]


def by_object(stack: Stack) -> dict[tuple[str, str], Resource]:
    """Return the objects by namespace and `Kind.name`; the pod of a task is of its template.

    What is in no namespace is found in `default` too, where some judges think it is.
    """
    found = {}
    for one in objects_of(stack):
        manifest = dict(one.properties)
        namespace = manifest["metadata"].get("namespace")
        for where in [namespace] if namespace else ["", "default"]:
            found[where, object_name(manifest)] = one
        if manifest["metadata"]["name"] == POD_TEMPLATE_MAP:
            found[str(namespace), TASK] = one
    return found


def of_kind(manifests: Iterable[Manifest], kind: str) -> list[Manifest]:
    """Return the objects of one kind."""
    return [one for one in manifests if one["kind"] == kind]


def named(manifests: Iterable[Manifest], kind: str, name: str) -> Manifest:
    """Return the first object of this kind and name; there is one in each namespace."""
    return next(one for one in of_kind(manifests, kind) if one["metadata"]["name"] == name)


def object_name(manifest: Manifest) -> str:
    """What a judge calls an object, whatever namespace it is in."""
    return f"{manifest['kind']}.{manifest['metadata']['name']}"


def task_pods(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Return a task's pod for each namespace, as the scheduler's template has it."""
    return [_task_pod(one) for one in manifests if one["metadata"]["name"] == POD_TEMPLATE_MAP]


def _task_pod(config_map: Manifest) -> Manifest:
    (text,) = config_map["data"].values()
    pod: Manifest = yaml.safe_load(text)
    # What the executor fills in: where, as what, with which arguments.
    pod["metadata"] |= {
        "name": TASK.partition(".")[2],
        "namespace": config_map["metadata"]["namespace"],
    }
    pod["spec"]["containers"][0].setdefault("args", ["python", "-m", "airflow"])
    return pod


def pods_of(manifests: Sequence[Manifest]) -> list[PodToJudge]:
    """Return every pod that comes of `manifests`: of Deployments, Jobs, and of tasks."""
    templates = [
        (one, one["spec"]["template"]) for one in manifests if "template" in (one.get("spec") or {})
    ]
    pods = [(one, one) for one in [*of_kind(manifests, "Pod"), *task_pods(manifests)]]
    return [
        PodToJudge(
            name=object_name(one),
            namespace=one["metadata"]["namespace"],
            metadata=template["metadata"],
            spec=template["spec"],
        )
        for one, template in [*templates, *pods]
    ]
