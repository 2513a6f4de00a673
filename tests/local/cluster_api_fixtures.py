"""A running Kubernetes API for tests, over TLS, with the roles that Airflow's objects declare.

Fixtures:
    cluster: one of the test's own, with namespaces `airflow-dev` and `airflow-qa`, both at
        Pod Security `restricted`. There is no node: a test says itself what becomes of its pods.

There are no assertions in here (PYTEST_DONT_REWRITE).
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiohttp import web
from kubernetes import client

from local.account.oidc import Issuer
from local.account.tls import CertificateAuthority
from local.cluster import api
from local.cluster.admission import Admission
from local.cluster.rbac import Authorizer
from local.cluster.store import Pod, Store
from local.cluster.tokens import AUDIENCE, Authenticator

T = TypeVar("T")

NAMESPACE = "airflow-dev"
OTHER = "airflow-qa"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
_RBAC = "rbac.authorization.k8s.io"
_SECONDS = 10


class Cluster:
    """An API server in a thread of its own, and clients of it."""

    def __init__(self, folder: Path, issuer: Issuer, authority: CertificateAuthority) -> None:
        self.folder = folder
        self.issuer = issuer
        self.authority = authority
        self.admin_token = secrets.token_urlsafe(16)
        self.objects = declared()
        self.port = 0
        self._thread: threading.Thread | None = None

    def start(self, address: str, port: int) -> None:
        """Serve; what an earlier start left is taken up."""
        self.address, self.port = address, port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.store = self.do(self._open)
        served = api.application(
            store=self.store,
            authenticator=Authenticator(self.issuer, self.declared, self.admin_token),
            authorizer=Authorizer(self.declared),
            admission=Admission(self.declared),
            log_file=self.log_file,
        )
        self._runner: web.AppRunner = asyncio.run_coroutine_threadsafe(
            api.serve(
                served, address=address, port=port, authority=self.authority, folder=self.folder
            ),
            self._loop,
        ).result(_SECONDS)

    def stop(self) -> None:
        """Stop serving."""
        if self._thread is None:
            return
        cleanup = asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop)
        cleanup.result(_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_SECONDS)
        self._loop.close()
        self._thread = None

    def restart(self) -> None:
        """Stop, and start again at the same port."""
        self.stop()
        self.start(self.address, self.port)

    def declared(self, kind: str, namespace: str) -> list[dict[str, Any]]:
        """The objects of a kind in a namespace."""
        return self.objects.get((kind, namespace), [])

    def do(self, call: Callable[[], T]) -> T:
        """Run a call in the server's thread, as the node would."""

        async def run() -> T:
            return call()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(_SECONDS)

    def becomes(self, name: str, phase: str, **more: Any) -> Pod:  # noqa: ANN401 - of a status
        """Say, as the node does, what has become of a pod."""
        return self.do(lambda: self.store.set_status(NAMESPACE, name, {"phase": phase, **more}))

    def log_file(self, pod: Mapping[str, Any], container: str) -> Path:
        """Where a container's log is."""
        return self.folder / f"{pod['metadata']['name']}.{container}.log"

    def token(self, account: str, namespace: str = NAMESPACE, **claims: Any) -> str:  # noqa: ANN401
        """A token for the API as a service account's pod has it; claims change it."""
        return self.issuer.mint(namespace, account, **{"audience": AUDIENCE, **claims})

    def api_client(self, token: str | None) -> client.ApiClient:
        """The official client with a token, which verifies the server's certificate."""
        configuration = client.Configuration()
        configuration.host = f"https://{self.address}:{self.port}"
        configuration.ssl_ca_cert = str(self.authority.certificate_file)
        configuration.proxy = None
        if token:
            configuration.api_key = {"authorization": f"Bearer {token}"}
        return client.ApiClient(configuration)

    # Its annotations ask for models where it takes dicts as well, and have None everywhere.
    def core(self, account: str = "airflow-scheduler") -> Any:  # noqa: ANN401 - CoreV1Api
        """The official client as a service account."""
        return client.CoreV1Api(self.api_client(self.token(account)))

    def admin(self) -> Any:  # noqa: ANN401 - CoreV1Api
        """The official client as the administrator."""
        return client.CoreV1Api(self.api_client(self.admin_token))

    def _open(self) -> Store:
        return Store(self.folder / "store")


@pytest.fixture(scope="session")
def cluster_issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(tmp_path_factory.mktemp("issuer"), "eu-west-1")


@pytest.fixture
def cluster(
    tmp_path: Path,
    cluster_issuer: Issuer,
    authority: CertificateAuthority,
    loopback: str,
    free_port: Callable[[], int],
) -> Iterator[Cluster]:
    made = Cluster(tmp_path, cluster_issuer, authority)
    made.start(loopback, free_port())
    yield made
    made.stop()


def task_pod(name: str = "billing-load-1", **metadata: Any) -> Pod:  # noqa: ANN401 - of a pod
    """A pod as KubernetesExecutor makes it, which `restricted` allows."""
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "name": name,
            "labels": {"airflow-worker": "7", "kubernetes_executor": "True"},
            "annotations": {
                "dag_id": "billing",
                "task_id": "load",
                "run_id": "manual",
                "try_number": "1",
            },
            **metadata,
        },
        "spec": {
            "serviceAccountName": "workflow-billing",
            "automountServiceAccountToken": False,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 5,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 50000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "base",
                    "image": "apache/airflow:3.3.2",
                    "args": ["python", "-m", "airflow.sdk.execution_time.execute_workload"],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
        },
    }


def declared() -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Two environments: who is in them, and what the scheduler and the api-server may."""
    objects: dict[tuple[str, str], list[dict[str, Any]]] = {
        ("Namespace", ""): [
            {"metadata": {"name": name, "labels": RESTRICTED}} for name in (NAMESPACE, OTHER)
        ]
    }
    launcher = [
        {
            "apiGroups": [""],
            "resources": ["pods"],
            "verbs": ["create", "get", "list", "watch", "patch", "delete"],
        },
        {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    ]
    reader = [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
        {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    ]
    for namespace in (NAMESPACE, OTHER):
        objects |= {
            ("ServiceAccount", namespace): [
                {"metadata": {"name": name, "namespace": namespace}}
                for name in ("airflow-scheduler", "airflow-api-server", "workflow-billing")
            ],
            ("Role", namespace): [
                {"metadata": {"name": "airflow-pod-launcher-role"}, "rules": launcher},
                {"metadata": {"name": "airflow-pod-log-reader-role"}, "rules": reader},
            ],
            ("RoleBinding", namespace): [
                binding(namespace, "airflow-pod-launcher-role", "airflow-scheduler"),
                binding(namespace, "airflow-pod-log-reader-role", "airflow-api-server"),
            ],
        }
    return objects


def binding(namespace: str, role: str, account: str) -> dict[str, Any]:
    """A role binding to a service account of the namespace."""
    return {
        "metadata": {"name": f"{role}binding", "namespace": namespace},
        "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    }
