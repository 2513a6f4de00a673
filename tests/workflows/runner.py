"""A step of a workflow, run as GitHub's runner runs it; it tests nothing.

The commands are the workflows' own, with the variables, the event and the files that GitHub gives.
Of GitHub's expressions it knows what the workflows use: comparisons, `&&`, `||` and names.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = ROOT / ".github" / "workflows"
LONGEST_SECONDS = 1200
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_MISLEADING = ("AWS_", "PULUMI_", "GITHUB_", "MAKE", "MFLAGS")


@dataclass(frozen=True, kw_only=True)
class Done:
    """A step that has ended."""

    status: int
    output: str
    errors: str
    summary: str
    path: str
    """What it added to the PATH of later steps."""

    @property
    def text(self) -> str:
        """All that it printed."""
        return self.output + self.errors


@dataclass(frozen=True, kw_only=True)
class Runner:
    """A machine that has checked out a commit.

    Attributes:
        checkout: where.
        scratch: a folder of its own.
        event: what happened, as GitHub writes it into a file.
        contexts: what expressions may name, such as `github.repository`; all else is empty.
        variables: of the environment; they stand for GitHub's own.
    """

    checkout: Path
    scratch: Path
    event: Mapping[str, Any]
    contexts: Mapping[str, str]
    variables: Mapping[str, str]

    def run(self, workflow: str, step: str) -> Done:
        """Run the step with this name of the only job of a workflow."""
        document = loaded(workflow)
        (job,) = document["jobs"].values()
        (found,) = (one for one in job["steps"] if one.get("name") == step)
        home = self.scratch / "home"
        files = {
            name: self.scratch / name.lower()
            for name in ("GITHUB_STEP_SUMMARY", "GITHUB_PATH", "GITHUB_EVENT_PATH")
        }
        for folder in (home, self.scratch / "temp"):
            folder.mkdir(parents=True, exist_ok=True)
        for name in ("GITHUB_STEP_SUMMARY", "GITHUB_PATH"):
            files[name].write_text("")
        files["GITHUB_EVENT_PATH"].write_text(json.dumps(self.event))
        contexts = {**self.contexts, "runner.temp": str(self.scratch / "temp")}
        own = {
            name: filled(str(text), contexts)
            for place in (document, job, found)
            for name, text in place.get("env", {}).items()
        }
        script = self.scratch / "step.sh"
        script.write_text(filled(found["run"], contexts))
        ended = subprocess.run(
            ["bash", "-e", str(script)],
            cwd=self.checkout,
            env={
                **{key: one for key, one in os.environ.items() if not key.startswith(_MISLEADING)},
                "CI": "true",
                "GITHUB_ACTIONS": "true",
                "HOME": str(home),
                "RUNNER_TEMP": contexts["runner.temp"],
                **{name: str(path) for name, path in files.items()},
                **self.variables,
                **own,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_SECONDS,
        )
        return Done(
            status=ended.returncode,
            output=ended.stdout,
            errors=ended.stderr,
            summary=files["GITHUB_STEP_SUMMARY"].read_text(),
            path=files["GITHUB_PATH"].read_text(),
        )


def loaded(workflow: str) -> dict[str, Any]:
    """The workflow of that name; its `on` is text here, as GitHub has it."""
    text = (WORKFLOWS / f"{workflow}.yml").read_text("utf-8")
    document: dict[Any, Any] = yaml.safe_load(text)
    return {"on" if key is True else key: value for key, value in document.items()}


def filled(text: str, contexts: Mapping[str, str]) -> str:
    """`text` with the values of its expressions."""
    return _EXPRESSION.sub(lambda found: _value(found[1], contexts), text)


def _value(expression: str, contexts: Mapping[str, str]) -> str:
    for either in expression.split(" || "):
        value = ""
        for each in either.split(" && "):
            value = _comparison(each, contexts)
            if value in {"", "false"}:
                break
        if value not in {"", "false"}:
            return value
    return value


def _comparison(text: str, contexts: Mapping[str, str]) -> str:
    for sign in (" == ", " != "):
        left, found, right = text.partition(sign)
        if found:
            same = _name(left, contexts) == _name(right, contexts)
            return str(same == (sign == " == ")).lower()
    return _name(text, contexts)


def _name(text: str, contexts: Mapping[str, str]) -> str:
    return text.strip("'") if text.startswith("'") else contexts.get(text, "")
