"""The status of a pod, of its containers, and of what it belongs to, in Kubernetes' words.

Only words: what happens is decided in `local.cluster.pod_run`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.cluster.manifests import Object


def now() -> str:
    """The present moment as Kubernetes writes it."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class ContainerStatus:
    """What is known of a container.

    Attributes:
        name: the container.
        image: its image, as the manifest names it.
        restarts: how often it was started again.
        started: whether its startup probe, if it has one, has succeeded.
        ready: whether it takes requests.
        state: what it does now.
        last: how it ended before.
    """

    name: str
    image: str
    restarts: int = 0
    started: bool = False
    ready: bool = False
    state: Object = field(default_factory=lambda: {"waiting": {"reason": "PodInitializing"}})
    last: Object = field(default_factory=dict)

    @classmethod
    def of(cls, container: Object, known: Sequence[Object]) -> ContainerStatus:
        """The status of a container, taken up from what was known before."""
        status = cls(name=container["name"], image=str(container.get("image") or ""))
        for entry in known:
            if entry["name"] == status.name:
                status.restarts = entry["restartCount"]
                status.started, status.ready = entry["started"], entry["ready"]
                status.state, status.last = entry["state"], entry["lastState"]
        return status

    @property
    def exit_code(self) -> int | None:
        """The exit code, if it has ended."""
        ended = self.state.get("terminated")
        return None if ended is None else int(ended["exitCode"])

    def waits(self, reason: str, message: str = "") -> None:
        """It does not run, and why."""
        self._leave()
        self.state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}

    def runs(self) -> None:
        """It has been started."""
        self._leave()
        self.state = {"running": {"startedAt": now()}}

    def ends(self, code: int, message: str = "") -> None:
        """It has ended."""
        running = self.state.get("running") or {}
        self.started = self.ready = False
        self.state = {
            "terminated": {
                "exitCode": code,
                "reason": "Error" if code else "Completed",
                **({"message": message} if message else {}),
                "startedAt": running.get("startedAt", now()),
                "finishedAt": now(),
            }
        }

    def to_object(self) -> Object:
        """Write it as Kubernetes does."""
        return {
            "name": self.name,
            "image": self.image,
            "imageID": self.image,
            "restartCount": self.restarts,
            "started": self.started,
            "ready": self.ready,
            "state": self.state,
            "lastState": self.last,
        }

    def _leave(self) -> None:
        self.started = self.ready = False
        if "terminated" in self.state:
            self.last = self.state


@dataclass(frozen=True, kw_only=True)
class Component:
    """How a Deployment or a Job is.

    Attributes:
        kind: Deployment or Job.
        namespace: its namespace.
        name: its name.
        desired: how many pods it is to have; for a Job 1.
        ready: how many are; for a Job 1 when it is complete.
        restarts: how often containers of its pods were started again.
        problem: what was wrong last; empty if nothing was.
        failed: whether it was given up.
    """

    kind: str
    namespace: str
    name: str
    desired: int
    ready: int
    restarts: int
    problem: str
    failed: bool = False

    def __str__(self) -> str:
        said = f" ({self.problem})" if self.problem else ""
        return f"{self.kind} {self.name} has {self.ready} of {self.desired}{said}"


def pod_status(
    old: Object,
    init: Sequence[ContainerStatus],
    main: Sequence[ContainerStatus],
    *,
    phase: str,
    reason: str = "",
) -> Object:
    """The status of a pod.

    Args:
        old: its status so far; its addresses and its moments are kept.
        init: its init containers.
        main: its containers.
        phase: what it does as a whole.
        reason: why, where that has to be said.
    """
    initialized = all(one.exit_code == 0 for one in init)
    ready = phase == "Running" and all(one.ready for one in main)
    known = {one["type"]: one for one in old.get("conditions") or []}
    conditions = []
    for kind, holds in (
        ("PodScheduled", True),
        ("Initialized", initialized),
        ("ContainersReady", ready),
        ("Ready", ready),
    ):
        status = str(holds)
        before = known.get(kind)
        if before and before["status"] == status:
            conditions.append(before)
        else:
            conditions.append({"type": kind, "status": status, "lastTransitionTime": now()})
    return {
        **{key: old[key] for key in ("hostIP", "podIP", "podIPs", "startTime") if key in old},
        "phase": phase,
        **({"reason": reason} if reason else {}),
        "conditions": conditions,
        **({"initContainerStatuses": [one.to_object() for one in init]} if init else {}),
        "containerStatuses": [one.to_object() for one in main],
    }


def is_ready(pod: Object) -> bool:
    """Whether a pod takes requests."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    return "deletionTimestamp" not in pod["metadata"] and any(
        one["type"] == "Ready" and one["status"] == "True" for one in conditions
    )


def problem(pod: Object) -> str:
    """What is, or last was, wrong with a pod's containers; empty if nothing is."""
    status = pod.get("status") or {}
    for one in [
        *(status.get("initContainerStatuses") or []),
        *(status.get("containerStatuses") or []),
    ]:
        for state in (one["state"], one["lastState"]):
            ended = state.get("terminated")
            if ended and ended["exitCode"]:
                said = f": {ended['message']}" if ended.get("message") else ""
                return f"{one['name']} exited with {ended['exitCode']}{said}"
            waiting = state.get("waiting") or {}
            if waiting.get("message"):
                return f"{one['name']}: {waiting['message']}"
    return ""
