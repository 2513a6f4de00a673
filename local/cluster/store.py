"""The pods of the cluster, one file each, and what happened to them last.

It is what etcd is to a cluster, for pods only and for one process: its methods run in the event
loop's thread, and neither wait nor lock. It starts and stops nothing: the node follows its events.
"""

from __future__ import annotations

import asyncio
import copy
import datetime as dt
import json
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

from local.account.files import write_private
from local.cluster import patches
from local.cluster.errors import (
    AlreadyExistsError,
    ExpiredError,
    no_such_pod,
)
from local.cluster.selectors import Selection

Pod: TypeAlias = dict[str, Any]
"""A pod as its JSON is."""
Pods: TypeAlias = list[Pod]

# Kubernetes' default, https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
DEFAULT_GRACE_SECONDS = 30
# Some minutes' worth: a pod makes about six in its life, and each holds the pod twice.
_REMEMBERED_EVENTS = 500
_ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Event:
    """A change of a pod; the dicts are shared by all who get the event, so nobody may change them.

    Attributes:
        version: the cluster's resourceVersion that the change made.
        pod: as it is now; for DELETED as it was last, with its `deletionTimestamp`.
        old: as it was before; None for ADDED.
    """

    version: int
    kind: Literal["ADDED", "MODIFIED", "DELETED"]
    pod: Pod
    old: Pod | None


