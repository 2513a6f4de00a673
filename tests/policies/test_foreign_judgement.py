"""Every stack before all judges that were not written here, with what is accepted of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.judging.foreign.answers import Accepted, JudgeMissingError, accepted
from local.judging.foreign.panel import judged, sorted_out
from local.judging.foreign.python_judges import ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from policies.resources import Stack

ROOT = Path(__file__).resolve().parents[2]
STACKS = ("local", "dev", "prod")
JUDGES = {"checkov", "cfn-lint", "parliament", "kubernetes schemas", "pod security"}


@pytest.mark.parametrize("stack", STACKS)
def test_nothing_is_refused_and_no_exception_is_stale(
    stack: str, stack_of: Callable[[str], Stack]
) -> None:
    said = judged(stack_of(stack), stack, ROOT)
    assert said.findings == ()
    assert said.unused == ()
    assert {*said.looked} == JUDGES or said.not_run
    assert all(said.looked.values())
    if said.not_run:
        pytest.skip("; ".join(said.not_run))


@pytest.mark.parametrize("stack", STACKS)
def test_each_exception_has_a_reason(stack: str) -> None:
    assert [one for one in accepted(stack) if len(one.reason.split()) < 8] == []


def test_a_judge_that_is_not_installed_is_named(
    stack_of: Callable[[str], Stack], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    said = judged(stack_of("prod"), "prod", tmp_path)
    assert {*said.looked} == {"kubernetes schemas"}
    assert [one.partition(":")[0] for one in said.not_run] == [
        "checkov",
        "parliament and cfn-lint",
        "Pod Security is judged by a Go library",
    ]
    assert said.unused == (), "an entry may be for a judge that was not asked"


def test_an_exception_that_accepts_nothing_is_told() -> None:
    stale = Accepted(rule="CKV_AWS_0", objects="*", stacks=("prod",), reason="gone")
    assert sorted_out([], [stale]).unused == (stale,)


def test_what_a_judge_cannot_read_is_no_agreement() -> None:
    try:
        with pytest.raises(ValueError, match=r"checkov could not judge: .*could not read plan"):
            ask(ROOT, {"plan": {"planned_values": {}}}, "checkov")
    except JudgeMissingError as error:
        pytest.skip(str(error))
