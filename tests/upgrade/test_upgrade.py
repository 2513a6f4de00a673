"""An upgrade from each revision kept loses no data and no identity, with the settings it had.

Shown is what an engine would match and replace; not that an update in place succeeds. What is kept
comes from `python -m tests.upgrade.record`; a revision that nobody runs any more can be removed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.deploy.program import ProgramError
from stacks import platform
from stacks.settings import SettingsError, from_pulumi
from tests.upgrade.guarded import LOST, REPLACEABLE
from tests.upgrade.history import FOLDER, Revision
from tests.upgrade.judge import losses

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.deploy.record import Recording

ROOT = Path(__file__).resolve().parents[2]
REVISIONS = [Revision.load(path) for path in sorted(FOLDER.glob("*.json"))]


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
@pytest.mark.parametrize("revision", REVISIONS, ids=lambda revision: revision.commit[:12])
def test_nothing_is_lost_since(revision: Revision, stack: str) -> None:
    recorded = revision.stacks[stack]

    def program() -> None:
        platform.declare(from_pulumi(today=revision.day), stack=stack)

    try:
        found = losses(
            program, recorded.resources, stack=stack, root=ROOT, config=recorded.settings
        )
    except ProgramError as error:
        if not isinstance(error.__cause__, SettingsError):
            raise
        pytest.fail(
            f"The settings of {revision.commit} for {stack} are refused now: {error} Give a new "
            "key a default, and keep what was allowed; if everybody has to write it, add it to "
            "the settings in tests/upgrade/recorded too, and say so in the README.",
            pytrace=False,
        )
    assert not found, "\n".join(found)


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda revision: revision.commit[:12])
def test_a_record_is_of_what_matters(revision: Revision) -> None:
    instances = {
        stack: sorted(
            one.fixed["identifier"]
            for one in recorded.resources.values()
            if one.type == "aws:rds/instance:Instance"
        )
        for stack, recorded in revision.stacks.items()
    }
    assert instances == {
        stack: [f"airflow-{stack}-application", f"airflow-{stack}-metadata"]
        for stack in ("dev", "local", "prod")
    }
    protected = [one for one in revision.stacks["prod"].resources.values() if one.protect]
    assert {one.type for one in protected} <= LOST.keys()


def test_there_is_something_to_upgrade_from() -> None:
    assert REVISIONS


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_of_each_type_it_is_known_whether_it_may_be_replaced(
    stack: str, recorded_stack: Callable[[str], Recording]
) -> None:
    types = {one.type for one in recorded_stack(stack) if one.custom}
    assert types <= LOST.keys() | REPLACEABLE
    assert not LOST.keys() & REPLACEABLE
    for one in recorded_stack(stack):
        assert not (one.options.protect and one.custom) or one.type in LOST, one.type
