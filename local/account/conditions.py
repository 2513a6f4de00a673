"""The `Condition` element of IAM policies: operators, their variants, and what a missing key means.

Whatever is not known here raises `NotUnderstoodError`, so that the evaluator can refuse; nothing is
taken to hold because it was not understood.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from local.account.patterns import (
    Context,
    NotUnderstoodError,
    arn_glob,
    glob,
    literal,
    look_up,
)

# Compares the policy's text with the request's value.
Operator = Callable[[str, str, Context], bool]


def _text(wanted: str, given: str, context: Context) -> bool:
    return literal(wanted, context) == given


def _text_ignoring_case(wanted: str, given: str, context: Context) -> bool:
    return literal(wanted, context).casefold() == given.casefold()


def _truth(wanted: str, given: str, context: Context) -> bool:
    return literal(wanted, context).lower() == given.lower()


def _address(wanted: str, given: str, context: Context) -> bool:
    try:
        network = ipaddress.ip_network(literal(wanted, context), strict=False)
        return ipaddress.ip_address(given) in network
    except ValueError as error:
        raise NotUnderstoodError(f"an IP range that cannot be read: {error}") from None


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise NotUnderstoodError(f"{text!r} as a number") from None


def _moment(text: str) -> Decimal:
    """Seconds since 1970, from such a number or from an ISO 8601 date."""
    try:
        return Decimal(text)
    except InvalidOperation:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise NotUnderstoodError(f"{text!r} as a date") from None
    return Decimal((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _ordered(read: Callable[[str], Decimal], holds: Callable[[Decimal, Decimal], bool]) -> Operator:
    """An operator on numbers or dates; `holds` gets the request's value, then the policy's."""
    return lambda wanted, given, context: holds(read(given), read(literal(wanted, context)))


_OPERATORS: dict[str, Operator] = {
    "StringEquals": _text,
    "StringEqualsIgnoreCase": _text_ignoring_case,
    "StringLike": glob,
    "ArnEquals": arn_glob,
    "ArnLike": arn_glob,
    "Bool": _truth,
    "IpAddress": _address,
    **{
        f"{kind}{name}": _ordered(read, holds)
        for kind, read in (("Numeric", _number), ("Date", _moment))
        for name, holds in (
            ("Equals", lambda given, wanted: given == wanted),
            ("LessThan", lambda given, wanted: given < wanted),
            ("LessThanEquals", lambda given, wanted: given <= wanted),
            ("GreaterThan", lambda given, wanted: given > wanted),
            ("GreaterThanEquals", lambda given, wanted: given >= wanted),
        )
    },
}
_NEGATIONS = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NotIpAddress": "IpAddress",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
}


def holds(block: object, context: Context) -> bool:
    """Whether all conditions of a statement hold for a request.

    Raises:
        NotUnderstoodError: an operator, a key or a value is not known here.
    """
    if not isinstance(block, Mapping):
        raise NotUnderstoodError("a Condition that is no object")
    outcomes: list[bool] = []
    for operator, keys in block.items():
        if not isinstance(keys, Mapping):
            raise NotUnderstoodError(f"a {operator} that is no object")
        # All are evaluated, so that what is not understood is always found.
        outcomes.extend(_holds(operator, key, keys[key], context) for key in keys)
    return all(outcomes)


def _holds(operator: str, key: str, wanted: object, context: Context) -> bool:
    quantifier, colon, name = operator.rpartition(":")
    if colon and quantifier not in {"ForAllValues", "ForAnyValue"}:
        raise NotUnderstoodError(f"the condition operator {operator}")
    texts = _texts(wanted)
    given = look_up(key, context)
    if name == "Null" and not colon:
        return all((given is None) == _truth("true", text, context) for text in texts)
    optional = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    negated = name in _NEGATIONS
    compare = _OPERATORS.get(_NEGATIONS.get(name, name))
    if compare is None:
        raise NotUnderstoodError(f"the condition operator {operator}")
    if given is None:
        return optional or quantifier == "ForAllValues" or (negated and not colon)
    matches = [any(compare(text, value, context) for text in texts) for value in given]
    outcomes = [match != negated for match in matches]
    # Without a quantifier a value has to match, or, negated, none may.
    every = quantifier == "ForAllValues" or (negated and not colon)
    return all(outcomes) if every else any(outcomes)


def _texts(value: object) -> tuple[str, ...]:
    """The values that a policy lists for a key, as text."""
    if isinstance(value, bool):
        return (str(value).lower(),)
    if isinstance(value, str | int | float):
        return (str(value),)
    if isinstance(value, list):
        return tuple(text for item in value for text in _texts(item))
    raise NotUnderstoodError(f"a condition value of the type {type(value).__name__}")
