"""Deployments, Jobs, Services and probes, with real processes."""

from __future__ import annotations

import time
import urllib.request

import pytest

from local.cluster import service
from local.cluster.place import ClusterError
from local.cluster.status import Component
from tests.local.cluster_node_fixtures import (
    NAMESPACE,
    WAITS,
    Checkout,
    config_map,
    container,
    deployment,
    eventually,
    job,
    pod,
)

pytest_plugins = ["tests.local.cluster_node_fixtures"]

WEB = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": NAMESPACE},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 8080, "targetPort": "http"}]},
}
SLEEP = "exec sleep 600"


def web(version: str) -> dict[str, object]:
    """A web server that is ready once it answers with its version."""
    script = f"echo {version} > version && exec python3 -m http.server --bind 0.0.0.0 8080"
    one = container(
        script,
        ports=[{"name": "http", "containerPort": 8080}],
        readinessProbe={"httpGet": {"path": "/version", "port": "http"}},
    )
    return deployment("web", one, replicas=2)


def answer(checkout: Checkout) -> str:
    url = dict(service.status(checkout.paths).services)[f"{NAMESPACE}/web"]
    with urllib.request.urlopen(f"{url}/version", timeout=5) as response:  # noqa: S310  http
        return str(response.read().decode().strip())


def test_deployments_wait_for_the_jobs_of_their_namespace(checkout: Checkout) -> None:
    checkout.declare(
        job("first", f"{WAITS}; echo migrated"),
        deployment("second", container(SLEEP)),
    )
    checkout.start()
    eventually(lambda: any(name.startswith("first") for name in checkout.names()))
    eventually(lambda: list(checkout.pods_folder.glob("pod-*/home")))
    assert not any(name.startswith("second") for name in checkout.names())
    checkout.go()
    checkout.ready()
    first, second = sorted(checkout.pods(), key=lambda one: str(one.metadata.name))
    ended = first.status.container_statuses[0].state.terminated.finished_at
    assert second.metadata.creation_timestamp >= ended


def test_a_failing_job_is_tried_again_and_then_named(checkout: Checkout) -> None:
    checkout.declare(
        job("broken", "echo no such table; exit 1", backoffLimit=0),
        deployment("after", container(SLEEP)),
    )
    checkout.start()
    with pytest.raises(ClusterError, match=r"Job broken has 0 of 1.*no such table"):
        checkout.ready()
    assert not any(name.startswith("after") for name in checkout.names())
    before = checkout.names()
    service.apply(checkout.paths)
    eventually(lambda: checkout.names() and checkout.names().isdisjoint(before))


def test_a_service_answers_all_through_a_rollover(checkout: Checkout) -> None:
    checkout.declare(WEB, web("one"))
    checkout.start()
    checkout.ready()
    addresses = {one.status.pod_ip for one in checkout.pods()}
    assert len(addresses) == 2
    assert answer(checkout) == "one"
    old = checkout.names()
    checkout.declare(web("two"))
    service.apply(checkout.paths)
    answers = []
    while not checkout.names().isdisjoint(old):
        answers.append(answer(checkout))
        time.sleep(0.02)
    checkout.ready()
    assert set(answers) <= {"one", "two"}
    assert answer(checkout) == "two"


def test_pods_reach_a_service_by_its_name(checkout: Checkout) -> None:
    checkout.declare(WEB, web("one"), config_map("urls", {"URL": "http://web:8080/version"}))
    checkout.start()
    checkout.ready()
    script = (
        "import os, urllib.request as r; "
        "print(*(r.urlopen(os.environ[n]).read().decode().strip() for n in ('URL', 'LONG')))"
    )
    one = pod("client", "")
    one["spec"]["containers"][0] |= {
        "command": ["python3", "-c"],
        "args": [script],
        "envFrom": [{"configMapRef": {"name": "urls"}}],
        "env": [
            {"name": "LONG", "value": f"http://web.{NAMESPACE}.svc.cluster.local:8080/version"}
        ],
    }
    assert checkout.run(one) == "one one\n"


def test_what_is_no_longer_declared_goes(checkout: Checkout) -> None:
    checkout.declare(deployment("gone", container(SLEEP)), deployment("kept", container(SLEEP)))
    checkout.start()
    checkout.ready()
    (checkout.manifests / "deployment-gone.yaml").unlink()
    service.apply(checkout.paths)
    eventually(lambda: not any(name.startswith("gone") for name in checkout.names()))
    assert any(name.startswith("kept") for name in checkout.names())


def test_a_container_that_ends_is_started_again_at_once_and_then_later(
    checkout: Checkout,
) -> None:
    checkout.declare(deployment("crashing", container("echo broken; exit 9")))
    checkout.start()

    def component() -> Component | None:
        (found,) = service.status(checkout.paths).components
        return found if "back-off 10 s" in found.problem else None

    found = eventually(component)
    assert (found.restarts, found.ready) == (1, 0)
    with pytest.raises(ClusterError, match="Deployment crashing has 0 of 1"):
        service.wait_ready(checkout.paths, 0.1)


def test_probes_decide_about_readiness_and_life(checkout: Checkout) -> None:
    touch = "touch ready alive; rm -f hung; "
    one = container(
        f"{touch} while [ ! -e hung ]; do sleep 0.05; done; {SLEEP}",
        startupProbe=probe("test -e alive", failureThreshold=5),
        readinessProbe=probe("test -e ready"),
        livenessProbe=probe("test -e alive"),
    )
    checkout.declare(deployment("probed", one))
    checkout.start()
    checkout.ready()
    (its,) = checkout.pods()
    (home,) = checkout.pods_folder.glob("*/home")
    (home / "ready").unlink()
    eventually(lambda: service.status(checkout.paths).components[0].ready == 0)
    assert service.status(checkout.paths).components[0].restarts == 0
    (home / "alive").unlink()
    eventually(lambda: service.status(checkout.paths).components[0].restarts == 1)
    checkout.ready()
    assert checkout.names() == {its.metadata.name}


def test_a_start_that_takes_too_long_is_ended(checkout: Checkout) -> None:
    one = container(SLEEP, startupProbe=probe("false", failureThreshold=1))
    checkout.declare(deployment("slow", one))
    checkout.start()
    eventually(lambda: service.status(checkout.paths).components[0].restarts == 1)


def probe(script: str, **more: object) -> dict[str, object]:
    return {
        "exec": {"command": ["/bin/sh", "-c", script]},
        "periodSeconds": 1,
        "timeoutSeconds": 5,
        "failureThreshold": 1,
        **more,
    }
