"""The cluster's process: starting, dying, coming back, and leaving nothing."""

from __future__ import annotations

import signal
import time

import psutil
import pytest

from local.cluster import service
from local.cluster.place import ClusterError
from tests.local.cluster_node_fixtures import (
    IMAGE,
    WAITS,
    Checkout,
    container,
    deployment,
    eventually,
    job,
    made_checkout,
    pod,
)
from tests.processes import lives

pytest_plugins = ["tests.local.cluster_node_fixtures"]

SLEEP = "sleep 600 & exec sleep 600"


def ready(status: service.Status) -> bool:
    """Whether everything declared is as desired."""
    return status.pid is not None and all(one.ready >= one.desired for one in status.components)


def test_stop_leaves_no_process_and_no_file(checkout: Checkout) -> None:
    checkout.declare(deployment("server", container(SLEEP)))
    checkout.start()
    checkout.ready()
    checkout.create(pod("task", "(setsid sleep 600 &) ; exec sleep 600"))
    eventually(lambda: checkout.status("task").phase == "Running")
    pods_folder = checkout.pods_folder
    # A container runs as soon as its shim does.
    eventually(lambda: len(checkout.processes()) >= 5)
    service.stop(checkout.paths)
    assert checkout.processes() == []
    assert not checkout.folder.exists()
    assert not pods_folder.exists()
    assert not list(pods_folder.parent.glob(f"{pods_folder.name}*"))


def test_halt_ends_everything_and_keeps_what_is_done(checkout: Checkout) -> None:
    checkout.declare(job("once", "echo done"), deployment("server", container(SLEEP)))
    checkout.start()
    checkout.ready()
    checkout.create(pod("task", SLEEP))
    eventually(lambda: checkout.status("task").phase == "Running")
    before = checkout.names()
    service.halt(checkout.paths)
    assert checkout.processes() == []
    assert service.status(checkout.paths).pid is None
    checkout.start()
    checkout.ready()
    assert checkout.status("task").phase == "Failed"
    assert {one for one in before if one.startswith("once")} < checkout.names()
    assert not {one for one in before if one.startswith("server")} & checkout.names()


@pytest.mark.parametrize("again", [True, False], ids=["start", "stop"])
def test_a_process_that_nobody_came_to_record_is_found(
    checkout: Checkout,
    again: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Who starts it is killed between starting it and writing down who it is."""
    checkout.declare(deployment("server", container(SLEEP)))
    stray = psutil.Process(checkout.start().pid)
    checkout.ready()
    (checkout.folder / "pid").unlink()

    if again:
        checkout.start()
        checkout.ready()
    else:
        service.stop(checkout.paths)
        assert checkout.processes() == []

    assert not lives(stray)


def test_pods_outlive_the_death_of_the_process(checkout: Checkout) -> None:
    checkout.declare(deployment("server", container(SLEEP)))
    status = checkout.start()
    checkout.ready()
    checkout.create(pod("long", f"echo first | tee -a starts; {WAITS}; sleep 2; wc -l < starts"))
    checkout.create(pod("short", f"echo first; {WAITS}; exit 4"))
    eventually(lambda: checkout.log("short"))
    eventually(lambda: checkout.log("long"))
    server = next(one for one in checkout.pods() if one.metadata.name.startswith("server"))
    assert status.pid is not None
    psutil.Process(status.pid).send_signal(signal.SIGKILL)
    checkout.go()
    time.sleep(1)
    again = checkout.start()
    assert again.pid != status.pid
    assert again.url == status.url
    assert checkout.ended("short") == "Failed"
    assert checkout.status("short").container_statuses[0].state.terminated.exit_code == 4
    assert checkout.ended("long") == "Succeeded"
    assert checkout.log("long") == "first\n1\n"
    same = next(one for one in checkout.pods() if one.metadata.name.startswith("server"))
    assert same.metadata.uid == server.metadata.uid
    assert same.status.container_statuses[0].restart_count == 0
    service.stop(checkout.paths)
    assert checkout.processes() == []


def test_stop_ends_the_pods_of_a_process_that_died(checkout: Checkout) -> None:
    checkout.declare(deployment("server", container(SLEEP)))
    status = checkout.start()
    checkout.ready()
    psutil.Process(status.pid).kill()
    service.stop(checkout.paths)
    # What forks containers hears of its node's end by itself, and needs a moment to go.
    eventually(lambda: not checkout.processes(), seconds=10)


def test_two_checkouts_run_side_by_side(checkout: Checkout) -> None:
    with made_checkout() as other:
        for one in (checkout, other):
            one.declare(deployment("server", container("echo $HOME; sleep 600")))
            one.start()
        for one in (checkout, other):
            one.ready()
        assert checkout.start().url != other.start().url
        assert checkout.names().isdisjoint(other.names())
        service.stop(other.paths)
        assert other.processes() == []
        assert ready(service.status(checkout.paths))


def test_a_cluster_without_an_account_is_refused(checkout: Checkout) -> None:
    checkout.paths.address.unlink()
    with pytest.raises(ClusterError, match="account does not run: start it first"):
        checkout.start()


def test_wrong_manifests_are_named_and_the_former_ones_stay(checkout: Checkout) -> None:
    checkout.declare(deployment("server", container(SLEEP)))
    checkout.start()
    checkout.ready()
    wrong = checkout.manifests / "wrong.yaml"
    for text, message in (
        ("a: [", "is no YAML"),
        ("kind: Pod", "no Kubernetes object"),
        ((checkout.manifests / "deployment-server.yaml").read_text(), "declared twice"),
    ):
        wrong.write_text(text)
        with pytest.raises(ClusterError, match=message):
            service.apply(checkout.paths)
    assert ready(service.status(checkout.paths))
    service.halt(checkout.paths)
    with pytest.raises(ClusterError, match=r"did not start.*declared twice"):
        checkout.start()


def test_it_starts_before_anything_is_deployed(checkout: Checkout) -> None:
    manifests = checkout.paths.local / "later"
    for _ in range(2):
        assert service.start(checkout.paths, manifests, IMAGE).components == ()
    with pytest.raises(ClusterError, match=r"no folder .* with manifests: deploy first"):
        service.apply(checkout.paths)
    checkout.declare(deployment("server", container(SLEEP)))
    checkout.manifests.rename(manifests)
    service.apply(checkout.paths)
    assert [one.name for one in checkout.ready().components] == ["server"]


def test_only_the_administrator_may_ask(checkout: Checkout) -> None:
    checkout.start()
    (checkout.folder / "admin-token").write_text("another")
    with pytest.raises(ClusterError, match="administrator's token"):
        service.apply(checkout.paths)


def test_a_namespace_that_is_gone_takes_its_pods_along(checkout: Checkout) -> None:
    checkout.start()
    checkout.create(pod("task", SLEEP))
    eventually(lambda: checkout.status("task").phase == "Running")
    for file in checkout.manifests.iterdir():
        file.unlink()
    service.apply(checkout.paths)
    eventually(lambda: not checkout.names())
