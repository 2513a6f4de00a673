"""Changes of roles that are members of each other are made one after the other.

The plugin of the provider locks a role, then its members, in no certain order: two such changes at
the same time end in a deadlock. That it is so on PostgreSQL is not shown here; the order is.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.deploy.record import Recording

LOCKING = ("postgresql:index/defaultPrivileges:DefaultPrivileges", "postgresql:index/grant:Grant")
"""The types whose creation locks a role and its members."""
FEWEST = 9
"""Airflow's own: five logins, the schema, and what holds for tables, sequences and functions."""


def comes_after(recording: Recording, *, created: bool = True) -> Callable[[str], frozenset[str]]:
    """What is created before a resource: what it depends on, and what its component waited for.

    Deletes are ordered by what resources themselves depend on (`created=False`).
    """
    known = {one.urn: one for one in recording}

    @cache
    def before(urn: str) -> frozenset[str]:
        if urn not in known:
            return frozenset()
        one = known[urn]
        direct = {*one.dependencies, *([one.parent] if created and one.parent in known else [])}
        return frozenset(direct).union(*(before(each) for each in direct))

    return before


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_changes_of_roles_have_one_order(
    recorded_stack: Callable[[str], Recording], stack: str
) -> None:
    recording = recorded_stack(stack)
    before = comes_after(recording)
    environments = {one.name.split("-")[0] for one in recording.of_type(LOCKING[0])}
    lines: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in recording:
        environment = one.name.split("-")[0]
        if one.type in LOCKING and environment in environments:
            server = recording.by_urn(one.provider_urn).plain["host"]
            lines[environment, server].append(one.urn)
    assert len(lines) == 2 * len(environments)
    for changes in lines.values():
        at_once = [
            (one, other)
            for one, other in combinations(changes, 2)
            if one not in before(other) and other not in before(one)
        ]
        assert len(changes) >= FEWEST
        assert at_once == []


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_a_login_is_deleted_before_the_rights_on_the_schemas_it_uses(
    recorded_stack: Callable[[str], Recording], stack: str
) -> None:
    recording = recorded_stack(stack)
    logins = [one for one in recording if one.type.endswith(":Role") and one.plain.get("login")]
    rights = {
        one.urn
        for one in recording.of_type(LOCKING[1])
        if "-table-for-" in one.name or one.name.endswith("-metadata-schema-for-writer")
    }
    assert logins
    needed = comes_after(recording, created=False)
    assert [login.name for login in logins if not rights & needed(login.urn)] == []
