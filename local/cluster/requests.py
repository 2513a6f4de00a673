"""What a request to the Kubernetes API asks for: a verb on a resource, or a path.

Authorization and the handlers read a request through here only, so they cannot understand it in
two ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from local.cluster.errors import MethodNotAllowedError

_TRUE = ("1", "t", "T", "true", "True", "TRUE")
# For one object, and for a collection of them.
_VERBS: Mapping[str, tuple[str, str]] = {
    "GET": ("get", "list"),
    "HEAD": ("get", "list"),
    "POST": ("create", "create"),
    "PUT": ("update", "update"),
    "PATCH": ("patch", "patch"),
    "DELETE": ("delete", "deletecollection"),
}


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request as RBAC sees it.

    Attributes:
        verb: Kubernetes' verb; for a path the HTTP method in lower case.
        path: the path itself.
        resource: such as `pods`; "" when the request is about a path.
        subresource: such as `log`, or "".
        namespace: "" when it is about all namespaces.
        name: "" when it is about a collection.
    """

    verb: str
    path: str
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def full_resource(self) -> str:
        """The resource with its subresource, as roles name it."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def understand(method: str, path: str, query: Mapping[str, str]) -> Request:
    """Read a request's method, path and query.

    Raises:
        MethodNotAllowedError: Kubernetes knows no such method.
    """
    if method not in _VERBS:
        raise MethodNotAllowedError(
            "the server does not allow this method on the requested resource"
        )
    parts = path.strip("/").split("/")
    if parts[:2] != ["api", "v1"] or len(parts) < 3:
        return Request(verb=method.lower(), path=path)
    namespace, parts = "", parts[2:]
    if parts[0] == "namespaces" and len(parts) > 2:
        namespace, parts = parts[1], parts[2:]
    resource, name, *rest = (*parts, "") if len(parts) == 1 else parts
    of_one, of_many = _VERBS[method]
    verb = of_one if name else of_many
    if verb == "list" and is_true(query.get("watch", "")):
        verb = "watch"
    return Request(
        verb=verb,
        path=path,
        resource=resource,
        subresource="/".join(rest),
        namespace=namespace,
        name=name,
    )


def is_true(value: str) -> bool:
    """Read a boolean of a query string as Kubernetes does."""
    return value in _TRUE
