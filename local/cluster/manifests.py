"""The objects that the cluster is to hold, read from a folder of YAML files.

It looks at kinds and names only: what is in the objects is checked by those who use it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import yaml

from local.cluster.place import ClusterError

Object = dict[str, Any]
"""A Kubernetes object as JSON."""
_NEEDED = ("apiVersion", "kind")
# Written in C where libyaml is there; a manifest of a few hundred kB takes a second without it.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Manifests:
    """Kubernetes objects by kind, namespace and name.

    Args:
        objects: each with its kind and its metadata.
    """

    def __init__(self, objects: Mapping[tuple[str, str, str], Object]) -> None:
        self._objects = objects

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read every `*.yaml` in and below `folder`.

        Raises:
            ClusterError: the folder is missing, a file is no manifest, or two are of one object.
        """
        if not folder.is_dir():
            raise ClusterError(f"There is no folder {folder} with manifests: deploy first.")
        objects: dict[tuple[str, str, str], Object] = {}
        for file in sorted(folder.rglob("*.yaml")):
            for entry in _objects(file):
                key = _key(entry, file)
                if key in objects:
                    raise ClusterError(
                        f"{file}: {key[0]} {key[2]!r} of namespace {key[1]!r} is declared twice; "
                        "remove one of the two."
                    )
                objects[key] = entry
        return cls(objects)

    def all(self, kind: str) -> list[Object]:
        """All objects of a kind."""
        return [entry for (its_kind, _, _), entry in self._objects.items() if its_kind == kind]

    def within(self, kind: str, namespace: str) -> list[Object]:
        """The objects of a kind in a namespace; "" for those that are in none."""
        return [
            entry
            for (its_kind, its_namespace, _), entry in self._objects.items()
            if (its_kind, its_namespace) == (kind, namespace)
        ]

    def find(self, kind: str, namespace: str, name: str) -> Object | None:
        """One object, or None; for objects without namespace it is the empty one."""
        return self._objects.get((kind, namespace, name))

    def replaced(self, kind: str, change: Callable[[Object], Object]) -> Manifests:
        """The same objects, those of a kind as `change` returns them."""
        return Manifests(
            {key: change(one) if key[0] == kind else one for key, one in self._objects.items()}
        )

    def namespaces(self) -> set[str]:
        """Every namespace that an object is in, or that is declared."""
        declared = {entry["metadata"]["name"] for entry in self.all("Namespace")}
        return declared | {namespace for _, namespace, _ in self._objects if namespace}


def data_of(entry: Object) -> dict[str, str | bytes]:
    """The content of a ConfigMap or a secret."""
    data = entry.get("data") or {}
    if entry["kind"] == "ConfigMap":
        binary = entry.get("binaryData") or {}
        return {**data, **{key: base64.b64decode(value) for key, value in binary.items()}}
    decoded = {key: base64.b64decode(value) for key, value in data.items()}
    return {**decoded, **(entry.get("stringData") or {})}


def digest(value: object) -> str:
    """A short name of `value`'s content, the same on every run; 10 characters."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _objects(file: Path) -> Iterator[Object]:
    """The objects of a file, which may hold several documents, and lists of objects."""
    try:
        documents = list(yaml.load_all(file.read_text("utf-8"), Loader=_Loader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ClusterError(f"{file} is no YAML ({reason}): mend or remove it.") from None
    for document in documents:
        if document is None:
            continue
        if isinstance(document, dict) and document.get("kind") == "List":
            yield from document.get("items") or []
        else:
            yield document


def _key(entry: object, file: Path) -> tuple[str, str, str]:
    if isinstance(entry, dict):
        metadata = entry.get("metadata")
        if all(entry.get(name) for name in _NEEDED) and isinstance(metadata, dict):
            name, namespace = metadata.get("name"), metadata.get("namespace") or ""
            if name:
                return str(entry["kind"]), str(namespace), str(name)
    raise ClusterError(
        f"{file} holds something without apiVersion, kind or metadata.name, so it is no "
        "Kubernetes object: mend or remove it."
    )
