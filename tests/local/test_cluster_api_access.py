"""Who calls is proven by a token of this cluster; what they may do is what the roles say."""

from __future__ import annotations

import json
import logging
import ssl
import stat
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from kubernetes.client import CoreV1Api

from local.account.oidc import Issuer
from local.cluster.errors import UnauthorizedError
from local.cluster.tokens import AUDIENCE, Authenticator, User, admin_token
from tests.local.cluster_api_fixtures import NAMESPACE, OTHER, Cluster, task_pod

pytest_plugins = ["tests.local.cluster_api_fixtures"]

PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
SCHEDULER = "system:serviceaccount:airflow-dev:airflow-scheduler"


def call(
    cluster: Cluster,
    path: str,
    token: str | None,
    method: str = "GET",
    body: object = None,
) -> tuple[int, Any]:
    """Status and body of a request that no client library has touched."""
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    request = urllib.request.Request(
        f"https://{cluster.address}:{cluster.port}{path}",
        method=method,
        headers=headers | {"Content-Type": "application/json"},
        data=json.dumps(body).encode() if body is not None else None,
    )
    context = ssl.create_default_context(cafile=str(cluster.authority.certificate_file))
    try:
        with urllib.request.urlopen(request, context=context, timeout=10) as response:  # noqa: S310 - https
            return response.status, response.read()
    except HTTPError as error:
        return error.code, json.loads(error.read())


def test_the_server_proves_itself_with_the_local_ca(cluster: Cluster) -> None:
    url = f"https://{cluster.address}:{cluster.port}/readyz"
    with pytest.raises(URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(url, timeout=5)
    assert call(cluster, "/readyz", None) == (200, b"ok")


def foreign_token(cluster: Cluster) -> str:
    """A token with all the right claims, signed by somebody else."""
    claims = cluster.issuer.verify(cluster.token("airflow-scheduler"))
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(claims, key, algorithm="RS256")


def unsigned_token(cluster: Cluster) -> str:
    claims = cluster.issuer.verify(cluster.token("airflow-scheduler"))
    return jwt.encode(claims, "", algorithm="none")


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(lambda _: None, id="none"),
        pytest.param(lambda _: "", id="empty"),
        pytest.param(lambda _: "nonsense", id="nonsense"),
        pytest.param(foreign_token, id="another issuer's"),
        pytest.param(unsigned_token, id="unsigned"),
        pytest.param(
            lambda cluster: cluster.token("airflow-scheduler", audience="sts.amazonaws.com"),
            id="for AWS",
        ),
        pytest.param(
            lambda cluster: cluster.token("airflow-scheduler", lifetime=0), id="just expired"
        ),
        pytest.param(lambda cluster: cluster.token("nobody"), id="of no service account"),
        pytest.param(
            lambda cluster: cluster.token("airflow-scheduler", "elsewhere"), id="of no namespace"
        ),
    ],
)
@pytest.mark.parametrize("path", [PODS, "/version", "/api/v1", "/nothing"])
def test_without_a_good_token_nothing_is_said(
    cluster: Cluster, token: Callable[[Cluster], str | None], path: str
) -> None:
    code, body = call(cluster, path, token(cluster))
    assert (code, body["reason"], body["message"]) == (401, "Unauthorized", "Unauthorized")


def test_a_token_is_good_from_its_beginning_to_its_end(
    cluster: Cluster, cluster_issuer: Issuer
) -> None:
    token = cluster.token("airflow-scheduler", lifetime=3600)
    issued = cluster_issuer.verify(token)["iat"]

    def at(moment: float) -> User:
        known = Authenticator(cluster_issuer, cluster.declared, "secret", clock=lambda: moment)
        return known.authenticate(f"Bearer {token}")

    assert at(issued).name == at(issued + 3599).name == SCHEDULER
    assert f"system:serviceaccounts:{NAMESPACE}" in at(issued).groups
    for moment in (issued - 1, issued + 3600):
        with pytest.raises(UnauthorizedError):
            at(moment)


def test_a_token_dies_with_its_service_account(cluster: Cluster) -> None:
    token = cluster.token("airflow-scheduler")
    assert call(cluster, PODS, token)[0] == 200
    cluster.objects["ServiceAccount", NAMESPACE] = []
    assert call(cluster, PODS, token)[0] == 401


