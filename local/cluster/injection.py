"""What a cluster adds to a pod before it runs: the API's token, and the web identity of its role.

It does what Kubernetes' ServiceAccount admission and EKS' pod identity webhook do, nothing else.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from local.account import oidc
from local.cluster.place import ClusterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.cluster.manifests import Manifests, Object

API_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"
IDENTITY_FOLDER = "/var/run/secrets/eks.amazonaws.com/serviceaccount"
ROOT_CA = "kube-root-ca.crt"
"""The ConfigMap that every namespace has: the API's CA, and here a kubeconfig too."""
API_TOKEN_SECONDS = 3607
"""What Kubernetes asks for; because of this odd number the token is good for a year, there as here:
clients that never read it again would fail otherwise."""
_ROLE = "eks.amazonaws.com/role-arn"


def service_account(pod: Object) -> str:
    """The name of a pod's service account."""
    return str(pod["spec"].get("serviceAccountName") or "default")


def containers(pod: Object) -> list[Object]:
    """All containers of a pod, the init containers first."""
    spec = pod["spec"]
    return [*(spec.get("initContainers") or []), *spec["containers"]]


def inject(pod: Object, manifests: Manifests, region: str) -> Object:
    """Return the pod with what its service account brings.

    Raises:
        ClusterError: its service account does not exist.
    """
    namespace, name = pod["metadata"]["namespace"], service_account(pod)
    account = manifests.find("ServiceAccount", namespace, name)
    if account is None:
        if name != "default":
            raise ClusterError(f'serviceaccounts "{name}" not found in namespace {namespace}')
        account = {"metadata": {}}
    pod = copy.deepcopy(pod)
    wanted = pod["spec"].get("automountServiceAccountToken")
    if wanted is None:
        wanted = account.get("automountServiceAccountToken", True)
    if wanted:
        _mount(pod, API_FOLDER, "kube-api-access", _api_sources())
    role = (account["metadata"].get("annotations") or {}).get(_ROLE)
    if role:
        token = {
            "audience": oidc.AUDIENCE,
            "expirationSeconds": oidc.LIFETIME_SECONDS,
            "path": "token",
        }
        _mount(pod, IDENTITY_FOLDER, "aws-iam-token", [{"serviceAccountToken": token}])
        _add_variables(
            pod,
            {
                "AWS_STS_REGIONAL_ENDPOINTS": "regional",
                "AWS_DEFAULT_REGION": region,
                "AWS_REGION": region,
                "AWS_ROLE_ARN": role,
                "AWS_WEB_IDENTITY_TOKEN_FILE": f"{IDENTITY_FOLDER}/token",
            },
        )
    return pod


def _api_sources() -> list[Object]:
    namespace = {"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}
    token = {"expirationSeconds": API_TOKEN_SECONDS, "path": "token"}
    return [
        {"serviceAccountToken": token},
        {"configMap": {"name": ROOT_CA}},
        {"downwardAPI": {"items": [namespace]}},
    ]


def _mount(pod: Object, path: str, name: str, sources: list[Object]) -> None:
    """Mount a projected volume in all containers that mount nothing there themselves."""
    volumes = pod["spec"].get("volumes") or []
    pod["spec"]["volumes"] = [*volumes, {"name": name, "projected": {"sources": sources}}]
    for container in containers(pod):
        mounts = list(container.get("volumeMounts") or [])
        if all(mount["mountPath"] != path for mount in mounts):
            mounts.append({"name": name, "mountPath": path, "readOnly": True})
        container["volumeMounts"] = mounts


def _add_variables(pod: Object, values: Mapping[str, str]) -> None:
    """Add variables to all containers, except those that a container has already."""
    for container in containers(pod):
        given = list(container.get("env") or [])
        names = {variable["name"] for variable in given}
        added = [{"name": name, "value": value} for name, value in values.items()]
        container["env"] = [*given, *(one for one in added if one["name"] not in names)]
