"""What people read of a judgement: what, where, why, and how to mend it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from policies.judgement import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.judging.whole import Given, Whole


def lines(whole: Whole) -> Iterator[str]:
    """Yield the verdicts, and a line of how many there are."""
    for one in whole.given:
        if one.verdict.outcome is not Outcome.NOT_YET_KNOWN:
            yield from _verdict(one)
    later = Counter(
        one.verdict.rule for one in whole.given if one.verdict.outcome is Outcome.NOT_YET_KNOWN
    )
    if later:
        yield f"not yet known in a preview, held with AWS's answers made up: {_counted(later)}"
    for sentence in (*whole.not_run, *whole.stale):
        yield f"note: {sentence}"
    asked = ", ".join(f"{judge} of {number}" for judge, number in sorted(whole.judges.items()))
    yield f"other judges, asked of so many things: {asked or 'none'}; {whole.accepted} accepted"
    told = ", ".join(f"{number} {name}" for name, number in whole.counts.items())
    yield f"{whole.environment}: {whole.rules} rules over {whole.resources} resources: {told}"


def _verdict(one: Given) -> Iterator[str]:
    verdict = one.verdict
    kind = f"{verdict.outcome.value} ({verdict.level.value}, {verdict.severity})"
    yield f"{verdict.rule}: {kind} {verdict.where} [{one.judge}]"
    yield f"  why:  {verdict.sentence}"
    if verdict.waiver:
        yield f"  until {verdict.waiver.expires}: {verdict.waiver.reason}"
    else:
        yield f"  mend: {verdict.mend}"
    if verdict.controls:
        yield f"  see:  {', '.join(verdict.controls)}"


def _counted(rules: Counter[str]) -> str:
    return ", ".join(f"{name} ({number})" for name, number in sorted(rules.items()))
