"""IAM documents in one form: what may be one or many is many, however it was written.

It judges nothing. What is no document has no statements here; `problems` says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from policies.values import Json

VERSION = "2012-10-17"
"""The only version in which IAM knows variables, and the only one it still means."""
NEGATED = ("NotAction", "NotPrincipal", "NotResource")
_ELEMENTS = frozenset({"Sid", "Effect", "Principal", "Action", "Resource", "Condition", *NEGATED})
# Operators that neither take wildcards for StringEquals nor let an absent key pass.
_WHOLE = frozenset({"stringequals", "arnequals"})


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A statement of a document.

    Attributes:
        label: what people call it.
        allows: whether it allows; only `Deny` does not.
        actions: in lower case, as IAM compares them.
        resources: ARNs and patterns of them.
        principals: pairs such as `("AWS", "arn:aws:iam::123456789012:root")`; a bare `*` is of AWS.
        conditions: operator in lower case, key in lower case, values.
        negated: its elements that say what is not meant.
    """

    label: str
    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    principals: tuple[tuple[str, str], ...]
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]
    negated: tuple[str, ...]

    def whole(self, key: str) -> tuple[str, ...]:
        """The values one of which a condition key has to have, where none has a wildcard."""
        return next(
            (
                values
                for operator, name, values in self.conditions
                if operator in _WHOLE and name == key.lower() and not any(map(is_pattern, values))
            ),
            (),
        )

    def of_service(self, service: str) -> bool:
        """Tell whether it names an action of a service; `*` is not of any."""
        return any(one.partition(":")[0] == service for one in self.actions)


def statements(document: Json) -> list[Statement]:
    """The statements of a document that was parsed; none where it is no document."""
    given = document.get("Statement") if isinstance(document, Mapping) else None
    return [
        _statement(number, one)
        for number, one in enumerate(given if isinstance(given, list) else [given], start=1)
        if isinstance(one, Mapping)
    ]


def allowing(document: Json) -> list[Statement]:
    """Those statements of a document that was parsed which allow."""
    return [one for one in statements(document) if one.allows]


def is_pattern(text: str) -> bool:
    """Tell whether a text has one of IAM's wildcards."""
    return "*" in text or "?" in text


def problems(document: Json, *needed: str) -> Iterator[str]:
    """Say what makes a document none that IAM understands, or none that can be judged here.

    Args:
        document: what was parsed.
        needed: elements that each statement has to have, such as `Action`.
    """
    if not isinstance(document, Mapping):
        yield "is no JSON object"
        return
    if document.get("Version") != VERSION:
        yield f"has the Version {document.get('Version')!r}, not {VERSION!r}"
    given = document.get("Statement")
    found = given if isinstance(given, list) else [given]
    if not found:
        yield "has no Statement"
    for number, one in enumerate(found, start=1):
        for problem in _statement_problems(one, needed):
            yield f"has a statement {number} {problem}"


def _statement_problems(one: Json, needed: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(one, Mapping):
        yield f"that is {one!r}, no object"
        return
    if unknown := sorted(set(map(str, one)) - _ELEMENTS):
        yield f"with {', '.join(unknown)}, which IAM does not know"
    if one.get("Effect") not in ("Allow", "Deny"):
        yield f"whose Effect is {one.get('Effect')!r}, neither 'Allow' nor 'Deny'"
    for element in needed:
        if not _texts(one.get(element)) and not one.get(f"Not{element}"):
            yield f"without {element}"
    for element in ("Action", "Resource"):
        given = one.get(element, [])
        if not all(
            isinstance(item, str) for item in (given if isinstance(given, list) else [given])
        ):
            yield f"whose {element} is {given!r}, not texts"
    if not isinstance(one.get("Condition", {}), Mapping):
        yield f"whose Condition is {one['Condition']!r}, no object"


def _statement(number: int, one: Mapping[str, Json]) -> Statement:
    return Statement(
        label=f"statement {one.get('Sid') or number}",
        allows=one.get("Effect") != "Deny",
        actions=tuple(text.lower() for text in _texts(one.get("Action"))),
        resources=_texts(one.get("Resource")),
        principals=tuple(_principals(one.get("Principal"))),
        conditions=tuple(_conditions(one.get("Condition"))),
        negated=tuple(element for element in NEGATED if element in one),
    )


def _principals(given: Json) -> Iterator[tuple[str, str]]:
    if isinstance(given, Mapping):
        for kind, values in given.items():
            yield from ((str(kind), text) for text in _texts(values))
    else:
        yield from (("AWS", text) for text in _texts(given))


def _conditions(given: Json) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for operator, keys in given.items() if isinstance(given, Mapping) else ():
        for key, values in keys.items() if isinstance(keys, Mapping) else ():
            yield str(operator).lower(), str(key).lower(), _texts(values)


def _texts(given: Json) -> tuple[str, ...]:
    """One or many as many; what is no text as it is written, so that nothing is overlooked."""
    if given is None or given == "":
        return ()
    return tuple(str(one) for one in (given if isinstance(given, list) else [given]))
