"""What a caller may do: the Roles and RoleBindings of the manifests, nothing more.

Cluster roles and their bindings are left out: nothing that runs in the cluster gets rights beyond
its namespace, so a binding to a cluster role gives none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from local.cluster.declared import Objects
from local.cluster.errors import ForbiddenError
from local.cluster.requests import Request
from local.cluster.tokens import MASTERS, User

_GROUP = "rbac.authorization.k8s.io"
# What every caller may read, by Kubernetes' own role `system:discovery`.
_DISCOVERY = ("/version", "/api", "/api/v1", "/apis")


class Authorizer:
    """Decides by what is declared at the moment of the request.

    Args:
        objects: what is declared.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def authorize(self, user: User, request: Request) -> None:
        """Let a request pass.

        Raises:
            ForbiddenError: no role allows it; in Kubernetes' own words.
        """
        if MASTERS in user.groups:
            return
        if not request.resource:
            if request.verb == "get" and request.path.rstrip("/") in _DISCOVERY:
                return
            raise ForbiddenError(
                f'forbidden: User "{user.name}" cannot {request.verb} path "{request.path}"'
            )
        if not any(_allows(rule, request) for rule in self._rules(user, request.namespace)):
            raise _forbidden(user, request)

    def _rules(self, user: User, namespace: str) -> Iterable[Mapping[str, Any]]:
        """The rules of all roles that a binding in the namespace gives to the user."""
        if not namespace:
            return
        roles = {one["metadata"]["name"]: one for one in self._objects("Role", namespace)}
        for binding in self._objects("RoleBinding", namespace):
            reference = binding["roleRef"]
            if reference["kind"] == "Role" and any(
                _is_subject(one, user) for one in binding.get("subjects") or ()
            ):
                yield from roles.get(reference["name"], {}).get("rules") or ()


def _is_subject(subject: Mapping[str, Any], user: User) -> bool:
    kind, name = subject["kind"], subject["name"]
    if kind == "ServiceAccount":
        return user.name == f"system:serviceaccount:{subject.get('namespace')}:{name}"
    if subject.get("apiGroup") != _GROUP:
        return False
    return name in user.groups if kind == "Group" else kind == "User" and name == user.name


def _allows(rule: Mapping[str, Any], request: Request) -> bool:
    names = rule.get("resourceNames")
    return (
        _has(rule, "apiGroups", "")
        and _has(rule, "verbs", request.verb)
        and (_has(rule, "resources", request.full_resource) or _has_subresource(rule, request))
        and (not names or request.name in names)
    )


def _has(rule: Mapping[str, Any], key: str, value: str) -> bool:
    return bool({"*", value} & set(rule.get(key) or ()))


def _has_subresource(rule: Mapping[str, Any], request: Request) -> bool:
    subresource = f"*/{request.subresource}"
    return bool(request.subresource) and subresource in (rule.get("resources") or ())


def _forbidden(user: User, request: Request) -> ForbiddenError:
    what = f'{request.resource} "{request.name}"' if request.name else request.resource
    where = (
        f'in the namespace "{request.namespace}"' if request.namespace else "at the cluster scope"
    )
    return ForbiddenError(
        f'{what} is forbidden: User "{user.name}" cannot {request.verb} resource '
        f'"{request.full_resource}" in API group "" {where}',
        name=request.name,
    )
