"""Judges that are Python programs, in an environment of their own: `policies/judges/ask.py`."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from local.judging.foreign.answers import JUDGES, Answer, Finding, JudgeMissingError, Refusal
from local.judging.foreign.cloudformation import template, template_resources
from local.judging.foreign.documents import documents_of
from local.judging.foreign.manifests import by_object, manifests_of, task_pods
from local.judging.foreign.terraform_plan import addresses, terraform_plan

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from policies.resources import Resource, Stack

Said: TypeAlias = dict[str, Any]


def by_checkov(stack: Stack, root: Path) -> list[Answer]:
    """Ask Checkov about resources and manifests; raises as `ask` does."""
    manifests = manifests_of(stack)
    questions = {
        "plan": terraform_plan(stack),
        # Block style: Checkov reads no JSON in YAML.
        "manifests": yaml.safe_dump_all(
            [*manifests, *task_pods(manifests)], default_flow_style=False, sort_keys=False
        ),
    }
    said = ask(root, questions, "checkov")["checkov"]
    resources, objects = addresses(stack), by_object(stack)
    findings = []
    for one in said["findings"]:
        if resource := resources.get(one["object"]):
            findings.append(_finding("checkov", resource, one))
        else:
            namespace, name = parted(one["object"])
            refusal = Refusal(one["rule"], name, one["sentence"], namespace, one["url"])
            where = objects[namespace, name]
            findings.append(Finding(judge="checkov", refusal=refusal, resource=where))
    return [Answer(judge="checkov", looked=said["looked"], findings=tuple(findings))]


def by_linters(stack: Stack, root: Path) -> list[Answer]:
    """Ask what knows IAM's documents and what AWS's services take; raises as `ask` does."""
    documents = documents_of(stack)
    questions = {
        "documents": {key: text for key, (_, text) in documents.items()},
        "template": template(stack),
        "region": _region(stack),
    }
    about: dict[str, Mapping[str, Resource]] = {
        "parliament": {key: one for key, (one, _) in documents.items()},
        "cfn-lint": template_resources(stack),
    }
    return [
        Answer(
            judge=judge,
            looked=said["looked"],
            findings=tuple(
                _finding(judge, about[judge][one["object"]], one) for one in said["findings"]
            ),
        )
        for judge, said in ask(root, questions, *about).items()
    ]


def ask(root: Path, questions: Mapping[str, Any], *judges: str) -> dict[str, Said]:
    """Ask judges of `ask.py`, in one process, and return what each says.

    Raises:
        JudgeMissingError: their environment was not made.
        ValueError: one cannot read what it is asked.
    """
    python, told = root / ".venv-judges" / "bin" / "python", " and ".join(judges)
    if not python.exists():
        raise JudgeMissingError(f"{told}: an environment of their own is missing: make judges")
    done = subprocess.run(
        [str(python), "-I", str(JUDGES / "ask.py"), *judges],
        input=json.dumps(questions),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it does not say why"])[-1]
        raise ValueError(f"{told} could not judge: {last}")
    said: dict[str, Said] = json.loads(done.stdout)
    return said


def parted(name: str) -> tuple[str, str]:
    """Turn Checkov's `Kind.namespace.name` into the namespace and `Kind.name`."""
    kind, _, rest = name.partition(".")
    namespace, _, name = rest.partition(".")
    return namespace, f"{kind}.{name}"


def _finding(judge: str, resource: Resource, one: Said) -> Finding:
    name = f"{resource.type.rpartition(':')[2]}.{resource.name}"
    refusal = Refusal(one["rule"], name, one["sentence"], url=one["url"])
    return Finding(judge=judge, refusal=refusal, resource=resource)


def _region(stack: Stack) -> str:
    (provider,) = stack.of("pulumi:providers:aws")
    return str(provider.properties["region"])
