"""The store keeps pods and their order over restarts, and tells each change once."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.cluster.errors import (
    AlreadyExistsError,
    ExpiredError,
    NotFoundError,
)
from local.cluster.store import Event, Pod, Store, Subscription

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)


def pod(name: str = "one", namespace: str = "ns", **labels: str) -> Pod:
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"containers": [{"name": "base"}], "terminationGracePeriodSeconds": 5},
    }


def version(one: Pod) -> int:
    return int(one["metadata"]["resourceVersion"])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, clock=lambda: NOW)


def told(subscription: Subscription, count: int) -> list[Event]:
    """The next events of a subscription."""

    async def take() -> list[Event]:
        async with asyncio.timeout(5):
            return [await anext(subscription) for _ in range(count)]

    return asyncio.run(take())


def is_silent(subscription: Subscription) -> bool:
    async def take() -> None:
        async with asyncio.timeout(0.05):
            await anext(subscription)

    with pytest.raises(TimeoutError):
        asyncio.run(take())
    return True


def test_what_it_hands_out_is_a_copy(store: Store) -> None:
    given = pod()
    made = store.create(given)
    given["spec"]["containers"].clear()
    made["spec"]["containers"].clear()
    with store.subscribe(0) as subscription:
        told(subscription, 1)[0].pod["spec"]["containers"].clear()
    store.list()[0]["spec"]["containers"].clear()
    kept = store.get("ns", "one")
    assert kept is not None
    assert kept["spec"]["containers"] == [{"name": "base"}]


def test_each_change_has_a_later_version_that_outlives_the_process(
    store: Store, tmp_path: Path
) -> None:
    versions = [
        version(store.create(pod())),
        version(store.patch("ns", "one", {"metadata": {"labels": {"a": "b"}}})),
        version(store.set_status("ns", "one", {"phase": "Succeeded"})),
    ]
    deleted = store.request_deletion("ns", "one")
    assert deleted is not None
    versions.append(version(deleted))
    # The pod is gone, and its last version is still used up.
    later = Store(tmp_path)
    assert later.list() == []
    versions.append(version(later.create(pod())))
    assert versions == [1, 2, 3, 4, 5]


def test_pods_outlive_the_process_as_they_were(store: Store, tmp_path: Path) -> None:
    for namespace in ("ns", "other", "another", "last"):
        store.create(pod("one", namespace))
    store.create(pod("two"))
    store.set_status("ns", "one", {"phase": "Running"})
    store.request_deletion("ns", "two")
    assert Store(tmp_path).list() == store.list()
    assert Store(tmp_path).version == store.version


def test_files_are_for_their_owner_only(store: Store, tmp_path: Path) -> None:
    made = store.create(pod())
    file = tmp_path / "pods" / f"{made['metadata']['uid']}.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert json.loads(file.read_bytes()) == made


def test_a_file_half_written_at_the_end_of_the_process_is_no_pod(
    store: Store, tmp_path: Path
) -> None:
    store.create(pod())
    (tmp_path / "pods" / "a.json.partial").write_text('{"metadata"')
    assert [one["metadata"]["name"] for one in Store(tmp_path).list()] == ["one"]


def test_a_pod_is_listed_by_namespace_and_selectors(store: Store) -> None:
    for name, namespace, worker in (("b", "ns", "1"), ("a", "ns", "2"), ("c", "other", "1")):
        store.create(pod(name, namespace, worker=worker))

    def names(*arguments: Any) -> list[str]:  # noqa: ANN401 - of list
        return [one["metadata"]["name"] for one in store.list(*arguments)]

    assert names() == ["a", "b", "c"]
    assert names("ns") == ["a", "b"]
    assert names(None, "worker=1") == ["b", "c"]
    assert names("ns", "", "metadata.name=a") == ["a"]


def test_events_say_what_was_and_what_is(store: Store) -> None:
    with store.subscribe() as subscription:
        store.create(pod())
        store.set_status("ns", "one", {"phase": "Running"})
        store.request_deletion("ns", "one")
        store.remove("ns", "one")
        events = told(subscription, 4)
    assert [event.kind for event in events] == ["ADDED", "MODIFIED", "MODIFIED", "DELETED"]
    assert [event.version for event in events] == [version(event.pod) for event in events]
    assert [event.old for event in events] == [None, *(event.pod for event in events[:-1])]
    assert events[1].pod["status"] == {"phase": "Running"}
    assert "deletionTimestamp" not in events[1].pod["metadata"]


def test_a_subscription_begins_when_it_is_made_and_ends_when_it_is_closed(store: Store) -> None:
    store.create(pod("before"))
    subscription = store.subscribe()
    store.create(pod("meanwhile"))
    subscription.close()
    store.create(pod("after"))
    (event,) = told(subscription, 1)
    assert event.pod["metadata"]["name"] == "meanwhile"
    assert is_silent(subscription)
    assert store.subscribers == 0


def test_history_has_an_end(tmp_path: Path) -> None:
    store = Store(tmp_path, remembered_events=2)
    for name in ("a", "b", "c"):
        store.create(pod(name))
    with store.subscribe(1) as subscription:
        assert [event.version for event in told(subscription, 2)] == [2, 3]
    with pytest.raises(ExpiredError, match=r"too old resource version: 0 \(3\)"):
        store.subscribe(0)
    with pytest.raises(ExpiredError, match=r"too old resource version: 4 \(3\)"):
        store.subscribe(4)
    later = Store(tmp_path)
    with later.subscribe(3) as subscription:
        assert is_silent(subscription)
    with pytest.raises(ExpiredError):
        later.subscribe(2)


def test_what_changes_nothing_is_no_event(store: Store) -> None:
    store.create(pod())
    store.set_status("ns", "one", {"phase": "Running"})
    with store.subscribe() as subscription:
        store.set_status("ns", "one", {"phase": "Running"})
        store.patch("ns", "one", {"metadata": {"labels": {"gone": None}}})
        store.remove("ns", "nobody")
        assert store.request_deletion("ns", "nobody") is None
        assert is_silent(subscription)


def test_a_deletion_has_the_pods_grace_or_a_shorter_one(store: Store) -> None:
    store.create(pod())

    def marks(grace: int | None) -> tuple[object, object]:
        deleted = store.request_deletion("ns", "one", grace)
        assert deleted is not None
        metadata = deleted["metadata"]
        return metadata["deletionGracePeriodSeconds"], metadata["deletionTimestamp"]

    assert marks(None) == (5, "2026-11-22T12:00:05Z")
    assert marks(9) == (5, "2026-11-22T12:00:05Z")
    assert marks(1) == (1, "2026-11-22T12:00:01Z")
    assert marks(0) == (0, "2026-11-22T12:00:00Z")
    assert store.get("ns", "one") is not None
    store.remove("ns", "one")
    assert store.get("ns", "one") is None


def test_a_pod_removed_without_a_deletion_has_its_moment_too(store: Store) -> None:
    store.create(pod())
    with store.subscribe() as subscription:
        store.remove("ns", "one")
        (event,) = told(subscription, 1)
    assert event.pod["metadata"]["deletionTimestamp"] == "2026-11-22T12:00:00Z"


def test_what_cannot_be_done_is_said(store: Store) -> None:
    store.create(pod())
    with pytest.raises(AlreadyExistsError, match='pods "one" already exists'):
        store.create(pod())
    calls: list[Callable[[], Pod]] = [
        lambda: store.patch("ns", "two", {}),
        lambda: store.set_status("ns", "two", {}),
    ]
    for call in calls:
        with pytest.raises(NotFoundError, match='pods "two" not found'):
            call()
