"""Pods as real processes: what they are given, how they run and how they end."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.local.cluster_node_fixtures import (
    NAMESPACE,
    Checkout,
    container,
    eventually,
    pod,
    spec,
)

pytest_plugins = ["tests.local.cluster_node_fixtures"]

API_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"


def variables(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def test_a_pod_runs_to_its_end_at_once(running: Checkout) -> None:
    running.names()  # The client takes a while to load.
    began = time.monotonic()
    assert running.run(pod("quick", "echo done")) == "done\n"
    assert time.monotonic() - began < 10
    assert running.ended("quick") == "Succeeded"


def test_a_pod_that_exits_with_an_error_has_failed_with_its_code(running: Checkout) -> None:
    running.run(pod("failing", "echo because >&2; exit 7"))
    status = running.status("failing")
    ended = status.container_statuses[0].state.terminated
    assert (status.phase, ended.exit_code, ended.reason) == ("Failed", 7, "Error")
    assert ended.message == "because"


def test_the_environment_is_the_manifests_and_nothing_of_the_nodes(
    running: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_OPERATOR", "1")
    one = pod("environment", "env", serviceAccountName="two")
    one["spec"]["containers"][0]["env"] = [
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "COPY", "value": "$(NAME)-$$(NAME)-$(UNKNOWN)"},
    ]
    one["spec"]["containers"][0]["envFrom"] = [
        {"configMapRef": {"name": "settings"}, "prefix": "S_"}
    ]
    found = variables(running.run(one))
    assert found["NAME"] == "environment"
    assert found["COPY"] == "environment-$(NAME)-$(UNKNOWN)"
    assert found["S_COLOUR"] == "blue"
    assert found["HOSTNAME"] == "environment"
    assert found["PATH"].startswith("/usr/bin:")
    assert found["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert set(found) <= {
        "NAME", "COPY", "S_COLOUR", "S_note.txt", "HOSTNAME", "PATH", "HOME", "LANG", "TMPDIR",
        "PWD", "LOGNAME", "AWS_ENDPOINT_URL", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT",
        "OLDPWD", "SHLVL", "_",
    }  # fmt: skip


def test_an_annotated_account_brings_its_web_identity(running: Checkout) -> None:
    script = "env; cat $AWS_WEB_IDENTITY_TOKEN_FILE"
    text = running.run(pod("identity", script, serviceAccountName="one"))
    found = variables(text)
    assert found["AWS_ROLE_ARN"] == "arn:aws:iam::1:role/one"
    assert found["AWS_STS_REGIONAL_ENDPOINTS"] == "regional"
    assert found["AWS_REGION"] == "eu-central-1"
    claims = running.issuer.verify(text.splitlines()[-1])
    assert claims["sub"] == f"system:serviceaccount:{NAMESPACE}:one"
    assert claims["aud"] == ["sts.amazonaws.com"]
    assert claims["exp"] - claims["iat"] == 86_400


def test_a_mounted_account_can_ask_the_api_by_its_kubeconfig(running: Checkout) -> None:
    script = f"cd {API_TOKEN} && ls && cat namespace && echo && cat kubeconfig && echo && cat token"
    one = pod("mounted", script, automountServiceAccountToken=True)
    lines = running.run(one).splitlines()
    assert lines[:5] == ["ca.crt", "kubeconfig", "namespace", "token", NAMESPACE]
    config = json.loads("".join(lines[5:-1]))
    assert config["clusters"][0]["cluster"]["server"] == running.api.api_client.configuration.host
    assert config["clusters"][0]["cluster"]["certificate-authority"] == "ca.crt"
    claims = running.issuer.verify(lines[-1])
    assert claims["aud"] == ["https://kubernetes.default.svc"]


def test_without_automount_there_is_no_token(running: Checkout) -> None:
    running.run(pod("unmounted", f"cat {API_TOKEN}/token"))
    assert running.ended("unmounted") == "Failed"


def test_volumes_are_where_the_manifest_mounts_them(running: Checkout) -> None:
    script = (
        "cat /opt/app/config/note.txt; echo; ls $APP/config; cat /run/key; cat /etc/one/renamed; "
        "echo; touch /etc/one/new 2>/dev/null && echo writable; echo x > /opt/app/mine && echo ok"
    )
    main = container(
        script,
        env=[{"name": "APP", "value": "/opt/app"}],
        volumeMounts=[
            {"name": "app", "mountPath": "/opt/app"},
            {"name": "config", "mountPath": "/opt/app/config"},
            {"name": "one", "mountPath": "/etc/one"},
            {"name": "keys", "mountPath": "/run"},
        ],
    )
    fetch = container(
        "echo key > /keys/key", "fetch", volumeMounts=[{"name": "keys", "mountPath": "/keys"}]
    )
    one = pod("volumes", "")
    items = [{"key": "COLOUR", "path": "renamed"}]
    one["spec"] = spec(
        main,
        initContainers=[fetch],
        serviceAccountName="two",
        volumes=[
            {"name": "app", "emptyDir": {}},
            {"name": "config", "configMap": {"name": "settings"}},
            {"name": "one", "projected": {"sources": [
                {"configMap": {"name": "settings", "items": items}}]}},
            {"name": "keys", "emptyDir": {"medium": "Memory"}},
        ],
    )  # fmt: skip
    assert running.run(one).splitlines() == [
        "a note", "COLOUR", "note.txt", "key", "blue", *(["writable"] * (os.geteuid() != 0)), "ok",
    ]  # fmt: skip


def test_a_failing_init_container_fails_the_pod_before_it_starts(running: Checkout) -> None:
    one = pod("uninitialized", "echo never")
    one["spec"]["initContainers"] = [container("exit 3", "first")]
    running.create(one)
    assert running.ended("uninitialized") == "Failed"
    assert running.log("uninitialized") == ""


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("no-map", {"envFrom": [{"configMapRef": {"name": "gone"}}]}, '"gone" not found'),
        ("no-volume", {"volumeMounts": [{"name": "x", "mountPath": "/x"}]}, "does not have"),
    ],
)
def test_what_is_missing_is_said_and_the_pod_waits(
    running: Checkout, name: str, change: dict[str, Any], message: str
) -> None:
    one = pod(name, "true")
    one["spec"]["containers"][0] |= change
    running.create(one)

    assert message in running.waiting(name).message
    assert running.waiting(name).reason == "CreateContainerConfigError"
    running.delete(name)


@pytest.mark.parametrize("path", ["../../escaped", "/etc/escaped"])
def test_no_path_leads_out_of_the_pods_folder(running: Checkout, path: str) -> None:
    name = f"escape-{len(path)}"
    items = [{"key": "COLOUR", "path": path}]
    volume = {"name": "v", "configMap": {"name": "settings", "items": items}}
    running.create(pod(name, "true", volumes=[volume]))

    assert "has to be relative" in running.waiting(name).message
    assert not Path("/etc/escaped").exists()
    running.delete(name)


def test_a_tasks_workload_is_in_no_command_line(running: Checkout) -> None:
    # Kubernetes takes `$$` for one dollar sign.
    script = 'cat /proc/$$$$/cmdline | tr "\\0" " "; echo; echo "$1"; cat "$2"'
    one = pod("workload", script)
    one["spec"]["containers"][0]["args"] += ["sh", "--json-string", '{"token": "canary"}']
    first, option, workload = running.run(one).splitlines()
    assert "canary" not in first
    assert option == "--json-path"
    assert workload == '{"token": "canary"}'


def test_deleting_a_pod_gives_it_its_grace_then_kills_it(running: Checkout) -> None:
    running.create(
        pod("polite", "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done")
    )
    running.create(pod("stubborn", "trap '' TERM; echo up; while :; do sleep 0.05; done"))
    eventually(lambda: running.log("polite"))
    eventually(lambda: running.log("stubborn"))
    began = time.monotonic()
    for name, grace_seconds in (("polite", 30), ("stubborn", 1)):
        running.api.delete_namespaced_pod(name, NAMESPACE, grace_period_seconds=grace_seconds)
    eventually(lambda: "polite" not in running.names())
    eventually(lambda: "stubborn" not in running.names())
    # The other has said good-bye (below); this one was killed, after the grace asked for.
    assert 0.9 < time.monotonic() - began < 15
    kept = running.folder / "logs" / f"{NAMESPACE}_polite_base.log"
    assert eventually(lambda: kept.exists() and kept.read_text()) == "up\nbye\n"


# A process group of its own, a session of its own, and a daemon of its own: fork, setsid, fork.
ESCAPES = """
import os, sys, time
def stay(name):
    print(name, os.getpid(), flush=True)
    time.sleep(600)
if os.fork() == 0:
    os.setpgid(0, 0); stay("group")
if os.fork() == 0:
    os.setsid(); stay("session")
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid(); os.environ.clear(); stay("daemon")
    os._exit(0)
time.sleep(600 if sys.argv[1] == "wait" else 0.5)
"""


@pytest.mark.parametrize("end", ["wait", "exit"])
def test_no_process_outlives_its_pod(running: Checkout, end: str) -> None:
    name = f"escaping-{end}"
    one = pod(name, "")
    one["spec"]["containers"][0] |= {"command": ["python3", "-c"], "args": [ESCAPES, end]}
    running.create(one)
    eventually(lambda: len(running.log(name).split()) == 6)
    pids = [int(word) for word in running.log(name).split() if word.isdigit()]
    if end == "wait":
        assert all(psutil.pid_exists(pid) for pid in pids)
        running.delete(name)
    else:
        running.ended(name)
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
