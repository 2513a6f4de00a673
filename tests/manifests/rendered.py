"""The Kubernetes objects that a stack declares, as the API server would get them."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from local.deploy import wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from local.deploy.record import Recording

Manifest: TypeAlias = dict[str, Any]
POD_TEMPLATE_MAP = "airflow-pod-template"


@dataclass(frozen=True, kw_only=True)
class PodToJudge:
    """A pod as it would be created from an object."""

    name: str
    """`Kind.name` of what it comes from."""
    namespace: str
    metadata: Manifest
    spec: Manifest


def manifests_of(recording: Recording) -> list[Manifest]:
    """Return copies of all Kubernetes objects that were registered.

    Raises:
        ValueError: a value is still unknown, so that nothing can be judged.
    """
    found = [one for one in recording if one.type.startswith("kubernetes:")]
    if unknown := [one.name for one in found if wire.contains_unknown(one.inputs)]:
        raise ValueError(f"values of {', '.join(unknown)} are not known")
    return [copy.deepcopy(one.plain) for one in found]


def of_kind(manifests: Iterable[Manifest], kind: str) -> list[Manifest]:
    """Return the objects of one kind."""
    return [one for one in manifests if one["kind"] == kind]


def named(manifests: Iterable[Manifest], kind: str, name: str) -> Manifest:
    """Return the first object of this kind and name; there is one in each namespace."""
    return next(one for one in of_kind(manifests, kind) if one["metadata"]["name"] == name)


def task_pods(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Return a task's pod for each namespace, as the scheduler's template has it."""
    return [_task_pod(one) for one in manifests if one["metadata"]["name"] == POD_TEMPLATE_MAP]


def _task_pod(config_map: Manifest) -> Manifest:
    (text,) = config_map["data"].values()
    pod: Manifest = yaml.safe_load(text)
    # What the executor fills in: where, as what, with which arguments.
    pod["metadata"] |= {"name": "a-task", "namespace": config_map["metadata"]["namespace"]}
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
            name=f"{one['kind']}.{one['metadata']['name']}",
            namespace=one["metadata"]["namespace"],
            metadata=template["metadata"],
            spec=template["spec"],
        )
        for one, template in [*templates, *pods]
    ]
