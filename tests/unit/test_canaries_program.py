"""What AWS tells the program and is secret goes nowhere: not into inputs, exports or its log.

Each resource answers with a canary under every name that providers give to secrets, and so does
each lookup, beside what the program uses. Nothing is carried out, so it proves nothing of what a
provider does with its own secrets.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
import pytest

from local.deploy import wire
from local.deploy.record import Recording, record
from stacks import platform
from stacks.settings import load_stack_file
from tests import offline

if TYPE_CHECKING:
    from local.deploy.registration import Call, Registration

ROOT = Path(__file__).resolve().parents[2]
CANARY = "canary-of-"
SECRETS = (
    "authToken",
    "clientSecret",
    "encryptedPassword",
    "kubeconfig",
    "masterPassword",
    "password",
    "plaintext",
    "privateKey",
    "result",
    "secret",
    "secretBinary",
    "sesSmtpPasswordV4",
    "token",
)
"""Names under which providers for AWS, Kubernetes and PostgreSQL answer with secrets."""
TRACER = "canary-of-what-is-used"
"""In an answer that the program uses: it has to arrive, or nothing could be seen to."""


def outputs(one: Registration) -> Mapping[str, Any]:
    """What a provider adds, secrets included."""
    added = {name: f"{CANARY}{one.type}-{name}" for name in SECRETS}
    used = dict(offline.outputs(one))
    if one.type == "aws:rds/instance:Instance":
        (master,) = used["masterUserSecrets"]
        used["masterUserSecrets"] = [{**master, "secretStatus": f"{CANARY}status"}]
        used["address"] = f"{used['address']}.{TRACER}"
    if one.type == "aws:rds/proxy:Proxy":
        used["endpoint"] = f"{used['endpoint']}.{TRACER}"
    if one.type == "aws:secretsmanager/secretVersion:SecretVersion":
        # As a provider does: its input comes back, and nobody is to read it.
        added["secretString"] = f"{CANARY}{one.name}"
    return {**added, **used}


def answers(call: Call) -> Mapping[str, Any]:
    """What a lookup says, secrets included."""
    added = {name: f"{CANARY}{call.token}-{name}" for name in SECRETS}
    return {**added, **offline.answers(call)}


@cache
def _recorded(stack: str) -> tuple[Recording, str]:
    """A whole stack, recorded, and all that was said and logged meanwhile."""

    def program() -> None:
        settings = load_stack_file(ROOT, stack, today=date(2026, 11, 22))
        for key, value in platform.declare(settings, stack=stack).items():
            pulumi.export(key, value)

    said, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(said), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            recording = record(program, stack=stack, root=ROOT, answers=answers, outputs=outputs)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    return recording, said.getvalue()


@pytest.fixture(params=["local", "dev", "prod"])
def run(request: pytest.FixtureRequest) -> tuple[Recording, str]:
    return _recorded(request.param)


def test_no_canary_arrives(run: tuple[Recording, str]) -> None:
    recording, said = run

    arrived = [
        f"{one.type} {one.name}: {path}"
        for one in recording
        for what in (one.inputs, one.registered_outputs or {})
        for path, text in _open(what)
        if CANARY in text.replace(TRACER, "")
    ]
    exported = [
        path for path, text in _open(recording.exports) if CANARY in text.replace(TRACER, "")
    ]
    assert (arrived, exported) == ([], [])
    assert "register" in said
    assert CANARY not in said.replace(TRACER, "")


def test_what_is_used_does_arrive(run: tuple[Recording, str]) -> None:
    """In inputs of several types and in exports: the search sees all the way."""
    recording, _ = run

    types = {one.type for one in recording for _, text in _open(one.inputs) if TRACER in text}
    assert len(types) >= 3
    assert any(TRACER in text for _, text in _open(recording.exports))


def test_a_secret_stays_one_on_its_way(run: tuple[Recording, str]) -> None:
    """A connection's address is in a secret value: it arrives there, and only under the mark."""
    recording, _ = run
    versions = recording.of_type("aws:secretsmanager/secretVersion:SecretVersion")

    assert versions
    for version in versions:
        assert TRACER in json.dumps(wire.plain(version.inputs["secretString"]))
        assert not list(_open(version.inputs["secretString"]))


def _open(value: Any, path: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON
    """Each text that is not marked as a secret, with the keys that lead to it."""
    if wire.is_secret(value):
        return
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _open(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for item in value:
            yield from _open(item, path)
    elif isinstance(value, str):
        yield path, value
