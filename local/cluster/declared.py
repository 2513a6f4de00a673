"""What the API has to know of the manifests: namespaces and service accounts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

Objects: TypeAlias = Callable[[str, str], list[dict[str, Any]]]
"""Gives the objects of a kind in a namespace ("" for those in none), as they are declared now."""


def namespace_labels(objects: Objects, name: str) -> dict[str, str] | None:
    """The labels of a namespace, or None when there is no such namespace."""
    for namespace in objects("Namespace", ""):
        if namespace["metadata"]["name"] == name:
            return namespace["metadata"].get("labels") or {}
    return None


def service_account_exists(objects: Objects, namespace: str, name: str) -> bool:
    """Tell whether a service account is there; each namespace has a `default` one by itself."""
    if name == "default":
        return namespace_labels(objects, namespace) is not None
    return any(one["metadata"]["name"] == name for one in objects("ServiceAccount", namespace))
