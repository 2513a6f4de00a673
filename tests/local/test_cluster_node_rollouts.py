"""What people do with a running Deployment: have it rolled over, and run a command in a pod."""

from __future__ import annotations

import signal

import psutil
import pytest

from local.cluster import rollout, service
from local.cluster.place import ClusterError
from tests.local.cluster_node_fixtures import NAMESPACE, Checkout, container, deployment, eventually

pytest_plugins = ["tests.local.cluster_node_fixtures"]

SLEEP = "sleep 600"


def uids(checkout: Checkout) -> set[str]:
    """The pods that there are now."""
    return {one.metadata.uid for one in checkout.pods()}


def test_a_restart_replaces_the_pods_of_one_deployment(checkout: Checkout) -> None:
    checkout.declare(deployment("server", container(SLEEP)), deployment("other", container(SLEEP)))
    checkout.start()
    checkout.ready()
    before = {one.metadata.name: one.metadata.uid for one in checkout.pods()}

    rollout.restart(checkout.paths, NAMESPACE, "server")

    eventually(lambda: len(uids(checkout)) == 2)
    stayed = uids(checkout) & set(before.values())
    assert stayed == {uid for name, uid in before.items() if name.startswith("other")}
    (new,) = (one for one in checkout.pods() if one.metadata.name.startswith("server"))
    assert new.metadata.annotations["kubectl.kubernetes.io/restartedAt"]

    # It is not done again: neither with the next manifests, nor by another process.
    after = uids(checkout)
    service.apply(checkout.paths)
    pid = service.status(checkout.paths).pid
    assert pid is not None
    psutil.Process(pid).send_signal(signal.SIGKILL)
    eventually(lambda: service.status(checkout.paths).pid is None)
    checkout.start()
    checkout.ready()
    assert uids(checkout) == after


def test_a_command_sees_what_the_container_sees(checkout: Checkout) -> None:
    checkout.declare(deployment("server", container(SLEEP)))
    checkout.start()
    checkout.ready()
    (pod,) = checkout.pods()
    script = "echo $HOSTNAME; echo wrong >&2; exit 3"
    ended = rollout.execute(checkout.paths, NAMESPACE, "server", ["sh", "-c", script])
    assert (ended.code, ended.output, ended.errors) == (3, f"{pod.metadata.name}\n", "wrong\n")


def test_what_is_not_there_is_a_sentence(checkout: Checkout) -> None:
    checkout.declare(deployment("server", container(SLEEP)))
    checkout.start()
    checkout.ready()
    with pytest.raises(ClusterError, match=rf"no Deployment {NAMESPACE}/no: run `make up` first"):
        rollout.restart(checkout.paths, NAMESPACE, "no")
    with pytest.raises(ClusterError, match=rf"No pod of Deployment {NAMESPACE}/no is ready: wait"):
        rollout.execute(checkout.paths, NAMESPACE, "no", ["true"])
    with pytest.raises(ClusterError, match="No such file or directory"):
        rollout.execute(checkout.paths, NAMESPACE, "server", ["/no/such/program"])
    (checkout.folder / "admin-token").write_text("another")
    with pytest.raises(ClusterError, match="administrator's token"):
        rollout.execute(checkout.paths, NAMESPACE, "server", ["true"])
