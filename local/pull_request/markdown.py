"""Text that others wrote, made harmless in GitHub's Markdown, and lists that fit.

A name is whatever somebody called a thing: it may hold Markdown, HTML, or the name of somebody who
would be told of the comment.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

LONGEST_LINE = 400
_One = TypeVar("_One")
_PUNCTUATION = re.compile(r"([^\w\s,;'\"%?/])", re.ASCII)
_MENTION = re.compile(r"@(?=\w)")
_REFERENCE = re.compile(r"#(?=\d)")
_JOINER = "\u2060"
"""Nothing that is seen; behind it GitHub finds no name and no number."""


def plain(text: str) -> str:
    """`text` as one line of printable characters, of a length that a comment bears."""
    # Cut before as well: a text may be as long as a file.
    line = " ".join(text[: 2 * LONGEST_LINE].split())
    line = "".join(each if each.isprintable() else "\ufffd" for each in line[: LONGEST_LINE + 1])
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…"


def escaped(text: str) -> str:
    """`text` within a sentence or a table: nothing of it is Markdown, HTML, a link or a mention."""
    return _PUNCTUATION.sub(r"\\\1", _unlinked(plain(text)))


def block(lines: Iterable[str], language: str = "") -> list[str]:
    """Lines as a code block that none of them can end; none: no block."""
    shown = [plain(line) for line in lines]
    if not shown:
        return []
    longest = max((len(run) for line in shown for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *shown, fence, ""]


def at_most(number: int | None, some: Sequence[_One], line: Callable[[_One], str]) -> list[str]:
    """A line for each of the first, and how many more there are; None: all."""
    lines = [line(one) for one in some[:number]]
    if more := len(some) - len(lines):
        lines.append(f"… and {more} more" if number else f"… {more}, not shown")
    return lines


def _unlinked(text: str) -> str:
    return _REFERENCE.sub(f"#{_JOINER}", _MENTION.sub(f"@{_JOINER}", text))
