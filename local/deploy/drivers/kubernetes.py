"""Kubernetes objects, written as manifests the way the plugin does it with `renderYamlToDirectory`.

One file per object in `1-manifest`; nothing here talks to a cluster. Manifests are read by people
and by whatever applies them, so a secret in one is refused.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

import yaml
from typing_extensions import override

from local.deploy import wire
from local.deploy.drivers.base import Driver, DriverError, Made

if TYPE_CHECKING:
    from pathlib import Path

    from local.deploy.target import Target
    from local.deploy.wire import Properties

FOLDER_INPUT = "renderYamlToDirectory"
MANIFESTS = "1-manifest"
_ENVELOPE = frozenset({"apiVersion", "kind", "metadata"})
_IDENTITY = frozenset({"metadata.name", "metadata.namespace"})
# Values belong to their owner alone, as the plugin writes them.
_FOLDER_MODE, _FILE_MODE = 0o700, 0o600


class Manifest(Driver):
    """An object that is nothing but a `spec`, and what all kinds share."""

    inputs = _ENVELOPE | {"spec"}
    replace = _IDENTITY
    repeatable = True

    @override
    def refusal(self, inputs: Properties, provider: Properties) -> str:
        metadata = inputs.get("metadata") or {}
        if not metadata.get("name"):
            return "metadata.name is needed: this engine does not choose names"
        if wire.contains_secret(inputs):
            return "a secret would be readable in its manifest: let the pod fetch it itself"
        if not provider:
            return "no provider: hand an explicit kubernetes.Provider down"
        return ""

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        file = _file(target, inputs)
        file.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        # A name of its own: two of one name are made at once, and then one is refused.
        new = file.with_suffix(f".{secrets.token_hex(4)}.new")
        new.touch(mode=_FILE_MODE)
        new.write_text(text(inputs), encoding="utf-8")
        # Whoever reads the folder meanwhile finds the old manifest or the new one, whole.
        new.replace(file)
        metadata = inputs["metadata"]
        namespace = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
        return Made(id=f"{namespace}{metadata['name']}")

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        return self.create(target, new)

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        _file(target, inputs).unlink(missing_ok=True)


class ConfigMap(Manifest):
    """Configuration; changed in place, which the provider has to be asked for."""

    inputs = _ENVELOPE | {"binaryData", "data", "immutable"}


class ServiceAccount(Manifest):
    """The identity of pods."""

    inputs = _ENVELOPE | {"automountServiceAccountToken", "imagePullSecrets", "secrets"}


class Service(Manifest):
    """A name and an address for pods."""

    replace = _IDENTITY | {"spec.clusterIP"}


class Deployment(Manifest):
    """Pods that are kept running; which ones are its own cannot change."""

    replace = _IDENTITY | {"spec.selector"}


class Job(Manifest):
    """Pods that run to their end; what they run cannot change."""

    replace = _IDENTITY | {
        f"spec.{name}" for name in ("completions", "parallelism", "selector", "template")
    }


class Role(Manifest):
    """What may be done in a namespace."""

    inputs = _ENVELOPE | {"rules"}


class RoleBinding(Manifest):
    """Who has a role; which one cannot change."""

    inputs = _ENVELOPE | {"roleRef", "subjects"}
    replace = _IDENTITY | {"roleRef"}


def text(inputs: Properties) -> str:
    """Return an object as block YAML with sorted keys, texts of several lines as they are."""
    return str(yaml.dump(inputs, Dumper=_Dumper, allow_unicode=True, width=_NO_FOLDING))


# Longer than any line: a folded text is harder to read and to search.
_NO_FOLDING = 1_000_000


class _Dumper(yaml.SafeDumper):
    """Quotes also what only YAML 1.2 takes for a number: others read such a text as one."""


def _text_node(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text_node)
_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)([eE][-+]?\d+)?$|0o[0-7]+$"),
    list("-+.0123456789"),
)


def _file(target: Target, inputs: Properties) -> Path:
    folder = target.provider.get(FOLDER_INPUT)
    if not folder:
        raise DriverError("no provider that renders manifests: set render_yaml_to_directory")
    metadata = inputs["metadata"]
    version = inputs["apiVersion"].replace("/", "_").replace(":", "_")
    namespace = metadata.get("namespace") or "default"
    name = f"{version}-{inputs['kind'].lower()}-{namespace}-{metadata['name']}.yaml"
    path: Path = target.root / folder / MANIFESTS / name
    return path
