"""Who may reach what is said in words and as values that two declarations can be compared by."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from stacks.access import Administrator, Grant, declared_access
from stacks.settings import Settings

Edits = Mapping[str, Any]
Loaded = Callable[[Edits], Settings]


def test_an_environment_in_words(loaded: Loaded) -> None:
    analysts = "analysts (person, arn:aws:iam::012345678901:role/analysts)"
    writer = "report-writer (agent, arn:aws:iam::012345678901:role/report-writer)"

    assert declared_access(loaded({})).sentences("qa") == (
        "billing may read and write qa_billing_v3 and qa_billing_v2, may read qa_reference_v1",
        "reference may read and write qa_reference_v1",
        "tax-reports may read qa_tax_reports_v1, qa_billing_v3, qa_billing_v2 and qa_reference_v1",
        f"{analysts} may read qa_billing_v3 and qa_billing_v2 until 2027-01-31",
        f"{writer} may read qa_billing_v3, qa_billing_v2 and qa_reference_v1 until 2026-12-01",
    )


def test_administrators_in_words(loaded: Loaded) -> None:
    deployer, break_glass = declared_access(loaded({})).administrator_sentences()

    assert deployer == (
        "arn:aws:iam::012345678901:role/deployer may deploy: may log in as provisioner on both "
        "instances, which creates databases, schemas and roles and may grant itself any of them"
    )
    assert break_glass == (
        "arn:aws:iam::012345678901:role/emergencies/break-glass may break glass: may log in as "
        "dbmaster, the master user of both instances"
    )


def test_a_grant_as_values(loaded: Loaded) -> None:
    billing, *_ = declared_access(loaded({})).grants

    assert billing == Grant(
        environment="dev",
        kind="workflow",
        name="billing",
        principal="system:serviceaccount:airflow-dev:workflow-billing",
        logins=("dev_billing",),
        rotation_days=None,
        writes=("dev_billing_v3", "dev_billing_v2"),
        reads=("dev_reference_v1",),
        connection_limit=20,
        expires=None,
    )


def test_a_rollback_moves_the_live_version_to_the_front(loaded: Loaded) -> None:
    billing, *_ = declared_access(loaded({"workflows.0.schemaVersion": 2})).grants

    assert billing.writes == ("dev_billing_v2", "dev_billing_v3")


def test_everybody_is_there_once_per_environment(loaded: Loaded) -> None:
    access = declared_access(loaded({}))

    assert access.environments == ("dev", "qa")
    assert [(each.environment, each.kind, each.name) for each in access.grants] == [
        (environment, kind, name)
        for environment in ("dev", "qa")
        for kind, name in (
            ("workflow", "billing"),
            ("workflow", "reference"),
            ("workflow", "tax-reports"),
            ("person", "analysts"),
            ("agent", "report-writer"),
        )
    ]


def test_only_workflows_write(loaded: Loaded) -> None:
    for grant in declared_access(loaded({})).grants:
        assert bool(grant.writes) == (grant.name in {"billing", "reference"})
        assert (grant.expires is None) == (grant.kind == "workflow")


def test_equal_declarations_are_equal(loaded: Loaded) -> None:
    before = declared_access(loaded({}))

    assert declared_access(loaded({})) == before
    assert hash(declared_access(loaded({}))) == hash(before)


@pytest.mark.parametrize(
    ("edits", "gone", "new"),
    [
        (
            {"people.0.reads": ["billing", "reference"]},
            {("qa", "analysts"), ("dev", "analysts")},
            {("qa", "analysts"), ("dev", "analysts")},
        ),
        ({"environments": ["dev"], "agents": []},
         {("qa", "billing"), ("qa", "reference"), ("qa", "tax-reports"), ("qa", "analysts"),
          ("qa", "report-writer"), ("dev", "report-writer")},
         set()),
        ({"metadata.port": 5500}, set(), set()),
    ],
)  # fmt: skip
def test_what_changed_is_a_difference_of_sets(
    loaded: Loaded, edits: Edits, gone: set[tuple[str, str]], new: set[tuple[str, str]]
) -> None:
    before = set(declared_access(loaded({})).grants)
    after = set(declared_access(loaded(edits)).grants)

    assert {(each.environment, each.name) for each in before - after} == gone
    assert {(each.environment, each.name) for each in after - before} == new


def test_access_for_machines(loaded: Loaded) -> None:
    access = json.loads(json.dumps(declared_access(loaded({})).as_dict()))

    assert access["grants"][3] == {
        "environment": "dev",
        "kind": "person",
        "name": "analysts",
        "principal": "arn:aws:iam::012345678901:role/analysts",
        "logins": ["dev_analysts"],
        "rotation_days": None,
        "writes": [],
        "reads": ["dev_billing_v3", "dev_billing_v2"],
        "connection_limit": 3,
        "expires": "2027-01-31",
        "sentence": "analysts (person, arn:aws:iam::012345678901:role/analysts) may read "
        "dev_billing_v3 and dev_billing_v2 until 2027-01-31",
    }
    assert access["administrators"][0]["login"] == "provisioner"


def test_the_administrators_are_the_declared_ones(loaded: Loaded) -> None:
    arns = ["arn:aws:iam::012345678901:role/a", "arn:aws:iam::012345678901:user/b"]

    assert declared_access(loaded({"deployers": arns})).administrators[:2] == (
        Administrator(kind="deployer", principal=arns[0], login="provisioner"),
        Administrator(kind="deployer", principal=arns[1], login="provisioner"),
    )
