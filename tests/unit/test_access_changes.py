"""What a change of the settings gives and takes is all told, and gains come first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stacks.access import Access, Administrator, Grant, declared_access
from stacks.access_changes import NOTHING, AccessChange, access_changes
from stacks.settings import Settings

Edits = Mapping[str, Any]
Loaded = Callable[[Edits], Settings]

_NAMES = st.sampled_from(("billing", "reference", "marketing"))
_SCHEMAS = st.lists(st.sampled_from(("dev_a_v1", "dev_a_v2", "dev_b_v1")), unique=True, max_size=3)
_GRANTS = st.builds(
    Grant,
    environment=st.sampled_from(("dev", "qa")),
    kind=st.sampled_from(("workflow", "person", "agent")),
    name=_NAMES,
    principal=st.sampled_from(("arn:one", "arn:two")),
    logins=st.just(("login",)),
    rotation_days=st.sampled_from((None, 1, 7)),
    writes=_SCHEMAS.map(tuple),
    reads=_SCHEMAS.map(tuple),
    connection_limit=st.integers(1, 3),
    expires=st.sampled_from((None, date(2027, 1, 31), date(2027, 2, 28))),
)
_ADMINISTRATORS = st.builds(
    Administrator,
    kind=st.sampled_from(("deployer", "break glass")),
    principal=st.sampled_from(("arn:one", "arn:two")),
    login=st.just("provisioner"),
)
_ACCESS = st.builds(
    Access,
    environments=st.sampled_from((("dev",), ("dev", "qa"), ("qa",))),
    grants=st.lists(
        _GRANTS, unique_by=lambda one: (one.environment, one.kind, one.name), max_size=4
    ).map(tuple),
    administrators=st.lists(_ADMINISTRATORS, unique=True, max_size=3).map(tuple),
)
_OTHER = {"gain": "loss", "loss": "gain", "change": "change"}


def sentences(before: Settings, after: Settings) -> list[tuple[str, str]]:
    found = access_changes(declared_access(before), declared_access(after)).changes
    return [(one.effect, one.sentence) for one in found if one.environment in {"", "dev"}]


@given(_ACCESS)
def test_the_same_declaration_changes_nothing(access: Access) -> None:
    assert access_changes(access, access).changes == ()


@given(_ACCESS, _ACCESS)
def test_the_way_back_takes_what_was_given_and_gives_what_was_taken(
    before: Access, after: Access
) -> None:
    there = access_changes(before, after).changes
    back = access_changes(after, before).changes

    def told(one: AccessChange) -> tuple[str, ...]:
        return one.environment, one.kind, one.name, one.what

    assert sorted((_OTHER[one.effect], *told(one), one.after, one.before) for one in there) == (
        sorted((one.effect, *told(one), one.before, one.after) for one in back)
    )


@given(_ACCESS, _ACCESS)
def test_nothing_that_differs_goes_untold(before: Access, after: Access) -> None:
    untold = [
        replace(
            access,
            environments=tuple(sorted(access.environments)),
            administrators=tuple(sorted(access.administrators, key=str)),
            grants=tuple(
                sorted(
                    (
                        replace(
                            one,
                            writes=tuple(sorted(one.writes)),
                            # Who may write may read.
                            reads=tuple(sorted({*one.reads} - {*one.writes})),
                        )
                        for one in access.grants
                    ),
                    key=str,
                )
            ),
        )
        for access in (before, after)
    ]

    changes = access_changes(before, after).changes

    live = [one for one in changes if one.what == "live schema"]
    assert (untold[0] == untold[1]) == (len(changes) == len(live))


@given(_ACCESS, _ACCESS)
def test_gains_come_first_and_have_different_sentences(before: Access, after: Access) -> None:
    changes = access_changes(before, after).changes

    assert [one.effect for one in changes] == sorted(
        (one.effect for one in changes), key=["gain", "loss", "change"].index
    )
    assert len({one.sentence for one in changes}) == len(changes)


def test_in_a_new_environment_all_is_gained(loaded: Loaded) -> None:
    access = declared_access(loaded({}))

    found = access_changes(NOTHING, access).changes

    assert {one.effect for one in found} == {"gain"}
    told = [one.sentence for one in found]
    for one in access.grants:
        assert f"in {one.environment}, new: {one.sentence()}" in told
    for sentence in access.administrator_sentences():
        assert f"new: {sentence}" in told
    assert "dev is a new environment of this stack" in told


@pytest.mark.parametrize(
    ("edits", "told"),
    [
        (
            {"workflows.1.reads": ["billing"]},
            [
                (
                    "gain",
                    "in dev: reference (workflow) may now read dev_billing_v2 and dev_billing_v3",
                )
            ],
        ),
        (
            {"workflows.0.reads": []},
            [("loss", "in dev: billing (workflow) may no longer read dev_reference_v1")],
        ),
        (
            {"workflows.2.writes": True},
            [
                (
                    "gain",
                    "in dev: tax-reports (workflow) may now also write dev_tax_reports_v1",
                )
            ],
        ),
        (
            {"workflows.1.writes": False},
            [
                (
                    "loss",
                    (
                        "in dev: reference (workflow) may still read, but no longer write, "
                        "dev_reference_v1"
                    ),
                )
            ],
        ),
        (
            {"workflows.0.schemaVersion": 2},
            [
                (
                    "change",
                    "in dev: billing (workflow) works in dev_billing_v2 instead of dev_billing_v3",
                )
            ],
        ),
        (
            {"workflows.0.connectionLimit": 30},
            [("gain", "in dev: billing (workflow) may hold 30 connections instead of 20")],
        ),
        (
            {"workflows.0.login": "rotated"},
            [
                (
                    "gain",
                    (
                        "in dev: billing (workflow) logs in with a password, changed every 7 days, "
                        "not by IAM"
                    ),
                )
            ],
        ),
        (
            {"people.0.expires": "2027-02-28"},
            [
                (
                    "gain",
                    (
                        "in dev: analysts (person) keeps its access longer: until 2027-02-28 "
                        "instead of 2027-01-31"
                    ),
                )
            ],
        ),
        (
            {"agents.0.expires": "2026-11-30"},
            [
                (
                    "loss",
                    (
                        "in dev: report-writer (agent) keeps its access shorter: until 2026-11-30 "
                        "instead of 2026-12-01"
                    ),
                )
            ],
        ),
        (
            {"people.0.principal": "arn:aws:iam::012345678901:role/guests"},
            [
                (
                    "gain",
                    (
                        "in dev: analysts (person) is now arn:aws:iam::012345678901:role/guests, "
                        "who may log in"
                    ),
                ),
                (
                    "loss",
                    (
                        "in dev: analysts (person) is no longer "
                        "arn:aws:iam::012345678901:role/analysts, who may not log in"
                    ),
                ),
            ],
        ),
        (
            {"agents.0": ...},
            [
                (
                    "loss",
                    (
                        "in dev, no longer: report-writer (agent, "
                        "arn:aws:iam::012345678901:role/report-writer) may read dev_billing_v3, "
                        "dev_billing_v2 and dev_reference_v1 until 2026-12-01"
                    ),
                )
            ],
        ),
        (
            {"breakGlass.0": "arn:aws:iam::012345678901:role/nobody"},
            [
                (
                    "gain",
                    (
                        "new: arn:aws:iam::012345678901:role/nobody may break glass: may log in as "
                        "dbmaster, the master user of both instances"
                    ),
                ),
                (
                    "loss",
                    (
                        "no longer: arn:aws:iam::012345678901:role/emergencies/break-glass may "
                        "break glass: may log in as dbmaster, the master user of both instances"
                    ),
                ),
            ],
        ),
    ],
)
def test_a_change_in_words(loaded: Loaded, edits: Edits, told: list[tuple[str, str]]) -> None:
    before = loaded({})

    assert sentences(before, loaded(edits)) == told


def test_values_for_machines(loaded: Loaded) -> None:
    before = declared_access(loaded({}))

    after = declared_access(loaded({"workflows.0.connectionLimit": 30}))

    document: Any = access_changes(before, after).as_dict()
    assert document["changes"][0] == {
        "effect": "gain",
        "environment": "dev",
        "kind": "workflow",
        "name": "billing",
        "what": "connections",
        "before": "20",
        "after": "30",
        "sentence": "in dev: billing (workflow) may hold 30 connections instead of 20",
    }
