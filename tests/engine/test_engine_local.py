"""What the real engine makes of the `local` stack: from nothing, again, and of each kind of edit.

The tests tell one story and stand in its order. Everything that is said of the CLI is from its
machine output, and what is left in PostgreSQL is asked there.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.environment.checkout import declared, new_workflow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.engine.pulumi_stack import Foreseen, PulumiStack
    from tests.environment.checkout import Declarations

    Change = Callable[[Declarations], None]

REPLACED = "kubernetes:batch/v1:Job"
"""The only type that an edit replaces: Airflow's migration runs again with other settings."""


def test_from_nothing_all_is_to_create_under_the_names_of_the_other_engine(
    engine: PulumiStack, from_nothing: Foreseen
) -> None:
    assert set(from_nothing.operations.values()) == {"create"}
    assert set(from_nothing.operations) == engine.without_the_cli()


def test_up_does_what_was_foreseen(
    engine: PulumiStack, from_nothing: Foreseen, upped: Mapping[str, int]
) -> None:
    assert upped == {"create": len(from_nothing.operations)}
    assert set(engine.export()) == set(from_nothing.operations)


@pytest.mark.usefixtures("upped")
def test_a_second_up_changes_nothing(engine: PulumiStack) -> None:
    before = engine.export()
    assert engine.preview().changes == {}

    assert engine.up() == {"same": len(before)}
    assert engine.export() == before


@pytest.mark.usefixtures("upped")
def test_the_other_engine_refuses_the_stack(engine: PulumiStack) -> None:
    run = engine.checkout.run("up", "--databases-only")

    assert (run.status, run.output) == (1, "")
    assert run.errors == (
        "error: the local stack was made with ENGINE=pulumi and stays with it: "
        "run `make up ENGINE=pulumi`, or `make down` first\n"
    )


def a_smaller_limit(settings: Declarations) -> None:
    declared(settings, "billing").update(connectionLimit=9)


def two_new_workflows(settings: Declarations) -> None:
    settings["workflows"] += [new_workflow("sales"), new_workflow("scratch", drop=True)]


def both_removed(settings: Declarations) -> None:
    """The settings are what they were in the beginning."""
    del settings


def one_declared_again(settings: Declarations) -> None:
    settings["workflows"].append(new_workflow("sales"))


def versions_forward(settings: Declarations) -> None:
    """One beside the old version, one instead of it."""
    one_declared_again(settings)
    declared(settings, "billing").update(schemaVersion=2, schemaVersions=[1, 2])
    declared(settings, "reference").update(schemaVersion=2)


def versions_back(settings: Declarations) -> None:
    one_declared_again(settings)
    declared(settings, "billing").update(schemaVersion=1, schemaVersions=[1, 2])


FIRST = {"billing_v1", "marketing_v1", "reference_v1"}
SALES = FIRST | {"sales_v1"}
VERSIONS = SALES | {"billing_v2", "reference_v2"}
STORY: list[tuple[Change, set[str], set[str]]] = [
    (a_smaller_limit, {"update"}, FIRST),
    (two_new_workflows, {"create", "update"}, SALES | {"scratch_v1"}),
    (both_removed, {"delete", "update"}, SALES),
    (one_declared_again, {"create", "update"}, SALES),
    (versions_forward, {"create", "delete", "update"}, VERSIONS),
    (versions_back, {"create", "delete", "update"}, VERSIONS),
    (both_removed, {"delete", "update"}, VERSIONS),
]
"""Edits one after the other: what is done then, and the schemas that are left."""


@pytest.mark.usefixtures("upped")
@pytest.mark.parametrize(("edit", "done", "left"), STORY, ids=[one.__name__ for one, *_ in STORY])
def test_an_edit_does_what_was_foreseen_and_then_nothing_is_left_to_do(
    engine: PulumiStack, edit: Change, done: set[str], left: set[str]
) -> None:
    engine.checkout.declare(edit)

    foreseen = engine.preview()
    counts = engine.up()

    replaced = {type_of(urn) for urn, what in foreseen.changes.items() if what == "replace"}
    assert replaced <= {REPLACED}
    assert set(foreseen.changes.values()) - {"replace"} == done
    assert Counter(counts) - Counter(same=counts["same"]) == Counter(foreseen.changes.values())
    assert set(engine.export()) == engine.without_the_cli()
    assert engine.preview().changes == {}
    assert schemas(engine) == left


def type_of(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]


def schemas(engine: PulumiStack) -> set[str]:
    """The schemas of workflows that there are in PostgreSQL, without their environment's name."""
    query = "SELECT nspname::text FROM pg_namespace WHERE nspname ~ '^local_'"
    with engine.checkout.account() as access:
        at = access.login("billing"), access.instance("application")
        with access.connect(*at) as session:
            return {str(name).removeprefix("local_") for (name,) in session.execute(query)}
