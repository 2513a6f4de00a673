"""Deployments and Jobs: the controllers that create and delete pods for them.

They look at what is declared and at the pods there are, and never at what they did before. The
Deployments of a namespace wait for its Jobs, as the program that declares them does. A Job that is
changed runs anew. Not served: paused Deployments, histories, parallel Jobs and their deadlines.
"""

from __future__ import annotations

import datetime as dt
import math
import secrets
from typing import TYPE_CHECKING

from local.cluster.errors import StatusError
from local.cluster.manifests import digest
from local.cluster.status import Component, is_ready, problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from local.cluster.admission import Admission
    from local.cluster.manifests import Manifests, Object
    from local.cluster.store import Store

TEMPLATE_LABEL = "pod-template-hash"
# Kubernetes' defaults: 6 tries, 10 s apart at first, 6 minutes at most.
_BACK_OFF_LIMIT = 6
_FIRST_BACK_OFF_SECONDS = 10
_LAST_BACK_OFF_SECONDS = 360
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


class Controllers:
    """Keeps the pods as the Deployments and Jobs of the manifests want them.

    Args:
        store: the pods.
        admission: admits the pods that are created.
        one_address: whether all pods share one address, so that a new pod's port is free only
            after the old one is gone.
    """

    def __init__(self, store: Store, admission: Admission, *, one_address: bool) -> None:
        self._store = store
        self._admission = admission
        self._one_address = one_address
        self._problems: dict[tuple[str, str, str], str] = {}
        self._owned: dict[tuple[str, str, str], list[Object]] = {}

    def reconcile(self, manifests: Manifests) -> float | None:
        """Take the next step; return in how many seconds to come again even if nothing changes."""
        self._look()
        self._collect_garbage(manifests)
        waits: list[float] = []
        blocked = set()
        for job in manifests.all("Job"):
            wait = self._reconcile_job(job)
            if not self._is_complete(job):
                blocked.add(job["metadata"]["namespace"])
            waits += [] if wait is None else [wait]
        for deployment in manifests.all("Deployment"):
            if deployment["metadata"]["namespace"] not in blocked:
                self._reconcile_deployment(deployment)
        return min(waits, default=None)

    def retry_jobs(self, manifests: Manifests) -> None:
        """Let Jobs that were given up run again."""
        self._look()
        for job in manifests.all("Job"):
            pods = self._pods(job)
            if not self._is_complete(job) and len(_in_phase(pods, "Failed")) > _limit(job):
                for pod in pods:
                    self._delete(pod)

    def components(self, manifests: Manifests) -> list[Component]:
        """How everything declared is."""
        self._look()
        return [
            self._component(owner)
            for kind in ("Job", "Deployment")
            for owner in manifests.all(kind)
        ]

    def _component(self, owner: Object) -> Component:
        pods, kind = self._pods(owner), owner["kind"]
        current = [pod for pod in pods if _template(pod) == _template_of(owner)]
        if kind == "Job":
            desired, ready = 1, int(self._is_complete(owner))
        else:
            desired, ready = _replicas(owner), len([pod for pod in current if is_ready(pod)])
        problems = [self._problems.get(_key(owner), ""), *(problem(pod) for pod in current)]
        return Component(
            kind=kind,
            namespace=owner["metadata"]["namespace"],
            name=owner["metadata"]["name"],
            desired=desired,
            ready=ready,
            restarts=sum(
                one["restartCount"]
                for pod in current
                for one in pod["status"].get("containerStatuses") or []
            ),
            problem=next(filter(None, problems), ""),
            failed=kind == "Job"
            and not ready
            and len(_in_phase(current, "Failed")) > _limit(owner),
        )

    def _reconcile_job(self, job: Object) -> float | None:
        pods = self._pods(job)
        for pod in pods:
            if _template(pod) != _template_of(job):
                self._delete(pod)
        tries = [pod for pod in pods if _template(pod) == _template_of(job)]
        failed = _in_phase(tries, "Failed")
        active = len(tries) > len(failed)
        if active or self._is_complete(job) or len(failed) > _limit(job):
            return None
        if failed:
            back_off = min(_FIRST_BACK_OFF_SECONDS * 2 ** (len(failed) - 1), _LAST_BACK_OFF_SECONDS)
            rest: float = back_off - _seconds_since_end(failed[-1])
            if rest > 0:
                return rest
        self._create(job)
        return None

    def _is_complete(self, job: Object) -> bool:
        return any(
            _template(pod) == _template_of(job) for pod in _in_phase(self._pods(job), "Succeeded")
        )

    def _reconcile_deployment(self, deployment: Object) -> None:
        every = self._pods(deployment)
        for pod in _in_phase(every, "Succeeded") + _in_phase(every, "Failed"):
            self._delete(pod)
        pods = [pod for pod in every if not _is_going(pod)]
        new = [pod for pod in pods if _template(pod) == _template_of(deployment)]
        old = [pod for pod in pods if _template(pod) != _template_of(deployment)]
        replicas = _replicas(deployment)
        surge, unavailable = self._bounds(deployment, replicas)
        ready = len([pod for pod in pods if is_ready(pod)])
        removable = ready - (replicas - unavailable)
        # Pods that are not ready serve nobody, so they go first and without counting.
        for pod in (
            sorted(old, key=is_ready) + sorted(new, key=is_ready)[: max(0, len(new) - replicas)]
        ):
            if not is_ready(pod) or removable > 0:
                removable -= is_ready(pod)
                self._delete(pod)
        # A pod that is going still has its port, where there is one address for all.
        there = len(every) if surge == 0 else len(pods)
        for _ in range(min(replicas - len(new), replicas + surge - there)):
            self._create(deployment)

    def _bounds(self, deployment: Object, replicas: int) -> tuple[int, int]:
        """How many pods more, and how many ready ones fewer, there may be while rolling over."""
        strategy = deployment["spec"].get("strategy") or {}
        if strategy.get("type") == "Recreate" or self._one_address:
            return 0, replicas
        rolling = strategy.get("rollingUpdate") or {}
        surge = _share(rolling.get("maxSurge", "25%"), replicas, math.ceil)
        unavailable = _share(rolling.get("maxUnavailable", "25%"), replicas, math.floor)
        return surge, unavailable if surge or unavailable else 1

    def _create(self, owner: Object) -> None:
        """Create a pod for `owner`; what admission says against it becomes its problem."""
        template, metadata = owner["spec"]["template"], owner["metadata"]
        name, kind = metadata["name"], owner["kind"]
        token, suffix = _template_of(owner), "".join(secrets.choice(_ALPHABET) for _ in range(5))
        given = template.get("metadata") or {}
        job_labels = {"job-name": name, "batch.kubernetes.io/job-name": name}
        reference = {
            "apiVersion": owner["apiVersion"],
            "kind": kind,
            "name": name,
            "uid": "",
            "controller": True,
        }
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"{name}-{suffix}" if kind == "Job" else f"{name}-{token}-{suffix}",
                "labels": {
                    **(given.get("labels") or {}),
                    **(job_labels if kind == "Job" else {}),
                    TEMPLATE_LABEL: token,
                },
                "annotations": given.get("annotations") or {},
                "ownerReferences": [reference],
            },
            "spec": template["spec"],
        }
        try:
            self._store.create(self._admission.admit(pod, metadata["namespace"]))
        except StatusError as error:
            self._problems[_key(owner)] = error.message
        else:
            self._problems.pop(_key(owner), None)

    def _look(self) -> None:
        """See which pods there are, each owner's from the oldest on."""
        self._owned = {}
        for pod in self._store.list(label_selector=TEMPLATE_LABEL):
            owner = owner_of(pod)
            if owner is not None:
                self._owned.setdefault(owner, []).append(pod)

    def _pods(self, owner: Object) -> list[Object]:
        return self._owned.get(_key(owner), [])

    def _collect_garbage(self, manifests: Manifests) -> None:
        """Delete the pods whose owner is no longer declared."""
        for owner, pods in self._owned.items():
            if manifests.find(*owner) is None:
                for pod in pods:
                    self._delete(pod)

    def _delete(self, pod: Object) -> None:
        if not _is_going(pod):
            self._store.request_deletion(pod["metadata"]["namespace"], pod["metadata"]["name"])


