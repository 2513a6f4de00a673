"""The table of all rules in the docs is what the pack has."""

from __future__ import annotations

from pathlib import Path

from policies.rendered import document

ROOT = Path(__file__).resolve().parents[2]


def test_docs_are_what_the_pack_has() -> None:
    written = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
    assert written == document(), ".venv/bin/python -m policies.rendered > docs/policies.md"
