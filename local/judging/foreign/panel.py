"""All judges that were not written here, asked about a stack at once.

    checkov             resources as a Terraform plan, and manifests
    cfn-lint            resources as a CloudFormation template: what AWS's services take
    parliament          every IAM document
    kubernetes schemas  every manifest, for each version that EKS supports
    pod security        every pod, at the level `restricted`

A judge that is not installed is named, with what to do; it is never taken for one that agrees.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.judging.foreign.answers import Accepted, Answer, Finding, JudgeMissingError, accepted
from local.judging.foreign.kubernetes import by_pod_security, by_schemas
from local.judging.foreign.python_judges import by_checkov, by_linters

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from policies.resources import Stack

# The first ones take longest; each of the other judges' own programs runs beside this process.
_PANEL = (by_checkov, by_linters, by_pod_security, by_schemas)


@dataclass(frozen=True, kw_only=True)
class ForeignJudgement:
    """What all of them say.

    Attributes:
        findings: what is refused, and by no entry of `exceptions.yaml` accepted.
        accepted: what is refused and accepted, each with its entry.
        unused: entries that accept nothing here; none is told where a judge was not asked.
        looked: how many things each judge that was asked looked at.
        not_run: judges that were not asked, a sentence each.
    """

    findings: tuple[Finding, ...]
    accepted: tuple[tuple[Finding, Accepted], ...]
    unused: tuple[Accepted, ...]
    looked: Mapping[str, int]
    not_run: tuple[str, ...]


def judged(stack: Stack, name: str, root: Path) -> ForeignJudgement:
    """Ask every judge about a stack.

    Args:
        stack: what is declared, with AWS's answers made up (`declared(..., assumed=True)`).
        name: the stack's.
        root: the project's folder.

    Raises:
        NoTranslationError: a type is declared that they would not get to see.
        ValueError: a value is not known, or a judge cannot read what it is asked.
    """
    answers: list[Answer] = []
    not_run: list[str] = []
    with ThreadPoolExecutor(len(_PANEL)) as pool:
        for asked in [pool.submit(one, stack, root) for one in _PANEL]:
            try:
                answers += asked.result()
            except JudgeMissingError as error:
                not_run.append(str(error))
    return sorted_out(answers, accepted(name), not_run)


def sorted_out(
    answers: Iterable[Answer], entries: Iterable[Accepted], not_run: Iterable[str] = ()
) -> ForeignJudgement:
    """Tell what entries accept from what they do not."""
    answers, entries, not_run = list(answers), list(entries), tuple(not_run)
    findings = sorted(
        (one for answer in answers for one in answer.findings),
        key=lambda one: (one.judge, one.refusal),
    )
    let_be = [
        (one, entry)
        for one in findings
        if (entry := next((each for each in entries if each.covers(one.refusal)), None))
    ]
    covered, used = {id(one) for one, _ in let_be}, {entry for _, entry in let_be}
    return ForeignJudgement(
        findings=tuple(one for one in findings if id(one) not in covered),
        accepted=tuple(let_be),
        unused=() if not_run else tuple(one for one in entries if one not in used),
        looked={one.judge: one.looked for one in answers},
        not_run=not_run,
    )
