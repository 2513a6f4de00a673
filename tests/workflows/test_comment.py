"""The comment says what can hurt first, shows what others wrote as text, and always fits."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from local.pull_request.changes import between, foreseen
from local.pull_request.comment import LONGEST_COMMENT, MARKER, Preview, comment, previews
from local.pull_request.documents import (
    AccessDiff,
    AccessEntry,
    Changes,
    DocumentError,
    Policy,
    ResourceChange,
    VerdictEntry,
    WaiverEntry,
)
from local.pull_request.markdown import block, escaped

WAIVED = VerdictEntry(
    rule="rds-multi-az",
    judge="airflow-postgres",
    level="mandatory",
    severity="high",
    where="metadata",
    outcome="waived",
    sentence="multiAz is false",
    waiver=WaiverEntry(reason="moved to two zones in the next window", expires="2027-01-31"),
)
REFUSED = VerdictEntry(
    rule="rds-encrypted",
    judge="checkov",
    level="mandatory",
    severity="critical",
    where="application",
    outcome="refused",
    sentence="storageEncrypted is false",
    mend="set it",
    controls=("FSBP RDS.3",),
)


def preview(
    resources: tuple[ResourceChange, ...] = (),
    access: tuple[AccessEntry, ...] = (),
    verdicts: tuple[VerdictEntry, ...] = (),
    environment: str = "prod",
) -> Preview:
    return Preview(
        environment=environment,
        changes=Changes(environment=environment, deployed=True, changes=resources, unchanged=5),
        access=AccessDiff(environment=environment, changes=access, budget="metadata 1 of 2"),
        policy=Policy(environment=environment, fails=bool(verdicts), verdicts=verdicts, counts={}),
    )


def change(what: Any, name: str) -> ResourceChange:  # noqa: ANN401 - one of a few words
    return ResourceChange(what=what, type="aws:rds/instance:Instance", name=name)


def in_order(text: str, *parts: str) -> bool:
    places = [text.find(part) for part in parts]
    return -1 not in places and places == sorted(places)


def test_what_can_hurt_comes_first() -> None:
    text = comment(
        [
            preview(
                resources=(
                    change("replace", "application"),
                    change("delete", "metadata"),
                    change("change", "other"),
                    change("create", "new"),
                ),
                access=(
                    AccessEntry(effect="gain", sentence="billing may now read"),
                    AccessEntry(effect="loss", sentence="billing may no longer read"),
                ),
                verdicts=(REFUSED, WAIVED),
            )
        ]
    )

    assert text.startswith(f"{MARKER}\n")
    assert in_order(
        text,
        "1 replaced, 1 deleted, 1 changed, 1 created, 5 unchanged",
        "\n- replace aws:rds/instance:Instance application\n",
        "\n- delete aws:rds/instance:Instance metadata\n",
        "<details>",
        "\n! change aws:rds/instance:Instance other\n",
        "\n+ create aws:rds/instance:Instance new\n",
        "</details>",
        "\n+ billing may now read\n",
        "\n- billing may no longer read\n",
        "metadata 1 of 2",
        r"**rds\-encrypted** (mandatory, critical, checkov) application",
        "Mend: set it",
        r"**rds\-multi\-az**",
        r"waived until 2027\-01\-31: moved to two zones in the next window",
    )


_NASTY = st.text(st.sampled_from("`<>|*_[]()@#!&\\\n\r\u202e\x00 a1:/~"), min_size=1, max_size=60)


@given(_NASTY)
def test_what_others_wrote_is_text_in_a_sentence(text: str) -> None:
    shown = escaped(text)

    assert "\n" not in shown
    assert "\r" not in shown
    # Every character that means something to Markdown, HTML or GitHub has a backslash before it.
    bare = re.sub(r"\\[^\w\s]", "", shown)
    assert not re.search(r"[`<>|*\[\]()#!&\\@~]", bare)
    assert not re.search(r"@\w|#\d", shown)
    assert "\u202e" not in shown


@given(st.lists(_NASTY, min_size=1, max_size=4))
@example(["```", "outside", "`````"])
def test_no_line_ends_a_code_block(lines: list[str]) -> None:
    first, *shown, last, empty = block(lines)

    assert (first, empty) == (last, "")
    assert len(shown) == len(lines)
    assert all(last not in line for line in shown)


@pytest.mark.parametrize("environments", [1, 3, 300])
@pytest.mark.parametrize("length", [10, 5000])
def test_however_much_there_is_it_fits_and_says_what_is_left_out(
    environments: int, length: int
) -> None:
    name = "@" * length
    one = preview(
        resources=tuple(change(what, name) for what in ("replace", "create") for _ in range(400)),
        access=tuple(AccessEntry(effect="gain", sentence=name) for _ in range(400)),
        verdicts=(VerdictEntry(**{**dict(REFUSED), "sentence": name}),) * 400,
    )

    text = comment([one] * environments)

    assert 1000 < len(text) <= LONGEST_COMMENT
    assert len(text.encode("utf-16-le")) // 2 <= LONGEST_COMMENT
    assert "**Lists are shortened**" in text
    assert ("more environments** do not fit" in text) == (environments == 300)


def test_the_lists_that_matter_are_shortened_last() -> None:
    text = comment(
        [
            preview(
                resources=(
                    change("replace", "application"),
                    *(change("create", f"workflow-{number}") for number in range(3000)),
                ),
                access=(AccessEntry(effect="gain", sentence="billing may now read"),),
            )
        ]
    )

    assert "- replace aws:rds/instance:Instance application" in text
    assert "+ billing may now read" in text
    assert "… and 2900 more" in text
    assert "1 replaced, 3000 created" in text


def test_what_a_preview_did_not_leave_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "preview-prod"
    folder.mkdir()
    (folder / "access.json").write_text('{"changes": "none"}')
    (folder / "policy.json").write_text("not JSON")

    text = comment(previews(tmp_path))

    assert r"**Not known:** changes\.json cannot be read\: No such file or directory" in text
    assert r"**Not known:** access\.json is not what it should be\: environment\: Field" in text
    assert r"**Not known:** policy\.json is not what it should be\: the whole\: Invalid" in text


def test_without_any_preview_it_says_so(tmp_path: Path) -> None:
    assert "The previews left nothing to show" in comment(previews(tmp_path))


def step(op: str, urn: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    state = {"custom": True, "inputs": {"password": "canary"}}
    return {"op": op, "urn": urn, "newState": state, **more}


def test_the_clis_steps_are_read_without_values(tmp_path: Path) -> None:
    urn = "urn:pulumi:prod::airflow-postgres::x:y:Z$aws:rds/instance:Instance::"
    path = tmp_path / "preview.json"
    component = step("create", f"{urn}component") | {"newState": {"custom": False}}
    steps = [
        step("same", f"{urn}same"),
        step("refresh", f"{urn}refreshed"),
        step("update", f"{urn}updated", diffReasons=["port"]),
        step("create-replacement", f"{urn}replaced", replaceReasons=["engine"]),
        step("replace", f"{urn}replaced", diffReasons=["engine", "port"]),
        step("delete-replaced", f"{urn}replaced"),
        {"op": "delete", "urn": f"{urn}deleted", "oldState": {"custom": True}},
        component,
    ]
    path.write_text(json.dumps({"steps": steps, "config": {"a": "canary"}}))

    found = foreseen(path, "prod")

    assert [(one.what, one.name, one.properties) for one in found.changes] == [
        ("replace", "replaced", ("engine", "port")),
        ("delete", "deleted", ()),
        ("change", "updated", ("port",)),
    ]
    assert found.unchanged == 2
    assert {one.type for one in found.changes} == {"aws:rds/instance:Instance"}
    assert "canary" not in found.model_dump_json()


def test_two_previews_are_compared_by_what_they_declare(tmp_path: Path) -> None:
    def written(name: str, **inputs: dict[str, Any]) -> Path:
        resources = [
            {"urn": urn, "type": "t", "name": urn, "component": urn == "c", "inputs": of_one}
            for urn, of_one in inputs.items()
        ]
        path = tmp_path / name
        path.write_text(json.dumps({"resources": resources, "problems": []}))
        return path

    base = written("base", a={"x": 1}, b={"x": 1, "y": 2}, gone={}, c={"x": 1})
    head = written("head", a={"x": 1}, b={"x": 3, "z": 2}, new={"x": 1}, c={"x": 2})

    found = between(base, head, "prod")

    assert [(one.what, one.name, one.properties) for one in found.changes] == [
        ("delete", "gone", ()),
        ("change", "b", ("x", "y", "z")),
        ("create", "new", ()),
    ]
    assert (found.unchanged, found.deployed) == (1, False)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"steps": [{}]}', "null", '"\ud800"'])
def test_what_is_no_preview_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "preview.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))

    with pytest.raises(DocumentError, match=r"^preview\.json (is not what|has no steps)"):
        foreseen(path, "prod")
