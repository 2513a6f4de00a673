"""Asks judges that were not written here: `ask.py checkov parliament cfn-lint < asked > answered`.

It runs in the environment of `requirements.lock`, which has nothing of the project. It reads JSON
(what, by the names of the judges' questions below) and writes JSON: for each judge how many things
it looked at and `[{"rule", "object", "sentence", "url"}]`. It decides nothing: all that a judge has
to say is told, and what a resource itself wants skipped, too. A judge is imported when it is
asked: that is most of the time that it takes.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

Json = Any
# With more it takes longer for each; a template may have 500.
AT_ONCE = 100


def checkov(asked: Json) -> Iterator[Json]:
    """Checkov, of `plan` (Terraform's JSON) and of `manifests` (YAML documents).

    In this process: started as a program, it takes many times as long. One plan a process: it
    remembers IAM documents by the addresses of their resources.
    """
    of_plans = import_module("checkov.terraform.plan_runner").Runner
    of_manifests = import_module("checkov.kubernetes.runner").Runner
    with tempfile.TemporaryDirectory() as folder:
        if plan := asked.get("plan"):
            yield from _checked(of_plans, Path(folder, "plan.json"), json.dumps(plan))
        if manifests := asked.get("manifests"):
            yield from _checked(of_manifests, Path(folder, "manifests.yaml"), manifests)


def _checked(runner: Callable[[], Json], file: Path, text: str) -> Iterator[Json]:
    everything = import_module("checkov.runner_filter").RunnerFilter()
    file.write_text(text, encoding="utf-8")
    report = runner().run(None, files=[str(file)], runner_filter=everything)
    if report.parsing_errors or not report.resources:
        raise ValueError(f"Checkov could not read {file.name}")
    yield len(report.resources)
    for one in [*report.failed_checks, *report.skipped_checks]:
        yield _finding(one.check_id, one.resource, one.check_name, one.guideline)


def parliament(asked: Json) -> Iterator[Json]:
    """Parliament, of `documents`: IAM documents by the names of what they belong to."""
    judge = import_module("parliament")
    documents = asked.get("documents", {})
    yield len(documents)
    for name, text in documents.items():
        for one in judge.analyze_policy_string(text).findings:
            about = judge.enhance_finding(one)
            words = [about.title.strip(), json.dumps(about.detail) if about.detail else ""]
            yield _finding(about.issue, name, ": ".join(filter(None, words)))


def cfn_lint(asked: Json) -> Iterator[Json]:
    """CloudFormation's linter, of `template`, for a `region`; what is only information is not told.

    It knows what the services take: classes, runtimes, patterns, sizes.
    """
    judge = import_module("cfnlint.api")
    # E3019 compares names of all resources, of which it sees a part.
    config = {"regions": [asked["region"]], "ignore_checks": ["E3019"]}
    resources = list(asked.get("template", {}).get("Resources", {}).items())
    yield len(resources)
    for first in range(0, len(resources), AT_ONCE):
        part = {**asked["template"], "Resources": dict(resources[first : first + AT_ONCE])}
        for one in judge.lint(json.dumps(part), config=config):
            path = [str(step) for step in one.path or []]
            if path[:1] != ["Resources"] or not path[1:]:
                raise ValueError(f"cfn-lint could not read the template: {one.message}")
            where = ".".join(path[3:])
            sentence = f"{where}: {one.message}" if where else one.message
            yield _finding(one.rule.id, path[1], sentence, one.rule.source_url)


def _finding(rule: str, name: str, sentence: str, url: str | None = "") -> Json:
    return {"rule": rule, "object": name, "sentence": sentence, "url": url or ""}


JUDGES: dict[str, Callable[[Json], Iterator[Json]]] = {
    "checkov": checkov,
    "parliament": parliament,
    "cfn-lint": cfn_lint,
}


def main() -> None:
    """Answer what was asked."""
    asked = json.load(sys.stdin)
    answers = {}
    # What a judge prints is no answer.
    with contextlib.redirect_stdout(sys.stderr):
        for name in sys.argv[1:]:
            said = list(JUDGES[name](asked))
            looked = sum(one for one in said if isinstance(one, int))
            findings = [one for one in said if not isinstance(one, int)]
            answers[name] = {"looked": looked, "findings": findings}
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
