"""The inventory of secrets that people read is the one that the tests search by."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.environment.secret_document import document
from tests.environment.secret_inventory import INVENTORY
from tests.environment.secret_rows import UNKNOWABLE

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "secrets.md"


def test_the_document_is_the_inventory() -> None:
    """Its head says how to write it anew."""
    assert DOCUMENT.read_text(encoding="utf-8") == document()


def test_each_secret_is_one_row() -> None:
    (most_common,) = Counter(one.name for one in INVENTORY).most_common(1)

    assert most_common[1] == 1


def test_what_is_searched_for_nowhere_says_so() -> None:
    for one in INVENTORY:
        assert one.places or one.seen == UNKNOWABLE or "user" in one.readers, one.name
