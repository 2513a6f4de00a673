"""Values on the wire: what is marked, what is unknown, and what people get to see of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime import rpc

from local.deploy import wire
from local.deploy.target import Targets

if TYPE_CHECKING:
    from pathlib import Path

# What survives the protobuf form: it has no numbers beyond doubles, and no lone surrogates.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)


def test_the_markers_are_those_of_the_sdk() -> None:
    assert wire.UNKNOWN == rpc.UNKNOWN
    assert rpc._special_sig_key == wire.SIGNATURE
    assert rpc._special_secret_sig == wire.SECRET
    assert rpc._special_asset_sig == wire.ASSET
    assert rpc._special_archive_sig == wire.ARCHIVE
    assert rpc._special_resource_sig == wire.RESOURCE


@given(st.dictionaries(TEXT, JSON, max_size=4))
def test_properties_survive_the_way_through_protobuf(properties: wire.Properties) -> None:
    assert wire.from_struct(wire.to_struct(properties)) == properties


def test_whole_numbers_come_back_as_integers() -> None:
    message = struct_pb2.Struct()
    message.update({"port": 5432, "ratio": 0.5, "deep": [{"days": 7}]})
    assert json.dumps(wire.from_struct(message)) == (
        '{"deep": [{"days": 7}], "port": 5432, "ratio": 0.5}'
    )


@given(JSON)
def test_marking_and_unmarking_come_back_to_the_same(value: wire.Json) -> None:
    assert wire.plain(wire.secret(value)) == value
    assert wire.plain({"outer": [wire.secret(value)]}) == {"outer": [value]}


def test_a_secret_is_found_at_any_depth() -> None:
    assert wire.contains_secret({"a": [{"b": wire.secret("x")}]})
    assert not wire.contains_secret({"a": [{"b": "x"}]})


def test_an_unknown_is_found_at_any_depth_and_inside_secrets() -> None:
    assert wire.contains_unknown({"a": [wire.secret(wire.UNKNOWN)]})
    assert not wire.contains_unknown({"a": ["x"]})


def test_people_see_neither_secrets_nor_markers() -> None:
    shown = wire.shown(
        {
            "password": wire.secret("canary"),
            "arn": wire.UNKNOWN,
            "text": f"arn of {wire.UNKNOWN}",
            "code": {wire.SIGNATURE: wire.ARCHIVE, "path": "build/function.zip", "sha256": "1"},
            "role": {wire.SIGNATURE: wire.RESOURCE, "urn": "urn:x", "id": "role-1"},
        }
    )
    assert shown == {
        "password": "[secret]",
        "arn": "[unknown]",
        "text": "arn of [unknown]",
        "code": "build/function.zip",
        "role": "role-1",
    }


def test_what_a_provider_answers_keeps_the_marks_of_the_inputs() -> None:
    pattern = {"user": "u", "password": wire.secret("p")}
    assert wire.marked_like({"user": "u", "password": "p"}, pattern) == pattern
    assert wire.marked_like("p", wire.secret("old")) == wire.secret("p")
    assert wire.marked_like(["p"], [wire.secret("p")]) == wire.secret(["p"])
    assert wire.marked_like(["p"], ["p"]) == ["p"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("3m", 180), ("1h30m", 5400), ("90s", 90), ("1.5h", 5400), ("", 7), ("soon", 7)],
)
def test_timeouts_of_the_program_are_read(text: str, seconds: float, tmp_path: Path) -> None:
    target = Targets(tmp_path, lambda _urn: {}).of("", timeouts={"create": text})
    assert target.seconds("create", 7) == seconds
    assert target.seconds("delete", 7) == 7