def test_the_scheduler_may_do_in_its_namespace_what_its_role_says(cluster: Cluster) -> None:
    token = cluster.token("airflow-scheduler")
    assert call(cluster, PODS, token, "POST", task_pod())[0] == 201
    assert call(cluster, f"{PODS}/billing-load-1", token)[0] == 200
    for method, path, verb, resource in (
        ("POST", f"/api/v1/namespaces/{OTHER}/pods", "create", "pods"),
        ("GET", f"/api/v1/namespaces/{OTHER}/pods", "list", "pods"),
        ("GET", f"/api/v1/namespaces/{OTHER}/pods?watch=1", "watch", "pods"),
        ("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets", "list", "secrets"),
        ("DELETE", PODS, "deletecollection", "pods"),
    ):
        namespace = path.split("/")[4]
        code, body = call(cluster, path, token, method, {})
        assert (code, body["reason"]) == (403, "Forbidden")
        assert body["message"] == (
            f'{resource} is forbidden: User "{SCHEDULER}" cannot {verb} resource "{resource}" '
            f'in API group "" in the namespace "{namespace}"'
        )
    code, body = call(cluster, "/api/v1/pods", token)
    assert code == 403
    assert body["message"] == (
        f'pods is forbidden: User "{SCHEDULER}" cannot list resource "pods" in API group "" '
        "at the cluster scope"
    )
    code, body = call(cluster, "/metrics", token)
    assert (code, body["message"]) == (
        403,
        f'forbidden: User "{SCHEDULER}" cannot get path "/metrics"',
    )


def test_the_api_server_may_read_logs_and_make_nothing(cluster: Cluster) -> None:
    cluster.admin().create_namespaced_pod(NAMESPACE, task_pod())
    (cluster.folder / "billing-load-1.base.log").write_text("hello\n")
    token = cluster.token("airflow-api-server")
    one = f"{PODS}/billing-load-1"
    assert call(cluster, f"{one}/log", token) == (200, b"hello\n")
    for method, path in (("GET", one), ("DELETE", one), ("PATCH", one), ("POST", PODS)):
        code, body = call(cluster, path, token, method, {})
        assert (code, body["reason"]) == (403, "Forbidden"), (method, path)


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "path", [PODS, f"{PODS}/billing-load-1", f"{PODS}/billing-load-1/log", "/api/v1/pods"]
)
def test_a_task_may_nothing(cluster: Cluster, method: str, path: str) -> None:
    cluster.admin().create_namespaced_pod(NAMESPACE, task_pod())
    code, _ = call(cluster, path, cluster.token("workflow-billing"), method, {})
    assert code == 403
    assert len(cluster.admin().list_namespaced_pod(NAMESPACE).items) == 1


@pytest.mark.parametrize(
    "path",
    [
        f"{PODS}/billing-load-1%2Flog",
        f"{PODS}%2Fbilling-load-1",
        f"/api/v1//namespaces/{NAMESPACE}/pods/billing-load-1",
        f"/api/v1/namespaces/{NAMESPACE}/pods/../pods/billing-load-1",
    ],
)
def test_no_spelling_of_a_path_gives_more_than_another(cluster: Cluster, path: str) -> None:
    cluster.admin().create_namespaced_pod(NAMESPACE, task_pod())
    (cluster.folder / "billing-load-1.base.log").write_text("hello\n")
    # It may read logs, but no pod.
    code, body = call(cluster, path, cluster.token("airflow-api-server"))
    assert code in (403, 404) or body == b"hello\n"


def test_a_refusal_is_logged_with_who_asked_and_without_their_token(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="local.cluster.api")
    token = cluster.token("workflow-billing")
    call(cluster, f"{PODS}?labelSelector=private", token)
    call(cluster, PODS, "nonsense-token")
    told = [record.getMessage() for record in caplog.records if record.name == "local.cluster.api"]
    assert told[0].startswith(
        f"system:serviceaccount:airflow-dev:workflow-billing: GET {PODS}: 403"
    )
    assert told[1] == f"nobody known: GET {PODS}: 401 Unauthorized"
    assert token not in caplog.text
    assert "nonsense" not in caplog.text
    assert "private" not in caplog.text


def test_a_body_that_is_too_large_or_no_json_is_refused(cluster: Cluster) -> None:
    token = cluster.token("airflow-scheduler")
    pod = task_pod(annotations={"big": "x" * 3 * 1024 * 1024})
    code, body = call(cluster, PODS, token, "POST", pod)
    assert (code, body["reason"]) == (413, "RequestEntityTooLarge")
    code, body = call(cluster, PODS, token, "POST", [])
    assert (code, body["reason"]) == (400, "BadRequest")


def test_what_goes_wrong_inside_is_not_told_outside(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.objects["Namespace", ""] = [{}]
    code, body = call(cluster, PODS, cluster.token("airflow-scheduler"), "POST", task_pod())
    assert (code, body["reason"]) == (500, "InternalError")
    assert body["message"] == "Internal error occurred: see the cluster's log"
    assert "KeyError" in caplog.text


def test_the_administrator_may_everything(cluster: Cluster) -> None:
    assert CoreV1Api(cluster.api_client(cluster.admin_token)).list_pod_for_all_namespaces()
    assert call(cluster, PODS, f"{cluster.admin_token}x")[0] == 401


def test_the_administrators_token_is_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "admin-token"
    token = admin_token(file)
    assert len(token) >= 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert admin_token(file) == token


def test_the_audience_is_the_one_that_kubernetes_uses() -> None:
    assert AUDIENCE == "https://kubernetes.default.svc"
