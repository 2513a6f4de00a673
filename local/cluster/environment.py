"""A container's environment: what its manifest says, on top of what every container has.

Nothing of the node's own environment gets in. Service links (`X_SERVICE_HOST` of every Service) and
resource fields are not served.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from local.cluster.manifests import data_of
from local.cluster.place import ClusterError

if TYPE_CHECKING:
    from local.cluster.manifests import Manifests, Object

_REFERENCE = re.compile(r"\$(\$|\(([-._a-zA-Z][-._a-zA-Z0-9]*)\))")
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")
_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.podIP",
)


def container_environment(
    pod: Object,
    container: Object,
    base: Mapping[str, str],
    manifests: Manifests,
    translate: Callable[[str], str],
) -> dict[str, str]:
    """All variables of a container.

    Args:
        pod: the pod, with its addresses in its status.
        container: one of its containers.
        base: what every container has; the manifest's come over it.
        manifests: where ConfigMaps and secrets are.
        translate: gives a literal text the meaning it has here.

    Raises:
        ClusterError: a variable comes from something that does not exist.
    """
    namespace, values = pod["metadata"]["namespace"], dict(base)
    for source in container.get("envFrom") or []:
        for key, value in _all_of(source, namespace, manifests).items():
            values[source.get("prefix", "") + key] = translate(value)
    for variable in container.get("env") or []:
        source = variable.get("valueFrom")
        if source is None:
            literal = translate(variable.get("value") or "")
            values[variable["name"]] = expand(literal, values)
        elif "fieldRef" in source:
            values[variable["name"]] = field_value(pod, source["fieldRef"]["fieldPath"])
        else:
            found = _one_of(source, namespace, manifests)
            if found is not None:
                values[variable["name"]] = translate(found)
    return values


def expand(text: str, values: Mapping[str, str]) -> str:
    """Put variables in for `$(NAME)`; `$$` is a dollar sign, an unknown name stays as it is."""

    def replacement(found: re.Match[str]) -> str:
        return "$" if found[1] == "$" else values.get(found[2], found[0])

    return _REFERENCE.sub(replacement, text)


def field_value(pod: Object, path: str) -> str:
    """A field of the pod, as `fieldRef` names it.

    Raises:
        ClusterError: there is no such field, or this node does not have it.
    """
    subscript = _SUBSCRIPT.fullmatch(path)
    if subscript:
        return str((pod["metadata"].get(subscript[1]) or {}).get(subscript[2], ""))
    if path not in _FIELDS:
        raise ClusterError(
            f"fieldRef {path!r} is not one of {', '.join(_FIELDS)}, metadata.labels['...'] and "
            "metadata.annotations['...']"
        )
    section, name = path.split(".")
    return str((pod.get(section) or {}).get(name, ""))


def _all_of(source: Object, namespace: str, manifests: Manifests) -> dict[str, str]:
    for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
        if key in source:
            reference = source[key]
            entry = manifests.find(kind, namespace, reference["name"])
            if entry is not None:
                return _texts(entry)
            if reference.get("optional"):
                return {}
            raise ClusterError(f'{kind.lower()} "{reference["name"]}" not found')
    raise ClusterError(f"envFrom takes configMapRef or secretRef, not {', '.join(source)}")


def _one_of(source: Object, namespace: str, manifests: Manifests) -> str | None:
    for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        if key in source:
            reference = source[key]
            entry = manifests.find(kind, namespace, reference["name"])
            value = _texts(entry).get(reference["key"]) if entry else None
            if value is None and not reference.get("optional"):
                raise ClusterError(
                    f"couldn't find key {reference['key']} in {kind} "
                    f"{namespace}/{reference['name']}"
                )
            return value
    raise ClusterError(
        f"valueFrom takes configMapKeyRef, fieldRef or secretKeyRef, not {', '.join(source)}"
    )


def _texts(entry: Object) -> dict[str, str]:
    return {
        key: value if isinstance(value, str) else value.decode()
        for key, value in data_of(entry).items()
    }
