"""An update by the real engine that fails or is interrupted, and the next one, which goes on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from psycopg import sql

from tests.environment.checkout import Run, new_workflow, provisioner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engine.pulumi_stack import PulumiStack
    from tests.environment.checkout import Declarations

SECONDS = 300
"""Within which an interrupted update ends."""


@pytest.fixture
def stack(engine: PulumiStack, upped: object) -> Iterator[PulumiStack]:  # noqa: ARG001 - has to be up
    """The stack, with a new workflow that is declared and not there yet."""

    def change(settings: Declarations) -> None:
        settings["workflows"].append(new_workflow("stopped", drop=True))

    engine.checkout.declare(change)
    yield engine
    engine.checkout.restore()
    engine.up()


def execute(engine: PulumiStack, statement: str) -> None:
    with engine.checkout.account() as access:
        at = access.instance("application")
        with access.connect(provisioner(), at, autocommit=True) as session:
            session.execute(sql.SQL(statement))


def whole(engine: PulumiStack) -> bool:
    return not engine.preview().changes and set(engine.export()) == engine.without_the_cli()


def test_a_failing_resource_is_told_in_the_words_of_the_cli(stack: PulumiStack) -> None:
    execute(stack, "CREATE ROLE local_stopped_reader")
    try:
        run = stack.try_up()
    finally:
        execute(stack, "DROP ROLE local_stopped_reader")

    # The CLI's output may have more: it ends the program, and shows where that was.
    assert run.status == 1
    assert 'role "local_stopped_reader" already exists' in run.output
    assert re.fullmatch(
        r"error: `pulumi up --yes --skip-preview` ended with status \d+; its own words are above",
        run.errors.splitlines()[-1],
    )
    assert "Traceback" not in run.errors

    assert stack.up()["create"] > 0
    assert whole(stack)


def test_an_interrupted_update_is_ended_by_the_cli_and_the_next_goes_on(
    stack: PulumiStack,
) -> None:
    run = interrupted(stack)

    assert run.status == 130
    assert run.errors.splitlines()[-1] == "interrupted; run the same command again to go on"
    assert "Traceback" not in run.errors
    locks = stack.checkout.paths.local / "pulumi" / "state" / ".pulumi" / "locks"
    assert [file for file in locks.rglob("*") if file.is_file()] == []
    begun = set(stack.export())

    stack.up()
    assert begun < set(stack.export())
    assert whole(stack)


def interrupted(stack: PulumiStack) -> Run:
    """Run `up`, and press Ctrl-C as soon as the CLI has created the first role."""
    command = [sys.executable, "-m", "local", "up", "--engine", "pulumi", "--databases-only"]
    before = len(stack.export())
    state = stack.checkout.paths.local / "pulumi" / "state" / ".pulumi" / "stacks"
    (file,) = state.rglob(f"{stack.stack}.json")
    # Whoever runs tests in the background ignores Ctrl-C, and so would what they start.
    ignored = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        command,
        cwd=stack.checkout.folder,
        env=stack.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        signal.signal(signal.SIGINT, ignored)
        deadline = time.monotonic() + SECONDS
        while process.poll() is None and remembered(file.read_text(encoding="utf-8")) <= before:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        # To all of them, as a terminal does.
        os.killpg(process.pid, signal.SIGINT)
        output, errors = process.communicate(timeout=SECONDS)
    return Run(arguments=tuple(command), status=process.returncode, output=output, errors=errors)


def remembered(text: str) -> int:
    """How many resources a state has; none while it is being written."""
    try:
        return len(json.loads(text)["checkpoint"]["latest"]["resources"])
    except ValueError:
        return 0
