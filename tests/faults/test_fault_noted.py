"""Runs killed right before or right after a call: what they noted is not what there is.

Each test does so to all resources at once; a kill at a random moment meets one or two of them.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.faults.commands import UP, settled

if TYPE_CHECKING:
    from pathlib import Path

    from tests.environment.checkout import Checkout, Declarations


def test_each_thing_that_a_killed_run_made_is_found_again(environment: Checkout) -> None:
    """Killed right after each creation: what was made is there, and not noted."""
    made = _note_as_begun(environment.paths.state, environment.paths.state)

    again = environment.run(*UP)

    assert again.status == 0, again.text[-5000:]
    assert f"program  {made} created, " in again.text
    settled(environment)


def test_each_thing_that_a_killed_run_did_not_come_to_make_is_made(
    environment: Checkout, fresh: Checkout
) -> None:
    """Killed right before each creation: it is noted, and nothing is there."""
    fresh.paths.state.parent.mkdir(exist_ok=True)
    fresh.paths.engine.write_text("builtin\n", "utf-8")
    noted = _note_as_begun(environment.paths.state, fresh.paths.state)

    up = fresh.run(*UP)

    assert up.status == 0, up.text[-5000:]
    assert f"program  {noted} created, " in up.text
    settled(fresh)


def test_each_thing_that_a_killed_run_deleted_is_forgotten(environment: Checkout) -> None:
    """Killed right after each deletion: it is gone, and still noted."""
    state = environment.paths.state
    environment.declare(_every_schema_may_go)
    environment.up()
    kept = state.read_text("utf-8")
    environment.declare(_nobody)
    first = environment.up()
    state.write_text(kept, "utf-8")

    again = environment.run(*UP)

    assert again.status == 0, again.text[-5000:]
    assert _deleted(again.text) == _deleted(first.text) > 100
    settled(environment)
    environment.restore()
    environment.up()


def _note_as_begun(state: Path, noted: Path) -> int:
    """Write what every creation of this state noted before its call; return how many."""
    kept = json.loads(state.read_text("utf-8"))
    begun = [
        one for one in kept["resources"] if one["custom"] and "pulumi:providers:" not in one["type"]
    ]
    for one in begun:
        one.update(creating=True, id="", outputs={})
    noted.write_text(json.dumps(kept), "utf-8")
    return len(begun)


def _every_schema_may_go(settings: Declarations) -> None:
    for workflow in settings["workflows"]:
        workflow["drop"] = True


def _nobody(settings: Declarations) -> None:
    nobody: dict[str, list[Any]] = {"workflows": [], "people": [], "agents": []}
    settings.update(nobody)


def _deleted(text: str) -> int:
    (count,) = re.findall(r"^program .* (\d+) deleted", text, re.MULTILINE)
    return int(count)
