"""The pack as the engine starts it: a process that is asked by the engine's own protocol.

Only the engine itself is missing; what it would send is made of a recorded stack.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from policies.judgement import Environment, Waiver
from policies.pack import PROJECT
from policies.resources import Resource, Stack
from policies.rule import Level
from policies.rules import RULES

PACK = Path(__file__).resolve().parents[2] / "policies"
_LEVELS = {
    Level.ADVISORY: analyzer_pb2.ADVISORY,
    Level.MANDATORY: analyzer_pb2.MANDATORY,
    Level.DISABLED: analyzer_pb2.DISABLED,
}


class Said(NamedTuple):
    """A diagnostic of the pack."""

    policy: str
    level: str
    urn: str
    message: str


@dataclass(frozen=True)
class Analyzer:
    """A running pack."""

    stub: Any

    def configure(self, environment: Environment) -> None:
        """Say what an environment says of the rules; the engine fills in the defaults as well."""
        request = analyzer_pb2.ConfigureAnalyzerRequest()
        for about in (one.about for one in RULES):
            one = request.policyConfig[about.name]
            one.enforcementLevel = _LEVELS[environment.level(about)]
            one.properties.update(dict(environment.config(about)))
        self.stub.Configure(request)

    def info(self) -> Any:  # noqa: ANN401 - the protocol's message
        """What the pack tells of itself and its policies."""
        return self.stub.GetAnalyzerInfo(empty_pb2.Empty())

    def analyze(self, stack: Stack, *, waiting: tuple[str, ...] = ()) -> list[Said]:
        """What the pack says of each resource, and of all of them.

        Args:
            stack: what is declared.
            waiting: beginnings of types whose provider waits for its settings, and tells nothing.
        """
        said: list[Said] = []
        for one in stack.resources:
            request = analyzer_pb2.AnalyzeRequest(
                type=one.type,
                urn=one.urn,
                name=one.name,
                properties=_struct(one.properties),
                options=_options(one),
            )
            said += _said(self.stub.Analyze(request), one.urn)
        told = [
            replace(one, properties={}) if one.type.startswith(waiting) else one
            for one in stack.resources
        ]
        whole = analyzer_pb2.AnalyzeStackRequest(resources=map(_resource, told))
        return said + _said(self.stub.AnalyzeStack(whole), "")


@contextlib.contextmanager
def running(waivers: tuple[Waiver, ...] = ()) -> Iterator[Analyzer]:
    """Start the pack, and stop it in the end."""
    declared = json.dumps([{**vars(one), "expires": str(one.expires)} for one in waivers])
    environment = {**os.environ, "PULUMI_CONFIG": json.dumps({f"{PROJECT}:waivers": declared})}
    with subprocess.Popen(
        [sys.executable, "-u", PACK, "localhost:0"],
        stdout=subprocess.PIPE,
        env=environment,
        cwd=PACK,
    ) as process:
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield Analyzer(analyzer_pb2_grpc.AnalyzerStub(channel))
        finally:
            process.terminate()


def _struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(dict(properties))
    return struct


def _options(one: Resource) -> Any:  # noqa: ANN401 - the protocol's message
    return analyzer_pb2.AnalyzerResourceOptions(protect=one.protect, parent=one.parent)


def _resource(one: Resource) -> Any:  # noqa: ANN401 - the protocol's message
    return analyzer_pb2.AnalyzerResource(
        type=one.type,
        urn=one.urn,
        name=one.name,
        properties=_struct(one.properties),
        options=_options(one),
        parent=one.parent,
        propertyDependencies={
            key: analyzer_pb2.AnalyzerPropertyDependencies(urns=urns)
            for key, urns in one.depends.items()
        },
    )


def _said(answer: Any, urn: str) -> list[Said]:  # noqa: ANN401 - the protocol's message
    return [
        Said(
            policy=one.policyName,
            level=analyzer_pb2.EnforcementLevel.Name(one.enforcementLevel).lower(),
            urn=one.urn or urn,
            message=one.message,
        )
        for one in answer.diagnostics
    ]