def owner_of(pod: Object) -> tuple[str, str, str] | None:
    """Kind, namespace and name of what a pod was created for; None for a pod of nobody's."""
    for reference in pod["metadata"].get("ownerReferences") or []:
        if reference.get("controller"):
            return reference["kind"], pod["metadata"]["namespace"], reference["name"]
    return None


def _key(owner: Object) -> tuple[str, str, str]:
    return owner["kind"], owner["metadata"]["namespace"], owner["metadata"]["name"]


def _template(pod: Object) -> str:
    return str((pod["metadata"].get("labels") or {}).get(TEMPLATE_LABEL, ""))


def _template_of(owner: Object) -> str:
    return digest(owner["spec"]["template"])


def _replicas(deployment: Object) -> int:
    replicas = deployment["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def _limit(job: Object) -> int:
    limit = job["spec"].get("backoffLimit")
    return _BACK_OFF_LIMIT if limit is None else int(limit)


def _is_going(pod: Object) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _in_phase(pods: Sequence[Object], phase: str) -> list[Object]:
    return [pod for pod in pods if pod["status"].get("phase") == phase]


def _share(value: int | str, replicas: int, rounded: Callable[[float], int]) -> int:
    """A number of pods, given as such or in per cent."""
    if isinstance(value, str) and value.endswith("%"):
        return rounded(replicas * int(value[:-1]) / 100)
    return int(value)


def _seconds_since_end(pod: Object) -> float:
    ends = [
        one["state"]["terminated"]["finishedAt"]
        for key in ("initContainerStatuses", "containerStatuses")
        for one in pod["status"].get(key) or []
        if "terminated" in one["state"]
    ]
    if not ends:
        return math.inf
    return (dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(max(ends))).total_seconds()
