"""The issue that says how an environment differs from its program; composed, not written, here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.pull_request.comment import change_line
from local.pull_request.markdown import at_most, block, escaped

if TYPE_CHECKING:
    from local.pull_request.documents import Changes

MOST_LINES = 100
WHAT_TO_DO = (
    "Somebody changed it by hand, or an update has not been applied. Find out who and why; then "
    "apply, or change the program. Each check writes this text anew, and closes the issue when it "
    "finds nothing."
)


def marker(environment: str) -> str:
    """The first line, by which the issue of an environment is found again."""
    return f"<!-- airflow-postgres: drift of {environment} -->"


def title(environment: str) -> str:
    """What the issue is called."""
    return f"{environment} is not as it is declared"


def text(changes: Changes) -> str:
    """What an update would put back."""
    head = f"What is deployed in {escaped(changes.environment)} differs from what is declared."
    return "\n".join(
        [
            marker(changes.environment),
            f"{head} An update would:",
            "",
            *block(at_most(MOST_LINES, changes.changes, change_line), "diff"),
            WHAT_TO_DO,
            "",
        ]
    )
