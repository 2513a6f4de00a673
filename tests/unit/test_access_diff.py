"""`make access-diff`: two checkouts compared, whatever the older one is like."""

from __future__ import annotations

import json
import shutil
from argparse import Namespace
from datetime import date
from pathlib import Path

import pytest

from local.commands import access_diff
from local.commands.common import CommandError
from local.paths import Paths
from local.pull_request.base import base_of, budget_line
from stacks.access_changes import NOTHING
from stacks.budget import connection_budget
from stacks.settings import load_stack_file

ROOT = Path(__file__).resolve().parents[2]
TODAY = date(2026, 11, 23)


def edited(folder: Path, *replacements: tuple[str, str], stack: str = "dev") -> None:
    file = folder / f"Pulumi.{stack}.yaml"
    text = file.read_text("utf-8")
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new)
    file.write_text(text, "utf-8")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """What of another checkout counts."""
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.local.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def told(
    base: Path | str, capsys: pytest.CaptureFixture[str], env: str = "dev", *, machine: bool = False
) -> str:
    arguments = Namespace(env=env, base=str(base), json=machine)
    assert access_diff.run(Paths(ROOT), arguments) == 0
    return capsys.readouterr().out


def test_nothing_changes_between_equal_checkouts(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, budget = told(base, capsys).splitlines()

    assert first == "nobody gains or loses anything"
    assert budget.startswith("budget: ")
    assert budget.count(", as before") == 2


def test_what_is_gained_and_lost_is_said_and_so_is_the_budget(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edited(
        base,
        ("reads: [reference]", "reads: [marketing]"),
        ("connectionLimit: 20", "connectionLimit: 19"),
    )
    lines = told(base, capsys).splitlines()

    assert "+ in dev: billing (workflow) may now read dev_reference_v1" in lines
    assert "- in dev: billing (workflow) may no longer read dev_marketing_v1" in lines
    assert lines[0].startswith("+ ")
    assert ", before " in lines[-1]
    assert ", as before" in lines[-1]


def test_a_machine_reads_the_same(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edited(base, ("reads: [reference]", "reads: []"))
    document = json.loads(told(base, capsys, machine=True))
    lines = told(base, capsys).splitlines()

    assert (document["environment"], document["note"]) == ("dev", "")
    assert [f"+ {one['sentence']}" for one in document["changes"]] == lines[:-1]
    assert f"budget: {document['budget']}" == lines[-1]


def test_a_new_environment_is_all_new(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (base / "Pulumi.dev.yaml").unlink()
    first, *changes, budget = told(base, capsys).splitlines()

    assert first == "note: dev is a new environment"
    assert changes
    assert {one[0] for one in changes} == {"+"}
    assert "before" not in budget


def test_a_base_that_is_not_valid_now_says_so(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edited(base, ("reads: [reference]", "reads: [nobody]"))
    first, *changes, _ = told(base, capsys).splitlines()

    assert first.startswith("note: the base's Pulumi.dev.yaml is not valid now, so all access is")
    assert "workflows[0].reads[0]" in first
    assert {one[0] for one in changes} == {"+"}


@pytest.mark.parametrize(
    ("kind", "reads"), [("person", "[billing]"), ("agent", "[billing, reference]")]
)
def test_access_that_ran_out_since_is_what_the_base_had(base: Path, kind: str, reads: str) -> None:
    before = f"      reads: {reads}\n      expires: "
    edited(base, (f'{before}"2099-12-31"', f'{before}"2026-11-20"'), stack="local")

    found = base_of(base, "local", TODAY)

    assert found.note == ""
    expired = [one for one in found.access.grants if one.expires == date(2026, 11, 20)]
    assert {one.kind for one in expired} == {kind}


def test_an_expiry_that_is_no_date_is_told_by_the_settings(base: Path) -> None:
    edited(base, ('"2099-12-31"', '"soon"'), stack="local")

    found = base_of(base, "local", TODAY)

    assert found.access == NOTHING
    assert "soon" in found.note


def test_an_instance_of_another_class_shows_in_the_budget(base: Path) -> None:
    before = connection_budget(load_stack_file(ROOT, "dev", TODAY))
    edited(base, ("instanceClass: db.t4g.medium", "instanceClass: db.t4g.large"))
    after = connection_budget(load_stack_file(base, "dev", TODAY))

    for line, was, now in zip(
        budget_line(before, after).split("; "),
        (before.metadata, before.application),
        (after.metadata, after.application),
        strict=True,
    ):
        assert line == (
            f"{now.instance} {now.total} of {now.max_connections} connections (db.t4g.large), "
            f"before {was.total} of {was.max_connections} (db.t4g.medium)"
        )


@pytest.mark.parametrize("folder", ["", "nowhere"])
def test_without_a_checkout_to_compare_with_it_says_how_to_make_one(folder: str) -> None:
    with pytest.raises(CommandError, match=f"BASE is '{folder}'; .* `git worktree add"):
        access_diff.run(Paths(ROOT), Namespace(env="dev", base=folder, json=False))
