"""Changes of roles that are members of each other are made one after the other.

The plugin of the provider locks a role, then its members, in no certain order: two such changes at
the same time end in a deadlock. That it is so on PostgreSQL is not shown here; the order is.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.deploy.record import Recording

LOCKING = ("postgresql:index/defaultPrivileges:DefaultPrivileges", "postgresql:index/grant:Grant")
"""The types whose creation locks a role and its members."""


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
    for environment in {one.name.split("-")[0] for one in recording.of_type(LOCKING[0])}:
        changes = [
            one.urn
            for one in recording
            if one.type in LOCKING and one.name.startswith(f"{environment}-")
        ]
        at_once = [
            (one, other)
            for one, other in combinations(changes, 2)
            if one not in before(other) and other not in before(one)
        ]
        assert len(changes) > 30
        assert at_once == []


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_a_login_is_deleted_before_the_rights_on_the_schemas_it_uses(
    recorded_stack: Callable[[str], Recording], stack: str
) -> None:
    recording = recorded_stack(stack)
    logins = [one for one in recording if one.type.endswith(":Role") and one.plain.get("login")]
    rights = {one.urn for one in recording.of_type(LOCKING[1]) if "-table-for-" in one.name}
    assert logins
    needed = comes_after(recording, created=False)
    assert [login.name for login in logins if not rights & needed(login.urn)] == []
