"""The pods that a resource starts: of each kind of workload, and of a template that is a file.

Nothing is judged here. What is not of the form that Kubernetes knows is passed over; a rule of
`workloads` refuses it, so that no other has to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import yaml

from policies.resources import Resource, Stack
from policies.values import MARKERS, Json, NotYetKnownError, is_unknown, look_up

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
JOB = "kubernetes:batch/v1:Job"
STATEFUL_SET = "kubernetes:apps/v1:StatefulSet"
DAEMON_SET = "kubernetes:apps/v1:DaemonSet"

# Where each kind has its pod.
_POD_AT = {
    DEPLOYMENT: "spec.template",
    JOB: "spec.template",
    STATEFUL_SET: "spec.template",
    DAEMON_SET: "spec.template",
    "kubernetes:apps/v1:ReplicaSet": "spec.template",
    "kubernetes:batch/v1:CronJob": "spec.jobTemplate.spec.template",
    "kubernetes:core/v1:Pod": "",
    "kubernetes:core/v1:PodTemplate": "template",
    "kubernetes:core/v1:ReplicationController": "spec.template",
}
WORKLOADS = tuple(_POD_AT)
"""The kinds that start pods."""
POD_SOURCES = (*WORKLOADS, CONFIG_MAP)
"""Those, and ConfigMaps: the pods of tasks are made from a file in one."""

CONTAINERS = ("initContainers", "containers", "ephemeralContainers")


@dataclass(frozen=True)
class Part:
    """A part of a resource.

    Attributes:
        values: what is in it.
        path: where it is.
    """

    values: Json
    path: str

    def value(self, path: str) -> Json:
        """Return what is at a path; None where it is absent or null.

        Raises:
            NotYetKnownError: it is not yet known.
        """
        try:
            return look_up(self.values, path)
        except NotYetKnownError as error:
            raise NotYetKnownError(self._at(error.path)) from None

    def mapping(self, path: str) -> dict[str, Json]:
        """Return what is at a path, each value known or not; empty where it is no mapping."""
        value = self.value(path)
        return dict(value) if isinstance(value, Mapping) else {}

    def items(self, path: str) -> list[Json]:
        """Return the items of a list; empty where it is none.

        Raises:
            NotYetKnownError: the list, or one of them, is not yet known.
        """
        return [one.values for one in self._items(path)]

    def parts(self, path: str) -> Iterator[Part]:
        """The items of a list that hold values themselves."""
        return (one for one in self._items(path) if isinstance(one.values, Mapping))

    def _items(self, path: str) -> Iterator[Part]:
        value = self.value(path)
        for number, item in enumerate(value if isinstance(value, list) else ()):
            where = self._at(f"{path}.{number}")
            if is_unknown(item):
                raise NotYetKnownError(where)
            yield Part(item, where)

    def _at(self, path: str) -> str:
        return f"{self.path}.{path}" if self.path else path


@dataclass(frozen=True)
class Container(Part):
    """A container of a pod.

    Attributes:
        kind: the list that it is in, one of `CONTAINERS`.
    """

    kind: str

    @property
    def label(self) -> str:
        """What people call it."""
        return f"container {self.values.get('name')}"


@dataclass(frozen=True)
class Pod:
    """A pod, or what pods are made from.

    Attributes:
        metadata: its labels and annotations.
        spec: what runs in it.
        namespace: of the resource that starts it.
    """

    metadata: Part
    spec: Part
    namespace: Json

    @property
    def containers(self) -> Iterator[Container]:
        """All of them, those that run first before the others."""
        for kind in CONTAINERS:
            for one in self.spec.parts(kind):
                yield Container(one.values, one.path, kind)

    @property
    def labels(self) -> dict[str, Json]:
        """Its labels."""
        return self.metadata.mapping("labels")

    @property
    def component(self) -> str:
        """Which component of Airflow it is by its label, as in the official chart."""
        return str(self.labels.get("component"))

    def secured(self, container: Container, key: str) -> Json:
        """What holds for a container: its own security context, or else the pod's."""
        own = container.value(f"securityContext.{key}")
        return self.spec.value(f"securityContext.{key}") if own is None else own


def part_of(resource: Resource, path: str = "") -> Part:
    """Return what a resource has at a path, or all of it."""
    return Part(resource.value(path) if path else resource.properties, path)


def pods_of(resource: Resource) -> Iterator[Pod]:
    """The pods that a resource starts: one for a workload, those in the files of a ConfigMap.

    Raises:
        NotYetKnownError: where the pod has to be, nothing is known.
    """
    namespace = resource.value("metadata.namespace")
    if resource.type == CONFIG_MAP:
        for path, values in _in_files(resource):
            metadata, spec = values.get("metadata"), values.get("spec")
            yield Pod(Part(metadata, path), Part(spec, path), namespace)
    elif resource.type in _POD_AT:
        at = _POD_AT[resource.type]
        metadata, spec = (f"{at}.{key}".lstrip(".") for key in ("metadata", "spec"))
        yield Pod(part_of(resource, metadata), part_of(resource, spec), namespace)


def environment(stack: Stack, pod: Pod, container: Container) -> dict[str, Json]:
    """Return the variables of a container: those of ConfigMaps, and over them its own.

    A value may be unknown; one that comes from elsewhere is what says from where.
    """
    found: dict[str, Json] = {}
    for source in container.parts("envFrom"):
        wanted = (source.value("configMapRef.name"), pod.namespace)
        prefix = source.value("prefix") or ""
        for one in stack.of(CONFIG_MAP):
            if (one.value("metadata.name"), one.value("metadata.namespace")) == wanted:
                data = one.value("data")
                known = data.items() if isinstance(data, Mapping) else ()
                found |= {f"{prefix}{key}": value for key, value in known}
    for variable in container.parts("env"):
        values = variable.values
        found[str(variable.value("name"))] = values.get("value", values.get("valueFrom"))
    return found


def _in_files(config_map: Resource) -> Iterator[tuple[str, Mapping[str, Json]]]:
    data = config_map.value("data")
    for key, text in data.items() if isinstance(data, Mapping) else ():
        if str(key).endswith((".yaml", ".yml", ".json")) and isinstance(text, str):
            path = f"data.{key}"
            if any(marker in text for marker in MARKERS):
                raise NotYetKnownError(path)
            yield from ((path, one) for one in _pods(text))


@lru_cache(maxsize=64)
def _pods(text: str) -> tuple[Mapping[str, Json], ...]:
    """Return the pods in a file; it is read anew by each rule, and nobody changes what is in it."""
    try:
        documents = list(yaml.safe_load_all(text))
    except yaml.YAMLError:
        return ()
    return tuple(
        one for one in documents if isinstance(one, Mapping) and str(one.get("kind")) == "Pod"
    )
