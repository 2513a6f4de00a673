"""Values of a resource's properties: what is absent, null, zero or not yet known is told apart.

In a preview the engine sends a marker for each value that only the provider can tell. Whoever asks
for such a value here gets `NotYetKnownError`, never the marker, so that no rule compares with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

Json: TypeAlias = Any
"""`None`, `bool`, `int`, `float`, `str`, or a list or dict of these."""

# Fixed by the engine's protocol, one for each kind of value.
MARKERS = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The marker that tests use; it stands for a text."""


class NotYetKnownError(Exception):
    """A value that only the provider can tell was asked for.

    Attributes:
        path: the property, such as `vpcConfig.subnetIds`.
    """

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is not yet known")
        self.path = path


def is_unknown(value: Json) -> bool:
    """Tell whether a value itself is not yet known; one inside it may be."""
    return isinstance(value, str) and value in MARKERS


def contains_unknown(value: Json) -> bool:
    """Tell whether a value, or anything inside it, is not yet known."""
    return any(is_unknown(one) for _, one in leaves(value))


def look_up(properties: Json, path: str) -> Json:
    """Return what is at a path of keys; None where it is absent or null.

    Raises:
        NotYetKnownError: it, or something that it is part of, is not yet known.
    """
    value, seen = properties, []
    for key in path.split("."):
        seen.append(key)
        value = value.get(key) if isinstance(value, Mapping) else None
        if is_unknown(value):
            raise NotYetKnownError(".".join(seen))
    return value


def known(value: Json, path: str) -> Json:
    """Return a value all of which is known.

    Raises:
        NotYetKnownError: something inside it is not.
    """
    for below, one in leaves(value, path):
        if is_unknown(one):
            raise NotYetKnownError(below)
    return value


def leaves(value: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """Each value that holds no other, with its path; an item of a list by its number."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from leaves(item, f"{path}.{number}" if path else str(number))
    else:
        yield path, value


def parsed(text: Json, path: str) -> Json:
    """Return the JSON document in a text; None where it is none.

    Raises:
        NotYetKnownError: a part of it is not yet known.
    """
    if not isinstance(text, str):
        return None
    if any(marker in text for marker in MARKERS):
        raise NotYetKnownError(path)
    try:
        return json.loads(text)
    except ValueError:
        return None
