"""The conditions of IAM policies: each operator, its variants, and what an absent key means.

Pure: no account, no network.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.account.conditions import holds
from local.account.patterns import NotUnderstoodError, arn_glob, glob

ROLE = "arn:aws:iam::123456789012:role/billing"
CONTEXT: dict[str, Any] = {
    "aws:username": "ana",
    "aws:principalarn": ROLE,
    "aws:principaltag/*": None,
    "aws:principaltag/team": "data",
    "aws:securetransport": "true",
    "aws:sourceip": "127.0.0.1",
    "aws:currenttime": "2026-11-22T12:00:00Z",
    "aws:epochtime": "1795348800",
    "aws:sourcevpc": None,
    "aws:tagkeys": ("team", "stage"),
    "sts:externalid": "a*a",
}
NOON = "2026-11-22T12:00:00Z"

# operator, key, the policy's value, whether it holds
CASES: list[tuple[str, str, Any, bool]] = [
    ("StringEquals", "aws:username", "ana", True),
    ("StringEquals", "AWS:UserName", "ana", True),
    ("StringEquals", "aws:username", "Ana", False),
    ("StringEquals", "aws:username", ["bo", "ana"], True),
    ("StringEquals", "aws:username", [], False),
    ("StringEquals", "aws:username", "an?", False),
    ("StringEquals", "aws:username", "${aws:username}", True),
    ("StringEquals", "aws:username", "${aws:SourceVpc, 'ana'}", True),
    ("StringEquals", "aws:SourceVpc", "x", False),
    ("StringEquals", "aws:PrincipalTag/team", "data", True),
    ("StringEquals", "aws:PrincipalTag/stage", "x", False),
    ("StringEqualsIfExists", "aws:SourceVpc", "x", True),
    ("StringEqualsIfExists", "aws:username", "x", False),
    ("StringNotEquals", "aws:username", ["bo", "ana"], False),
    ("StringNotEquals", "aws:username", ["bo"], True),
    ("StringNotEquals", "aws:SourceVpc", "x", True),
    ("StringEqualsIgnoreCase", "aws:username", "ANA", True),
    ("StringNotEqualsIgnoreCase", "aws:username", "ANA", False),
    ("StringLike", "aws:username", "a?a", True),
    ("StringLike", "aws:username", "a*a", True),
    ("StringLike", "aws:username", "${sts:ExternalId}", False),
    ("StringLike", "sts:ExternalId", "a${*}a", True),
    ("StringLike", "aws:username", "a${*}a", False),
    ("StringNotLike", "aws:username", "a*", False),
    ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/bill*", True),
    ("ArnLike", "aws:PrincipalArn", "arn:aws:iam:*:role/billing", False),
    ("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::*:role/*", True),
    ("ArnNotEquals", "aws:PrincipalArn", ROLE, False),
    ("ArnNotLike", "aws:PrincipalArn", "arn:aws:iam::*:user/*", True),
    ("Bool", "aws:SecureTransport", True, True),
    ("Bool", "aws:SecureTransport", "false", False),
    ("Null", "aws:SourceVpc", "true", True),
    ("Null", "aws:username", "true", False),
    ("Null", "aws:username", "false", True),
    ("IpAddress", "aws:SourceIp", "127.0.0.0/8", True),
    ("IpAddress", "aws:SourceIp", ["10.0.0.0/8", "::1/128"], False),
    ("NotIpAddress", "aws:SourceIp", "127.0.0.0/8", False),
    ("DateEquals", "aws:CurrentTime", NOON, True),
    ("DateNotEquals", "aws:CurrentTime", NOON, False),
    ("DateLessThan", "aws:CurrentTime", "2026-11-22T12:00:01Z", True),
    ("DateLessThan", "aws:CurrentTime", NOON, False),
    ("DateLessThanEquals", "aws:CurrentTime", NOON, True),
    ("DateGreaterThan", "aws:CurrentTime", "2026-11-22", True),
    ("DateGreaterThan", "aws:CurrentTime", NOON, False),
    ("DateGreaterThanEquals", "aws:EpochTime", "1795348800", True),
    ("NumericEquals", "aws:EpochTime", 1795348800, True),
    ("NumericNotEquals", "aws:EpochTime", "1", True),
    ("NumericLessThan", "aws:EpochTime", "1795348801", True),
    ("NumericLessThanEquals", "aws:EpochTime", "1795348799.9", False),
    ("NumericGreaterThan", "aws:EpochTime", "1795348800", False),
    ("NumericGreaterThanEquals", "aws:EpochTime", "1795348800", True),
    ("StringEquals", "aws:TagKeys", ["team"], True),
    ("StringNotEquals", "aws:TagKeys", ["team"], False),
    ("StringNotEquals", "aws:TagKeys", ["x"], True),
    ("ForAllValues:StringEquals", "aws:TagKeys", ["team", "stage", "x"], True),
    ("ForAllValues:StringEquals", "aws:TagKeys", ["team"], False),
    ("ForAllValues:StringEquals", "aws:SourceVpc", "x", True),
    ("ForAllValues:StringNotEquals", "aws:TagKeys", ["team"], False),
    ("ForAnyValue:StringLike", "aws:TagKeys", ["st*"], True),
    ("ForAnyValue:StringEquals", "aws:TagKeys", ["x"], False),
    ("ForAnyValue:StringEquals", "aws:SourceVpc", "x", False),
    ("ForAnyValue:StringNotEquals", "aws:TagKeys", ["team"], True),
    ("ForAnyValue:StringNotEquals", "aws:SourceVpc", "x", False),
]


@pytest.mark.parametrize(("operator", "key", "wanted", "outcome"), CASES)
def test_each_operator(operator: str, key: str, wanted: object, outcome: bool) -> None:  # noqa: FBT001
    assert holds({operator: {key: wanted}}, CONTEXT) is outcome


def test_all_keys_and_all_operators_have_to_hold() -> None:
    true, false = {"aws:username": "ana"}, {"sts:ExternalId": "x"}
    assert holds({"StringEquals": true, "StringLike": true}, CONTEXT)
    assert not holds({"StringEquals": {**true, **false}}, CONTEXT)
    assert not holds({"StringEquals": true, "StringLike": false}, CONTEXT)


def test_what_is_not_understood_is_found_behind_what_does_not_hold() -> None:
    with pytest.raises(NotUnderstoodError, match="StringSounds"):
        holds(
            {"StringEquals": {"aws:username": "x"}, "StringSounds": {"aws:username": "x"}}, CONTEXT
        )


@settings(deadline=None)  # the machine may be busy
@given(st.text(max_size=30))
def test_a_text_without_pattern_characters_matches_itself_only(text: str) -> None:
    plain = "".join(character for character in text if character not in "*?$")
    assert glob(plain, plain, {})
    assert not glob(plain, plain + "x", {})


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.text(max_size=5), min_size=6, max_size=6))
def test_an_arn_pattern_of_wildcards_matches_any_arn(parts: list[str]) -> None:
    arn = ":".join(part.replace(":", "") for part in parts)
    assert arn_glob("*:*:*:*:*:*", arn, {})
    assert not arn_glob("*:*:*:*:*", arn, {})


def test_an_unknown_variable_is_not_taken_as_text() -> None:
    with pytest.raises(NotUnderstoodError, match="aws:Nobody"):
        glob("${aws:Nobody}", "${aws:Nobody}", {})