class Subscription:
    """Events in their order, from the moment it was made; an asynchronous iterator without end."""

    def __init__(self, events: Iterable[Event], leave: Callable[[Subscription], None]) -> None:
        self._queue: asyncio.Queue[Event] = asyncio.Queue()
        self._leave = leave
        for event in events:
            self.put(event)

    def put(self, event: Event) -> None:
        """Take an event in; for the store only."""
        self._queue.put_nowait(event)

    def close(self) -> None:
        """Take no more events in."""
        self._leave(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        return await self._queue.get()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Store:
    """The pods kept in `folder`, which is made when missing; what lies there is taken up again.

    Pods that it hands out are copies: to change one, call the store. A `resourceVersion` is never
    given out twice, not by a later process either.

    Attributes:
        version: the `resourceVersion` of the last change.

    Args:
        folder: readable by its owner only, as pods' arguments hold tasks' tokens.
        remembered_events: how many changes a watch can go back.
        clock: the present moment.
    """

    def __init__(
        self,
        folder: Path,
        *,
        remembered_events: int = _REMEMBERED_EVENTS,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._folder = folder / "pods"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._version_file = folder / "resource-version"
        self._clock = clock
        self._subscriptions: set[Subscription] = set()
        self._history: deque[Event] = deque(maxlen=remembered_events)
        loaded = [json.loads(file.read_bytes()) for file in sorted(self._folder.glob("*.json"))]
        self._pods: dict[tuple[str, str], Pod] = {_key(pod): pod for pod in loaded}
        self.version = int(self._version_file.read_text()) if self._version_file.exists() else 0
        # Changes up to here can no longer be told one by one.
        self._forgotten = self.version

    def create(self, pod: Mapping[str, Any]) -> Pod:
        """Add a pod, which gets its uid, creationTimestamp, resourceVersion and a first status.

        Raises:
            AlreadyExistsError: there is one of this name in the namespace.
        """
        new: Pod = {"kind": "Pod", "apiVersion": "v1", **copy.deepcopy(dict(pod))}
        name = new["metadata"]["name"]
        if _key(new) in self._pods:
            raise AlreadyExistsError(f'pods "{name}" already exists', name=name)
        new["metadata"] |= {"uid": str(uuid.uuid4()), "creationTimestamp": _text(self._clock())}
        new.setdefault("status", {"phase": "Pending"})
        return self._put("ADDED", new, None)

    def get(self, namespace: str, name: str) -> Pod | None:
        """The pod, or None when there is none."""
        return copy.deepcopy(self._pods.get((namespace, name)))

    def list(
        self, namespace: str | None = None, label_selector: str = "", field_selector: str = ""
    ) -> Pods:
        """The pods of a namespace, or of all, that both selectors match, in order of creation."""
        return self.select(Selection.parse(namespace, label_selector, field_selector))

    def select(self, selection: Selection) -> Pods:
        """The pods of a selection, in order of creation."""
        found = [pod for pod in self._pods.values() if selection.matches(pod)]
        return copy.deepcopy(sorted(found, key=_age))

    def patch(
        self, namespace: str, name: str, patch: patches.Json, kind: str = patches.STRATEGIC_MERGE
    ) -> Pod:
        """Change a pod's metadata; its spec cannot be changed, and its status is not by a patch.

        Args:
            namespace: the pod's namespace.
            name: the pod's name.
            patch: a dict, or a list of operations for a JSON patch.
            kind: the patch's media type.

        Raises:
            NotFoundError: there is no such pod.
            StatusError: the patch cannot be applied; see `patches.patched`.
        """
        old = self._existing(namespace, name)
        new = patches.patched(old, patch, kind)
        return copy.deepcopy(old) if new == old else self._put("MODIFIED", new, old)

    def set_status(self, namespace: str, name: str, status: Mapping[str, Any]) -> Pod:
        """Replace a pod's status; one that is as before makes no event.

        Raises:
            NotFoundError: there is no such pod.
        """
        old = self._existing(namespace, name)
        if old.get("status") == status:
            return copy.deepcopy(old)
        return self._put("MODIFIED", {**old, "status": copy.deepcopy(dict(status))}, old)

    def request_deletion(
        self, namespace: str, name: str, grace_seconds: int | None = None
    ) -> Pod | None:
        """Say that a pod shall go; the node ends it and then calls `remove`.

        A pod that has ended goes at once. Asking again changes nothing unless the grace is shorter.
        Unlike in Kubernetes, a grace of 0 still waits for the node, so no process is left behind.

        Args:
            namespace: the pod's namespace.
            name: the pod's name.
            grace_seconds: from SIGTERM to SIGKILL; what the pod says when None.

        Returns:
            The pod, or None when there is none.
        """
        old = self._pods.get((namespace, name))
        if old is None:
            return None
        if grace_seconds is None:
            grace_seconds = old["spec"].get("terminationGracePeriodSeconds", DEFAULT_GRACE_SECONDS)
        if old.get("status", {}).get("phase") in _ENDED:
            return self._delete(self._marked(old, 0), old)
        if grace_seconds >= old["metadata"].get("deletionGracePeriodSeconds", float("inf")):
            return copy.deepcopy(old)
        return self._put("MODIFIED", self._marked(old, grace_seconds), old)

    def remove(self, namespace: str, name: str) -> None:
        """Forget a pod, after everything of it has ended; nothing happens when there is none."""
        if old := self._pods.get((namespace, name)):
            marked = "deletionTimestamp" in old["metadata"]
            self._delete(old if marked else self._marked(old, 0), old)

    def subscribe(self, since: int | None = None) -> Subscription:
        """Follow what happens from now on, or from a version on.

        Raises:
            ExpiredError: what happened since then is not, or no longer, known.
        """
        # A version from the future is one of another cluster, so its caller has to begin again too.
        if since is not None and not self._forgotten <= since <= self.version:
            raise ExpiredError(f"too old resource version: {since} ({self.version})")
        missed = [] if since is None else [one for one in self._history if one.version > since]
        subscription = Subscription(missed, self._subscriptions.discard)
        self._subscriptions.add(subscription)
        return subscription

    @property
    def subscribers(self) -> int:
        """How many follow what happens."""
        return len(self._subscriptions)

    def _existing(self, namespace: str, name: str) -> Pod:
        pod = self._pods.get((namespace, name))
        if pod is None:
            raise no_such_pod(name)
        return pod

    def _marked(self, pod: Pod, grace_seconds: int) -> Pod:
        """The pod with the moment at which its grace ends."""
        until = self._clock() + dt.timedelta(seconds=grace_seconds)
        marks = {"deletionTimestamp": _text(until), "deletionGracePeriodSeconds": grace_seconds}
        return {**pod, "metadata": {**pod["metadata"], **marks}}

    def _put(self, kind: Literal["ADDED", "MODIFIED"], pod: Pod, old: Pod | None) -> Pod:
        pod = self._versioned(pod)
        write_private(self._file(pod), json.dumps(pod).encode())
        self._pods[_key(pod)] = pod
        self._tell(Event(self.version, kind, pod, old))
        return copy.deepcopy(pod)

    def _delete(self, pod: Pod, old: Pod) -> Pod:
        pod = self._versioned(pod)
        self._file(pod).unlink(missing_ok=True)
        del self._pods[_key(pod)]
        self._tell(Event(self.version, "DELETED", pod, old))
        return copy.deepcopy(pod)

    def _versioned(self, pod: Pod) -> Pod:
        """The pod with the next version, which is used up from here on, whatever happens next."""
        self.version += 1
        write_private(self._version_file, str(self.version).encode())
        return {**pod, "metadata": {**pod["metadata"], "resourceVersion": str(self.version)}}

    def _tell(self, event: Event) -> None:
        if len(self._history) == self._history.maxlen:
            self._forgotten = self._history[0].version
        # Subscribers get copies, so that what they do cannot reach the pods kept here.
        event = copy.deepcopy(event)
        self._history.append(event)
        for subscription in tuple(self._subscriptions):
            subscription.put(event)

    def _file(self, pod: Pod) -> Path:
        # Named by a value that no caller chooses.
        return self._folder / f"{pod['metadata']['uid']}.json"


def _key(pod: Mapping[str, Any]) -> tuple[str, str]:
    return pod["metadata"]["namespace"], pod["metadata"]["name"]


def _age(pod: Pod) -> tuple[str, str, str]:
    # Moments are whole seconds; what follows them makes the order the same after a restart.
    return pod["metadata"]["creationTimestamp"], *_key(pod)


def _text(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
