"""How IAM policies write patterns: `*`, `?` and `${variables}`, in plain text and in ARNs.

It compares text; which text belongs to a request is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

# What the account knows of a request: lower-case condition key -> its value, its values, or None
# where the key is known and the request has none.
Context = Mapping[str, str | Sequence[str] | None]

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_ARN_PARTS = 6


class NotUnderstoodError(Exception):
    """A policy uses something that is not known here; its text completes "it uses ..."."""


def look_up(key: str, context: Context) -> tuple[str, ...] | None:
    """Find the values of a condition key, whose case does not matter; None when it has none.

    Raises:
        NotUnderstoodError: the key is one that this account never has a value for.
    """
    name = key.lower()
    family = f"{name.partition('/')[0]}/*"
    if name not in context and family not in context:
        raise NotUnderstoodError(f"the condition key {key}")
    value = context.get(name)
    if value is None:
        return None
    return (value,) if isinstance(value, str) else tuple(value)


def expand(text: str, context: Context) -> list[tuple[str, bool]]:
    """Split a policy's text at its variables: pieces, and whether wildcards count in a piece.

    Raises:
        NotUnderstoodError: a variable has no value, or more than one.
    """
    pieces: list[tuple[str, bool]] = []
    position = 0
    for found in _VARIABLE.finditer(text):
        pieces.append((text[position : found.start()], True))
        pieces.append((_value(found[1], context), False))
        position = found.end()
    pieces.append((text[position:], True))
    return pieces


def _value(variable: str, context: Context) -> str:
    if variable in {"*", "?", "$"}:
        return variable
    name, comma, default = variable.partition(",")
    values = look_up(name.strip(), context)
    if values is None and comma:
        return default.strip().strip("'")
    if values is None or len(values) != 1:
        raise NotUnderstoodError(f"the variable ${{{variable}}}, which has no single value here")
    return values[0]


def literal(text: str, context: Context) -> str:
    """A policy's text with its variables filled in, for operators without wildcards."""
    return "".join(piece for piece, _ in expand(text, context))


def glob(text: str, value: str, context: Context) -> bool:
    """Whether `value` matches a policy's text, in which `*` and `?` match any character."""
    return _matches(expand(text, context), value)


def arn_glob(text: str, value: str, context: Context) -> bool:
    """As `glob`, but a wildcard stays within its part of the ARN; only the last part has colons."""
    wanted = _split(expand(text, context))
    given = value.split(":", _ARN_PARTS - 1)
    if len(wanted) != _ARN_PARTS or len(given) != _ARN_PARTS:
        return False
    return all(_matches(pieces, part) for pieces, part in zip(wanted, given, strict=True))


def _split(pieces: list[tuple[str, bool]]) -> list[list[tuple[str, bool]]]:
    """Split the pieces of an ARN at its first five colons."""
    parts: list[list[tuple[str, bool]]] = [[]]
    for text, wild in pieces:
        head, *rest = text.split(":", _ARN_PARTS - len(parts))
        parts[-1].append((head, wild))
        parts.extend([(tail, wild)] for tail in rest)
    return parts


def _matches(pieces: list[tuple[str, bool]], value: str) -> bool:
    expression = "".join(
        re.escape(text).replace(r"\*", ".*").replace(r"\?", ".") if wild else re.escape(text)
        for text, wild in pieces
    )
    return re.fullmatch(expression, value, re.DOTALL) is not None
