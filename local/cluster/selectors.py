"""Which pods a list or a watch is about: namespace, label selector, field selector.

The field selectors are those that Kubernetes has for pods; `<` and `>` on labels are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from local.cluster.errors import BadRequestError

_FIELDS = frozenset(
    {
        "metadata.name",
        "metadata.namespace",
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "status.phase",
        "status.podIP",
    }
)
_TERMS = re.compile(r",(?![^(]*\))")
_KEY = r"[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)?"
_EQUALITY = re.compile(rf"({_KEY})\s*(==|=|!=)\s*({_VALUE})")
_MEMBERSHIP = re.compile(rf"({_KEY})\s+(in|notin)\s*\(([^()]*)\)")
_EXISTENCE = re.compile(rf"(!?)\s*({_KEY})")
_FIELD = re.compile(r"([^!=\s]+)\s*(==|=|!=)\s*(.*)")


@dataclass(frozen=True)
class Requirement:
    """One term of a selector.

    Attributes:
        key: the label or the field.
        values: what its value is compared with; None asks only whether the label is there.
        wanted: False turns the answer round, so that an absent label satisfies it.
    """

    key: str
    values: frozenset[str] | None
    wanted: bool

    def met_by(self, values: Mapping[str, str]) -> bool:
        """Tell whether labels or fields satisfy it."""
        found = self.key in values and (self.values is None or values[self.key] in self.values)
        return found == self.wanted


@dataclass(frozen=True)
class Selection:
    """The pods that a request is about; one without arguments is about all pods."""

    namespace: str | None = None
    labels: tuple[Requirement, ...] = ()
    fields: tuple[Requirement, ...] = ()

    @classmethod
    def parse(
        cls, namespace: str | None = None, label_selector: str = "", field_selector: str = ""
    ) -> Self:
        """Read selectors as they stand in a query string.

        Raises:
            BadRequestError: a selector cannot be read, or names a field that pods have not.
        """
        return cls(
            namespace=namespace,
            labels=tuple(_label(term) for term in _split(label_selector)),
            fields=tuple(_field(term) for term in _split(field_selector)),
        )

    def matches(self, pod: Mapping[str, Any]) -> bool:
        """Tell whether the pod is among them."""
        metadata = pod["metadata"]
        if self.namespace is not None and metadata["namespace"] != self.namespace:
            return False
        labels = metadata.get("labels") or {}
        fields = {one.key: _value_at(pod, one.key) for one in self.fields}
        return all(one.met_by(labels) for one in self.labels) and all(
            one.met_by(fields) for one in self.fields
        )


def _split(selector: str) -> list[str]:
    return [term.strip() for term in _TERMS.split(selector)] if selector.strip() else []


def _label(term: str) -> Requirement:
    if match := _MEMBERSHIP.fullmatch(term):
        values = frozenset(value.strip() for value in match[3].split(","))
        if all(re.fullmatch(_VALUE, value) for value in values):
            return Requirement(match[1], values, wanted=match[2] == "in")
    elif match := _EQUALITY.fullmatch(term):
        return Requirement(match[1], frozenset({match[3]}), wanted=match[2] != "!=")
    elif match := _EXISTENCE.fullmatch(term):
        return Requirement(match[2], None, wanted=not match[1])
    raise BadRequestError(f"unable to parse requirement: {term!r} is no term of a label selector")


def _field(term: str) -> Requirement:
    match = _FIELD.fullmatch(term)
    if match is None:
        raise BadRequestError(f"invalid field selector: {term!r} is no term of a field selector")
    if match[1] not in _FIELDS:
        raise BadRequestError(f"field label not supported: {match[1]}")
    return Requirement(match[1], frozenset({match[3]}), wanted=match[2] != "!=")


def _value_at(pod: Mapping[str, Any], path: str) -> str:
    """The field's value; Kubernetes takes one that is not set for an empty one."""
    part, name = path.split(".")
    return str((pod.get(part) or {}).get(name) or "")
