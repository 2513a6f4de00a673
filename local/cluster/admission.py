"""Whether a pod may be created, and what Kubernetes fills in where it says nothing.

Checked are its names, its service account and the namespace's Pod Security level; quotas and
webhooks are not served. Whether the pod can run is the node's business.
"""

from __future__ import annotations

import copy
import re
import secrets
from collections.abc import Mapping

from local.cluster.declared import Objects, namespace_labels, service_account_exists
from local.cluster.errors import BadRequestError, ForbiddenError, InvalidError, NotFoundError
from local.cluster.patches import check_strings
from local.cluster.pod_security import violations
from local.cluster.store import DEFAULT_GRACE_SECONDS, Pod

_ENFORCE = "pod-security.kubernetes.io/enforce"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAME_LENGTH = 253
_CONTAINER_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
# What only the API may say of a pod.
_SERVED = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")


class Admission:
    """Admits pods by what is declared at the moment.

    Args:
        objects: what is declared.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def admit(self, pod: object, namespace: str) -> Pod:
        """Return the pod as it may be created, with what it left out filled in.

        Args:
            pod: as the caller sent it; it stays as it is.
            namespace: where it is to be created.

        Raises:
            BadRequestError: it is no pod, or one of another namespace.
            NotFoundError: there is no such namespace.
            ForbiddenError: there is no such service account, or the namespace's level forbids it.
            InvalidError: a name or a label is none, or a container lacks what it needs.
        """
        labels = namespace_labels(self._objects, namespace)
        if labels is None:
            raise NotFoundError(f'namespaces "{namespace}" not found')
        admitted = _completed(_pod(pod), namespace)
        name, spec = str(admitted["metadata"]["name"]), admitted["spec"]
        self._check_service_account(namespace, str(spec["serviceAccountName"]), name)
        _validate(admitted, name)
        level = labels.get(_ENFORCE, "privileged")
        # A namespace at `baseline` gets more than it asks for rather than nothing.
        if level != "privileged" and (found := violations(spec)):
            version = labels.get(f"{_ENFORCE}-version", "latest")
            raise ForbiddenError(
                f'pods "{name}" is forbidden: violates PodSecurity "{level}:{version}": '
                + ", ".join(found),
                name=name,
            )
        return admitted

    def _check_service_account(self, namespace: str, account: str, name: str) -> None:
        if not service_account_exists(self._objects, namespace, account):
            raise ForbiddenError(
                f'pods "{name}" is forbidden: error looking up service account '
                f'{namespace}/{account}: serviceaccount "{account}" not found',
                name=name,
            )


def _pod(body: object) -> Pod:
    """A copy of the body, if it has the form of a pod at all."""
    if isinstance(body, Mapping) and (
        (body.get("kind", "Pod"), body.get("apiVersion", "v1")) == ("Pod", "v1")
        and all(isinstance(body.get(key), Mapping) for key in ("metadata", "spec"))
    ):
        return copy.deepcopy(dict(body))
    raise BadRequestError("the object provided is no Pod in version v1 with metadata and spec")


def _completed(pod: Pod, namespace: str) -> Pod:
    metadata, spec = pod["metadata"], pod["spec"]
    if metadata.get("namespace") not in (None, namespace):
        raise BadRequestError(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if metadata.get("resourceVersion"):
        raise BadRequestError("resourceVersion should not be set on objects to be created")
    for key in _SERVED:
        metadata.pop(key, None)
    metadata["namespace"] = namespace
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = f"{metadata['generateName']}{secrets.token_hex(3)[:5]}"
    metadata["name"] = metadata.get("name") or ""
    account = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = account
    spec["restartPolicy"] = spec.get("restartPolicy") or "Always"
    if spec.get("terminationGracePeriodSeconds") is None:
        spec["terminationGracePeriodSeconds"] = DEFAULT_GRACE_SECONDS
    return {**pod, "kind": "Pod", "apiVersion": "v1", "status": {"phase": "Pending"}}


def _validate(pod: Pod, name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > _NAME_LENGTH:
        raise _invalid(
            name,
            f'metadata.name: Invalid value: "{name}": a lowercase RFC 1123 subdomain must consist '
            "of lower case alphanumeric characters, '-' or '.', and must start and end with an "
            "alphanumeric character",
        )
    check_strings(pod, name)
    for key, value in (pod["metadata"].get("labels") or {}).items():
        if not _LABEL.fullmatch(value):
            raise _invalid(
                name,
                f'metadata.labels: Invalid value: "{value}": a valid label must be an empty string '
                "or consist of at most 63 alphanumeric characters, '-', '_' or '.', and must start "
                f"and end with an alphanumeric character (label {key})",
            )
    if not pod["spec"].get("containers"):
        raise _invalid(name, "spec.containers: Required value")
    seen: set[str] = set()
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(pod["spec"].get(kind) or ()):
            _validate_container(name, f"spec.{kind}[{index}]", container, seen)


def _validate_container(pod: str, path: str, container: object, seen: set[str]) -> None:
    if not isinstance(container, Mapping):
        raise BadRequestError(f"Pod in version v1 cannot be handled as a Pod: {path} is no object")
    name = container.get("name") or ""
    if not isinstance(name, str) or not _CONTAINER_NAME.fullmatch(name):
        raise _invalid(pod, f'{path}.name: Invalid value: "{name}": no lowercase RFC 1123 label')
    if name in seen:
        raise _invalid(pod, f'{path}.name: Duplicate value: "{name}"')
    if not container.get("image"):
        raise _invalid(pod, f"{path}.image: Required value")
    seen.add(name)


def _invalid(name: str, what: str) -> InvalidError:
    return InvalidError(f'Pod "{name}" is invalid: {what}', name=name)
