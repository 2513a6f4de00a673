"""IAM documents are read the same however they are written, and never end a rule."""

from __future__ import annotations

import pytest

from policies.documents import VERSION, allowing, problems, statements
from policies.values import Json

ONE = {"Sid": "One", "Effect": "Allow", "Action": "S3:GetObject", "Resource": "arn:aws:s3:::one/*"}
ODD: tuple[Json, ...] = (None, 0, 1.5, True, "", "x", [], [None], [[]], [{}], {}, {"a": None})


def _document(statement: Json) -> Json:
    return {"Version": VERSION, "Statement": statement}


MANY = [{**ONE, "Action": [ONE["Action"]], "Resource": [ONE["Resource"]]}]


@pytest.mark.parametrize("given", [ONE, MANY], ids=["one", "many"])
def test_one_is_read_as_many(given: Json) -> None:
    (statement,) = allowing(_document(given))
    assert statement.label == "statement One"
    assert (statement.actions, statement.resources) == (("s3:getobject",), ("arn:aws:s3:::one/*",))
    assert list(problems(_document(given), "Action", "Resource")) == []


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ("*", (("AWS", "*"),)),
        ({"AWS": "*"}, (("AWS", "*"),)),
        ({"AWS": ["1", "2"], "Service": "s"}, (("AWS", "1"), ("AWS", "2"), ("Service", "s"))),
        (None, ()),
    ],
)
def test_principals_are_pairs(principal: Json, expected: tuple[tuple[str, str], ...]) -> None:
    (statement,) = statements(_document({**ONE, "Principal": principal}))
    assert statement.principals == expected


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("StringEquals", "one", ("one",)),
        ("stringequals", ["one", "two"], ("one", "two")),
        ("ArnEquals", "arn:aws:iam::1:role/one", ("arn:aws:iam::1:role/one",)),
        ("ArnEquals", "arn:aws:iam::1:role/*", ()),
        ("StringEquals", ["one", "tw?"], ()),
        ("StringLike", "one", ()),
        ("StringEqualsIfExists", "one", ()),
        ("ForAllValues:StringEquals", "one", ()),
        ("StringNotEquals", "one", ()),
    ],
)
def test_a_condition_compares_whole_values(
    operator: str, value: Json, expected: tuple[str, ...]
) -> None:
    condition = {operator: {"aws:SourceArn": value}}
    (statement,) = statements(_document({**ONE, "Condition": condition}))
    assert statement.whole("AWS:sourcearn") == expected


@pytest.mark.parametrize("effect", ["Allow", "allow", None, 1])
def test_whatever_does_not_deny_allows(effect: Json) -> None:
    assert len(allowing(_document({**ONE, "Effect": effect}))) == 1


def test_what_denies_does_not_allow() -> None:
    assert allowing(_document({**ONE, "Effect": "Deny"})) == []


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("element", ["Version", "Statement", *ONE, "Principal", "Condition"])
def test_odd_values_are_problems_or_nothing(element: str, odd: Json) -> None:
    whole = element in ("Version", "Statement")
    document = _document({**ONE, element: odd})
    if whole:
        document = {**_document(ONE), element: odd}
    statements(document)
    found = list(problems(document, "Action", "Resource"))
    # What is a text may be an action or a resource; which, is for the rules to say.
    assert found or element in ("Sid", "Principal", "Condition") or odd == "x"


@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_document_has_no_statements(odd: Json) -> None:
    assert statements(odd) == []
    assert list(problems(odd)) != []
