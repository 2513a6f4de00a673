"""Deleting in the order of needs, as much as possible at once; and errors as sentences."""

from __future__ import annotations

import threading

import psycopg
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from local.deploy.drivers.base import DriverError
from local.deploy.problems import Problem, Untried, explain, is_taken, label, sentence
from local.deploy.removal import needed, remove
from local.deploy.state import Resource


def _resources(needs: dict[int, set[int]]) -> dict[str, Resource]:
    return {
        f"urn:{number}": Resource(
            urn=f"urn:{number}", type="t", dependencies=tuple(f"urn:{one}" for one in others)
        )
        for number, others in needs.items()
    }


# Each resource needs some of those with a smaller number: any graph without circles.
GRAPHS = st.integers(1, 12).flatmap(
    lambda size: st.fixed_dictionaries(
        {number: st.sets(st.integers(0, max(number - 1, 0))) for number in range(size)}
    )
).map(lambda graph: {number: others - {number} for number, others in graph.items()})  # fmt: skip


@given(GRAPHS)
def test_nothing_goes_before_what_needs_it(graph: dict[int, set[int]]) -> None:
    resources = _resources(graph)
    gone: list[str] = []
    lock = threading.Lock()

    def delete(resource: Resource) -> bool:
        with lock:
            there = resources.keys() - set(gone)
            assert not any(resource.urn in resources[urn].needs for urn in there)
            gone.append(resource.urn)
        return True

    assert remove(resources, delete, 4) == []
    assert sorted(gone) == sorted(resources)


@given(GRAPHS, st.integers(0, 11))
def test_what_something_left_behind_needs_stays(graph: dict[int, set[int]], stuck: int) -> None:
    resources = _resources(graph)
    untried = remove(resources, lambda one: one.urn != f"urn:{stuck}", 4)
    expected = needed(resources, f"urn:{stuck}") if stuck in graph else set()
    assert {one.urn for one in untried} == expected


def test_independent_ones_go_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=10)

    def delete(_: Resource) -> bool:
        both.wait()
        return True

    assert remove(_resources({0: set(), 1: set()}), delete, 2) == []


def _client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "No.\n Not  so."}}, "CreateRole")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (_client_error("Denied"), "CreateRole: No. Not so. (Denied)"),
        (DriverError("it is so"), "it is so"),
        (KeyError("Endpoint"), "input or answer 'Endpoint' is missing"),
        (ValueError("odd"), "ValueError: odd"),
        (psycopg.OperationalError("a\nb"), "a b"),
        (
            EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
            'Could not connect to the endpoint URL: "http://127.0.0.1:1"',
        ),
        (
            psycopg.OperationalError("password h:1/?Action=connect&X-Amz-Signature=0a1b&x failed"),
            "password h:1/?Action=connect&[signed]&x failed",
        ),
    ],
)
def test_an_error_becomes_one_line_without_signatures(error: Exception, text: str) -> None:
    assert sentence(error) == text


@pytest.mark.parametrize(
    ("error", "taken"),
    [
        (_client_error("EntityAlreadyExists"), True),
        (_client_error("InvalidGroup.Duplicate"), True),
        (_client_error("AccessDenied"), False),
        (psycopg.errors.DuplicateObject(), True),
        (psycopg.errors.DuplicateDatabase(), True),
        (psycopg.errors.InsufficientPrivilege(), False),
        (ValueError(), False),
    ],
)
def test_a_name_that_is_taken_is_told_from_other_errors(error: Exception, taken: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert is_taken(error) == taken


def test_many_dependents_are_counted_rather_than_named() -> None:
    urn = "urn:pulumi:s::p::aws:iam/role:Role::"
    untried = [Untried(urn=f"{urn}r{number}", because=(urn + "x",)) for number in range(9)]
    (line,) = explain([Problem(key=urn + "x", message="no")], untried)
    assert line.startswith(
        "aws:iam/role:Role x: no; not tried, as they need it: aws:iam/role:Role r0"
    )
    assert line.endswith("aws:iam/role:Role r5 and 3 more")
    assert label("urn:pulumi:s::p::a:b:C$aws:iam/role:Role::n::m") == "aws:iam/role:Role n::m"
