"""A watch: what happens to the pods of a selection, as a client of the API is told.

No bookmarks: Airflow's watcher takes every event for one about a pod.
"""

from __future__ import annotations

from typing import Any, Self

from local.cluster.selectors import Selection
from local.cluster.store import Event, Pod, Store


class Watch:
    """Events as they go over the wire, from the moment it was made; an iterator without end.

    Args:
        store: where the pods are.
        selection: which pods it is about.
        since: the version to go on from; None begins with an ADDED for each pod that there is.

    Raises:
        ExpiredError: what happened since then is not known any more.
    """

    def __init__(self, store: Store, selection: Selection, since: int | None) -> None:
        # One after the other without a wait between them, so that no change falls between.
        self._present = store.select(selection) if since is None else []
        self._present.reverse()
        self._subscription = store.subscribe(since)
        self._selection = selection

    def close(self) -> None:
        """Stop following."""
        self._subscription.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> dict[str, Any]:
        if self._present:
            return {"type": "ADDED", "object": self._present.pop()}
        async for event in self._subscription:
            if told := seen_by(event, self._selection):
                return told
        raise StopAsyncIteration


def seen_by(event: Event, selection: Selection) -> dict[str, Any] | None:
    """What a watch of the selection tells of an event; None when it is not about it.

    A pod whose labels leave the selection is DELETED for the watch, and one that comes into it is
    ADDED: Airflow's scheduler learns from the former that another one has adopted its pod.
    """
    was = event.old is not None and selection.matches(event.old)
    stays = event.kind != "DELETED" and selection.matches(event.pod)
    if stays:
        return {"type": "MODIFIED" if was else "ADDED", "object": event.pod}
    if not was or event.old is None:
        return None
    return {"type": "DELETED", "object": _last_seen(event, event.old)}


def _last_seen(event: Event, old: Pod) -> Pod:
    """As the pod was while it matched, so without a deletionTimestamp if it was not deleted."""
    if event.kind == "DELETED":
        return event.pod
    version = event.pod["metadata"]["resourceVersion"]
    return {**old, "metadata": {**old["metadata"], "resourceVersion": version}}
