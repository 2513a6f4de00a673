"""Selectors mean what they mean to Kubernetes, absent labels included."""

from __future__ import annotations

import pytest

from local.cluster.errors import BadRequestError
from local.cluster.selectors import Selection

POD = {
    "metadata": {"name": "one", "namespace": "ns", "labels": {"a": "1", "x.io/b": "", "c": "z"}},
    "spec": {"restartPolicy": "Never"},
    "status": {"phase": "Running"},
}


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("", True),
        ("a=1", True),
        ("a==1", True),
        ("a = 1", True),
        ("a=2", False),
        ("a!=1", False),
        ("a!=2", True),
        ("gone!=1", True),
        ("gone=1", False),
        ("gone=", False),
        ("x.io/b=", True),
        ("a", True),
        ("gone", False),
        ("!a", False),
        ("!gone", True),
        ("a in (1, 2)", True),
        ("a in (2,3)", False),
        ("gone in (1)", False),
        ("a notin (1,2)", False),
        ("a notin (2,3)", True),
        ("a notin(2,3)", True),
        ("gone notin (1)", True),
        ("a=1,c=z", True),
        ("a=1,c=y", False),
        ("a in (1,2),c notin (y,x),!gone", True),
        ("a in (1,2),c in (y,x)", False),
    ],
)
def test_a_label_selector_matches(selector: str, *, matches: bool) -> None:
    assert Selection.parse("ns", selector).matches(POD) is matches


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("status.phase=Running", True),
        ("status.phase!=Running", False),
        ("status.phase!=Succeeded,metadata.name=one", True),
        ("status.phase!=Succeeded,metadata.name=two", False),
        ("spec.nodeName=", True),
        ("spec.nodeName!=", False),
        ("metadata.namespace==ns", True),
    ],
)
def test_a_field_selector_matches(selector: str, *, matches: bool) -> None:
    assert Selection.parse(None, "", selector).matches(POD) is matches


def test_both_selectors_and_the_namespace_have_to_match() -> None:
    assert Selection.parse("ns", "a=1", "metadata.name=one").matches(POD)
    assert not Selection.parse("other", "a=1", "metadata.name=one").matches(POD)
    assert not Selection.parse("ns", "a=2", "metadata.name=one").matches(POD)
    assert not Selection.parse("ns", "a=1", "metadata.name=two").matches(POD)


def test_a_pod_without_labels_has_none() -> None:
    bare = {"metadata": {"name": "one", "namespace": "ns", "labels": None}}
    assert Selection.parse("ns", "!a").matches(bare)
    assert not Selection.parse("ns", "a").matches(bare)
    assert not Selection.parse("ns", "", "status.phase=Running").matches(bare)


@pytest.mark.parametrize(
    "selector", ["a in 1", "a in (1", "a=b=c", "=1", "a,,b", "a>1", "a=-", "a b", "a in (x y)"]
)
def test_what_is_no_label_selector_is_refused(selector: str) -> None:
    with pytest.raises(BadRequestError, match="unable to parse requirement"):
        Selection.parse(None, selector)


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("status.phase", "invalid field selector"),
        ("metadata.labels=x", "field label not supported: metadata.labels"),
        ("spec=x", "field label not supported: spec"),
    ],
)
def test_what_is_no_field_selector_is_refused(selector: str, message: str) -> None:
    with pytest.raises(BadRequestError, match=message):
        Selection.parse(None, "", selector)
