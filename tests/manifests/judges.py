"""Judges of manifests that were not written here, asked through their own programs.

* Kubernetes' API schemas, strict: what a server of that version would refuse to decode.
* Pod Security, by the library that the API server itself uses (a Go program around it).
* Checkov's rules for Kubernetes.

They answer with refusals; whether one is accepted is decided by whoever asks.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.manifests.rendered import Manifest, PodToJudge

ROOT = Path(__file__).resolve().parents[2]
JUDGES = ROOT / "policies" / "judges"
CHECKOV = ROOT / ".venv-judges" / "bin" / "checkov"

# What EKS offers on 2026-11-22, standard and extended support together: 1.31 until 2026-11-26,
# 1.32 until 2027-03-23, 1.33 until 2027-07-29, 1.34 until 2027-12-02, 1.35 until 2028-03-27, then
# 1.36 (docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html). Kubernetes itself is at
# 1.37, which EKS takes up next.
KUBERNETES_VERSIONS = ("1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37")


@dataclass(frozen=True, order=True)
class Refusal:
    """What a judge has against an object."""

    rule: str
    object: str
    """`Kind.name`."""
    text: str = ""


def schema_refusals(manifests: Iterable[Manifest], version: str) -> list[Refusal]:
    """Return what the API of a Kubernetes version refuses: unknown kinds, fields, wrong values."""
    return [
        refusal
        for manifest in manifests
        if (refusal := _schema_refusal(manifest, version)) is not None
    ]


def _schema_refusal(manifest: Manifest, version: str) -> Refusal | None:
    name = f"{manifest['kind']}.{manifest['metadata']['name']}"
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        path = ".".join(str(part) for part in error.path)
        return Refusal("schema", name, f"{path}: {error.message}")
    except kubernetes_validate.SchemaNotFoundError as error:
        return Refusal("kind", name, error.message)
    return None


class PodSecurity:
    """The Pod Security Standards, judged by Kubernetes' own library."""

    def __init__(self, program: Path) -> None:
        self._program = program

    @classmethod
    def built(cls, folder: Path) -> PodSecurity:
        """Build the program into `folder`; without a Go toolchain the test is skipped."""
        go = shutil.which("go")
        if go is None:
            pytest.skip("Pod Security is judged by a Go library: install Go 1.26 or later")
        program = folder / "podsecurity"
        # GOFLAGS: what go.sum does not hold is an error, not a download of something else.
        subprocess.run(
            [go, "build", "-o", str(program), "."],
            cwd=JUDGES / "podsecurity",
            env=os.environ | {"GOFLAGS": "-mod=readonly -buildvcs=false"},
            check=True,
            timeout=600,
        )
        return cls(program)

    def refusals(
        self, pods: Sequence[PodToJudge], versions: Sequence[str] = KUBERNETES_VERSIONS
    ) -> list[Refusal]:
        """Return what the level `restricted` of these versions refuses."""
        asked = [{"name": one.name, "metadata": one.metadata, "spec": one.spec} for one in pods]
        done = subprocess.run(
            [str(self._program), "restricted", *(f"v{version}" for version in versions)],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            raise ValueError(f"Pod Security could not read the pods: {done.stderr.strip()}")
        return sorted(
            Refusal(reason, one["name"], f"{one['version']}: {detail}")
            for one in json.loads(done.stdout)
            for reason, detail in zip(one["reasons"], one["details"], strict=True)
        )


class Checkov:
    """Checkov's rules for Kubernetes."""

    @staticmethod
    def installed() -> Checkov:
        """Return it, or skip the test where its environment was not made."""
        if not CHECKOV.exists():
            pytest.skip("Checkov has an environment of its own: make judges")
        return Checkov()

    def refusals(self, manifests: Iterable[Manifest], folder: Path) -> list[Refusal]:
        """Return what fails; what a manifest itself wants skipped counts as failed.

        Not `--quiet`: it would keep silent about what was skipped.

        Args:
            manifests: Judged together, as some rules look at several objects.
            folder: Where their files are written.
        """
        # Block style: Checkov reads no JSON in YAML.
        text = yaml.safe_dump_all(list(manifests), default_flow_style=False, sort_keys=False)
        (folder / "manifests.yaml").write_text(text)
        done = subprocess.run(
            [
                str(CHECKOV),
                *("--directory", str(folder), "--framework", "kubernetes", "--output", "json"),
                *("--compact", "--soft-fail", "--skip-download"),
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
        report = json.loads(done.stdout)
        results, summary = report["results"], report["summary"]
        if summary["parsing_errors"] or not summary["resource_count"]:
            raise ValueError(f"Checkov could not read the manifests: {summary}")
        return sorted(
            Refusal(one["check_id"], _without_namespace(one["resource"]), one["check_name"])
            for one in [*results["failed_checks"], *results["skipped_checks"]]
        )


def _without_namespace(resource: str) -> str:
    """Turn Checkov's `Kind.namespace.name` into `Kind.name`."""
    kind, _, rest = resource.partition(".")
    return f"{kind}.{rest.partition('.')[2]}"


@dataclass(frozen=True, kw_only=True)
class Skip:
    """A rule that does not hold for some objects."""

    rule: str
    objects: str
    stacks: Sequence[str]
    reason: str

    def covers(self, refusal: Refusal) -> bool:
        """Tell whether this entry accepts the refusal, in a stack that it is for."""
        return refusal.rule == self.rule and fnmatchcase(refusal.object, self.objects)


def skips(stack: str) -> list[Skip]:
    """Return the entries of `policies/judges/checkov_skips.yaml` for a stack."""
    entries: list[dict[str, Any]] = yaml.safe_load((JUDGES / "checkov_skips.yaml").read_text())
    return [skip for skip in (Skip(**entry) for entry in entries) if stack in skip.stacks]
