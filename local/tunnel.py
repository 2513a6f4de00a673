"""`make tunnel`: a way to a private database through the cluster that can reach it.

A pod runs `local/socks5.py`, and `kubectl port-forward` brings its port to this machine. With
`ALL_PROXY` set to it, the PostgreSQL provider reaches the database under its real name, so that
IAM tokens and `verify-full` hold. The pod has no identity, may not become root, and ends by itself.
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Any

APPLICATION = "airflow-postgres-tunnel"
PORT = 1080
IMAGE = "docker.io/library/python:3.13-slim"
LIFETIME_SECONDS = 3600
"""How long a forgotten tunnel lives."""
START_SECONDS = 120
"""How long the image may take to be pulled and started."""


class TunnelError(Exception):
    """The tunnel cannot be made; the text says why and what to do."""


def manifest(namespace: str, pod: str) -> dict[str, Any]:
    """Return the tunnel's pod, called `pod`; it meets Pod Security `restricted`."""
    source = (Path(__file__).parent / "socks5.py").read_text(encoding="utf-8")
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/name": APPLICATION},
        },
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": LIFETIME_SECONDS,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65534,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "socks5",
                    "image": IMAGE,
                    "command": ["python", "-c", source, "--port", str(PORT)],
                    "resources": {
                        "requests": {"cpu": "50m", "memory": "64Mi"},
                        "limits": {"memory": "64Mi"},
                    },
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "readOnlyRootFilesystem": True,
                    },
                }
            ],
        },
    }


def open_tunnel(cluster: str, namespace: str = "default") -> int:
    """Start the pod, forward its port until interrupted, remove the pod; return kubectl's status.

    Raises:
        TunnelError: kubectl is missing or fails, or its current context is another cluster.
    """
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise TunnelError(
            "make tunnel needs kubectl on the PATH: install it and run "
            f"`aws eks update-kubeconfig --name {cluster}`"
        )
    context = subprocess.run(
        [kubectl, "config", "current-context"], capture_output=True, text=True, check=False
    ).stdout.strip()
    if not context.endswith(f"/{cluster}") and context != cluster:
        raise TunnelError(
            f"kubectl's context is {context or 'not set'!r}, not {cluster!r}, the cluster of "
            f"the settings: run `aws eks update-kubeconfig --name {cluster}`"
        )
    # Of this tunnel alone: another one, of somebody else or a forgotten one, is not touched.
    pod = f"{APPLICATION}-{secrets.token_hex(4)}"
    in_namespace = [kubectl, "--namespace", namespace]
    _call([*in_namespace, "create", "-f", "-"], json.dumps(manifest(namespace, pod)))
    try:
        ready = f"--timeout={START_SECONDS}s"
        _call([*in_namespace, "wait", f"pod/{pod}", "--for=condition=Ready", ready])
        print(
            f"\nin the shell that runs pulumi:  export ALL_PROXY=socks5://127.0.0.1:{PORT}\n"
            "end the tunnel with Ctrl-C\n",
            flush=True,
        )
        forward = [*in_namespace, "port-forward", f"pod/{pod}", str(PORT)]
        return subprocess.run(forward, check=False).returncode
    except KeyboardInterrupt:
        return 0
    finally:
        subprocess.run([*in_namespace, "delete", f"pod/{pod}", "--wait=false"], check=False)


def _call(command: list[str], given: str = "") -> None:
    status = subprocess.run(command, input=given, text=True, check=False).returncode
    if status:
        raise TunnelError(
            f"`kubectl {command[3]}` ended with status {status}; its own words are above"
        )
