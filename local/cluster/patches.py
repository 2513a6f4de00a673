"""Patches of a pod: strategic merge, JSON merge (RFC 7396) and JSON patch (RFC 6902).

Only a pod's labels and annotations and the like can be changed, so a strategic merge needs no
rules for the lists of a spec: it is a JSON merge here, and its directives are refused.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from local.cluster.errors import (
    BadRequestError,
    ConflictError,
    InvalidError,
    UnsupportedMediaTypeError,
)

Json: TypeAlias = Any
"""What a request's body holds, once parsed."""

STRATEGIC_MERGE = "application/strategic-merge-patch+json"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
KINDS = (JSON_PATCH, MERGE, STRATEGIC_MERGE)

_FIXED = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp")
_SERVED = ("resourceVersion", "deletionGracePeriodSeconds")


def patched(pod: Mapping[str, Any], patch: Json, kind: str) -> dict[str, Any]:
    """Return the pod as the patch makes it.

    Args:
        pod: stays as it is.
        patch: a dict, or a list of operations for a JSON patch.
        kind: its media type.

    Raises:
        UnsupportedMediaTypeError: the kind is none of the three.
        BadRequestError: the patch is not of the form that its kind asks for.
        ConflictError: it names another `uid` or `resourceVersion` than the pod's.
        InvalidError: it changes what cannot be changed.
    """
    if kind not in KINDS:
        raise UnsupportedMediaTypeError(
            "the body of the request was in an unknown format - accepted media types include: "
            + ", ".join(KINDS)
        )
    after: Json = copy.deepcopy(dict(pod))
    if kind == JSON_PATCH and isinstance(patch, list):
        after = _operate(after, patch)
    elif kind != JSON_PATCH and isinstance(patch, dict):
        if kind == STRATEGIC_MERGE:
            _refuse_directives(patch)
        after = _merge(after, patch)
    else:
        raise BadRequestError(f"a patch of type {kind} has another form")
    _check(pod, after)
    # A pod's status has a writer of its own, the node.
    return {**after, "status": copy.deepcopy(pod.get("status", {}))}


def _check(old: Mapping[str, Any], new: Json) -> None:
    name = old["metadata"]["name"]
    if not isinstance(new, dict) or not isinstance(new.get("metadata"), dict):
        raise InvalidError(f'Pod "{name}" is invalid: metadata: Required value', name=name)
    was, now = old["metadata"], new["metadata"]
    if now.get("resourceVersion") != was["resourceVersion"]:
        raise ConflictError(
            f'Operation cannot be fulfilled on pods "{name}": the object has been modified; '
            "please apply your changes to the latest version and try again",
            name=name,
        )
    if now.get("uid") != was["uid"]:
        raise ConflictError(
            f'Operation cannot be fulfilled on pods "{name}": Precondition failed: UID in '
            f"precondition: {now.get('uid')}, UID in object meta: {was['uid']}",
            name=name,
        )
    for key in (*_FIXED, *_SERVED):
        if now.get(key) != was.get(key):
            raise InvalidError(
                f'Pod "{name}" is invalid: metadata.{key}: Invalid value: field is immutable',
                name=name,
            )
    if any(new.get(key) != old.get(key) for key in ("kind", "apiVersion", "spec")):
        raise InvalidError(
            f'Pod "{name}" is invalid: spec: Forbidden: pod updates may not change fields other '
            "than metadata on this node",
            name=name,
        )
    check_strings(new, name)


def check_strings(pod: Mapping[str, Any], name: str) -> None:
    """Check that labels and annotations are strings by strings.

    Raises:
        BadRequestError: they are not.
    """
    for key in ("labels", "annotations"):
        values = pod["metadata"].get(key)
        if values is not None and not (
            isinstance(values, dict) and all(isinstance(value, str) for value in values.values())
        ):
            raise BadRequestError(
                f"Pod in version v1 cannot be handled as a Pod: metadata.{key}: "
                "every value has to be a string",
                name=name,
            )


def _refuse_directives(patch: Json) -> None:
    if isinstance(patch, dict):
        for key, value in patch.items():
            if key.startswith("$"):
                raise BadRequestError(f"the directive {key} of a strategic merge is not served")
            _refuse_directives(value)


def _merge(document: Json, patch: Json) -> Json:
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge(merged.get(key), value)
    return merged


def _operate(document: Json, operations: list[Json]) -> Json:
    for index, operation in enumerate(operations):
        try:
            *path, last = (
                part.replace("~1", "/").replace("~0", "~")
                for part in operation["path"].split("/")[1:]
            )
            holder = document
            for part in path:
                holder = holder[_index(holder, part)]
            _OPERATIONS[operation["op"]](holder, last, operation)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise InvalidError(
                "the server rejected our request due to an error in our request: "
                f"operation {index} of the patch"
            ) from error
    return document


def _index(holder: Json, part: str) -> str | int:
    return int(part) if isinstance(holder, list) else part


def _add(holder: Json, part: str, operation: Mapping[str, Any]) -> None:
    if isinstance(holder, list):
        holder.insert(len(holder) if part == "-" else int(part), operation["value"])
    else:
        holder[part] = operation["value"]


def _replace(holder: Json, part: str, operation: Mapping[str, Any]) -> None:
    holder[_index(holder, part)]  # what is replaced has to be there
    holder[_index(holder, part)] = operation["value"]


def _remove(holder: Json, part: str, _: Mapping[str, Any]) -> None:
    del holder[_index(holder, part)]


def _test(holder: Json, part: str, operation: Mapping[str, Any]) -> None:
    if holder[_index(holder, part)] != operation["value"]:
        raise ValueError("another value")


_OPERATIONS: Mapping[str, Callable[[Json, str, Mapping[str, Any]], None]] = {
    "add": _add,
    "replace": _replace,
    "remove": _remove,
    "test": _test,
}
