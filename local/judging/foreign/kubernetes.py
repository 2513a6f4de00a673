"""Judges of manifests that were not written here.

* Kubernetes' API schemas, strict: what a server of that version would refuse to decode.
* Pod Security, by the library that the API server itself uses (a Go program around it).

They answer with refusals; whether one is accepted is decided by whoever asks.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import kubernetes_validate

from local.judging.foreign.answers import JUDGES, Answer, Finding, JudgeMissingError, Refusal
from local.judging.foreign.manifests import (
    by_object,
    manifests_of,
    object_name,
    pods_of,
    task_pods,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from local.judging.foreign.manifests import Manifest, PodToJudge
    from policies.resources import Stack

# What EKS offers on 2026-11-22, standard and extended support together: 1.31 until 2026-11-26,
# 1.32 until 2027-03-23, 1.33 until 2027-07-29, 1.34 until 2027-12-02, 1.35 until 2028-03-27, then
# 1.36 (docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html). Kubernetes itself is at
# 1.37, which EKS takes up next.
KUBERNETES_VERSIONS = ("1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37")


def schema_refusals(manifests: Iterable[Manifest], version: str) -> list[Refusal]:
    """Return what the API of a Kubernetes version refuses: unknown kinds, fields, wrong values."""
    return [
        refusal
        for manifest in manifests
        if (refusal := _schema_refusal(manifest, version)) is not None
    ]


def _schema_refusal(manifest: Manifest, version: str) -> Refusal | None:
    name, namespace = object_name(manifest), manifest["metadata"].get("namespace", "")
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        path = ".".join(str(part) for part in error.path)
        return Refusal("schema", name, f"v{version}: {path}: {error.message}", namespace)
    except kubernetes_validate.SchemaNotFoundError as error:
        return Refusal("kind", name, f"v{version}: {error.message}", namespace)
    return None


class PodSecurity:
    """The Pod Security Standards, judged by Kubernetes' own library."""

    def __init__(self, program: Path) -> None:
        self._program = program

    @classmethod
    def built(cls, folder: Path) -> PodSecurity:
        """Build the program into `folder`; the toolchain keeps what it built before.

        Raises:
            JudgeMissingError: there is no Go toolchain, or it cannot build the program.
        """
        go = shutil.which("go")
        if go is None:
            raise JudgeMissingError(
                "Pod Security is judged by a Go library: install Go 1.26 or later"
            )
        program = folder / "podsecurity"
        # GOFLAGS: what go.sum does not hold is an error, not a download of something else.
        done = subprocess.run(
            [go, "build", "-o", str(program), "."],
            cwd=JUDGES / "podsecurity",
            env=os.environ | {"GOFLAGS": "-mod=readonly -buildvcs=false"},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        if done.returncode:
            raise JudgeMissingError(f"Go cannot build the judge of Pod Security: {done.stderr}")
        return cls(program)

    def refusals(
        self, pods: Sequence[PodToJudge], versions: Sequence[str] = KUBERNETES_VERSIONS
    ) -> list[Refusal]:
        """Return what the level `restricted` of these versions refuses.

        Raises:
            ValueError: it cannot read the pods.
        """
        named = {f"{number}": one for number, one in enumerate(pods)}
        asked = [
            {"name": name, "metadata": one.metadata, "spec": one.spec}
            for name, one in named.items()
        ]
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
            Refusal(
                reason,
                named[one["name"]].name,
                f"{one['version']}: {detail}",
                named[one["name"]].namespace,
            )
            for one in json.loads(done.stdout)
            for reason, detail in zip(one["reasons"], one["details"], strict=True)
        )


def by_schemas(stack: Stack, _root: Path) -> list[Answer]:
    """Ask the schemas of every Kubernetes version that EKS supports."""
    manifests = manifests_of(stack)
    whole = [*manifests, *task_pods(manifests)]
    refusals = [one for version in KUBERNETES_VERSIONS for one in schema_refusals(whole, version)]
    return [_answer("kubernetes schemas", stack, len(whole), refusals)]


def by_pod_security(stack: Stack, root: Path) -> list[Answer]:
    """Ask Kubernetes' own library about every pod; raises as `PodSecurity` does."""
    program, pods = PodSecurity.built(root / "build" / "judges"), pods_of(manifests_of(stack))
    return [_answer("pod security", stack, len(pods), program.refusals(pods))]


def _answer(judge: str, stack: Stack, looked: int, refusals: Iterable[Refusal]) -> Answer:
    objects = by_object(stack)
    return Answer(
        judge=judge,
        looked=looked,
        findings=tuple(
            Finding(judge=judge, refusal=one, resource=objects[one.namespace, one.object])
            for one in refusals
        ),
    )
