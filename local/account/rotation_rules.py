"""How often a secret is rotated: Secrets Manager's rules, checked, and what they come to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from moto.secretsmanager.exceptions import InvalidParameterException

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moto.secretsmanager.models import FakeSecret

_RATE = re.compile(r"rate\((\d+) (hour|day)s?\)")
_HOUR, _DAY = 3600, 86400
_LONGEST_DAYS = 1000


def rules_of(given: Mapping[str, Any] | None, secret: FakeSecret) -> Mapping[str, Any]:
    """The rules that a call gives; those that a secret has when it gives none."""
    known: Mapping[str, Any] = getattr(secret, "rotation_rules", None) or {}
    rules = dict(given) if given else known
    if not rules:
        raise InvalidParameterException("RotationRules: give days or a schedule expression.")
    if "AutomaticallyAfterDays" in rules and "ScheduleExpression" in rules:
        raise InvalidParameterException(
            "You can't specify both AutomaticallyAfterDays and ScheduleExpression."
        )
    interval(rules)
    return rules


def interval(rules: Mapping[str, Any]) -> int | None:
    """Seconds from one rotation to the next; None without a schedule."""
    days = rules.get("AutomaticallyAfterDays")
    if days is not None:
        if not 1 <= int(days) <= _LONGEST_DAYS:
            raise InvalidParameterException(
                f"RotationRules.AutomaticallyAfterDays must be within 1-{_LONGEST_DAYS}."
            )
        return int(days) * _DAY
    expression = rules.get("ScheduleExpression")
    if expression is None:
        return None
    rate = _RATE.fullmatch(str(expression))
    hours = int(rate[1]) * (24 if rate[2] == "day" else 1) if rate else 0
    # AWS rotates a secret every four hours at most.
    if not 4 <= hours <= _LONGEST_DAYS * 24:
        raise InvalidParameterException(
            f"ScheduleExpression {expression!r} is not served: this account knows rate(n hours) "
            "from 4 hours on, and rate(n days)."
        )
    return hours * _HOUR
