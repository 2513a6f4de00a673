"""The drivers against the SDKs and against the project: nothing that is declared is passed over."""

from __future__ import annotations

import importlib
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pulumi import ProviderResource, Resource, _types

from local.deploy import preview, render, wire
from local.deploy.changes import Kind
from local.deploy.drivers import DRIVERS, NO_SUBSTITUTE

if TYPE_CHECKING:
    from local.deploy.drivers.base import Driver

ROOT = Path(__file__).resolve().parents[2]
STACKS = ("local", "dev", "prod")
# `lambda` is a word of Python.
MODULES = {"lambda": "lambda_", "index": ""}


def _class(token: str) -> type[Resource]:
    package, module, name = token.split(":")
    if package == "pulumi":
        return _provider(name)
    if package == "kubernetes":
        group, version = module.removesuffix("/v1").split(".")[0], "v1"
        kubernetes: type[Resource] = getattr(
            importlib.import_module(f"pulumi_kubernetes.{group}.{version}"), name
        )
        return kubernetes
    folder = module.split("/")[0]
    path = f"pulumi_{package}.{MODULES.get(folder, folder)}".rstrip(".")
    found: type[Resource] = getattr(importlib.import_module(path), name)
    return found


def _provider(name: str) -> type[ProviderResource]:
    found: type[ProviderResource] = importlib.import_module(f"pulumi_{name}").Provider
    return found


@pytest.mark.parametrize(("token", "driver"), DRIVERS.items(), ids=list(DRIVERS))
def test_every_name_in_a_driver_is_one_of_the_sdk(token: str, driver: Driver) -> None:
    known = set(_types.resource_pulumi_to_py_names(_class(token)))
    if token.startswith("pulumi:providers:"):
        # A provider's class lists text inputs only; its constructor has them all.
        known |= set(_types.input_type_py_to_pulumi_names(_arguments(token)).values())
    assert driver.inputs | set(driver.ignored) | driver.volatile <= known
    assert {path.partition(".")[0] for path in driver.replacing({})} <= driver.inputs
    assert not driver.inputs & set(driver.ignored)


def _arguments(token: str) -> type:
    module = importlib.import_module(f"pulumi_{token.rpartition(':')[2]}.provider")
    found: type = module.ProviderArgs
    return found


def test_no_substitute_is_named_for_what_has_a_driver() -> None:
    assert not set(NO_SUBSTITUTE) & set(DRIVERS)


@pytest.mark.parametrize("stack", STACKS)
def test_every_input_of_the_project_is_known_to_a_driver(stack: str) -> None:
    plan = preview(ROOT, stack)
    for step in plan.steps:
        if step.registration.custom and step.registration.type not in NO_SUBSTITUTE:
            driver = DRIVERS[step.registration.type]
            assert driver.unknown_inputs(step.registration.inputs) == [], step.registration.urn
            assert step.registration.options.unsupported == (), step.registration.urn


def test_the_local_stack_has_nothing_that_would_be_refused(tmp_path: Path) -> None:
    plan = preview(ROOT, "local", state_file=tmp_path / "state.json")
    assert plan.problems == ()
    assert set(plan.counts) == {Kind.CREATE}


@pytest.mark.parametrize("stack", STACKS)
def test_a_preview_needs_no_network_and_little_time(
    stack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a preview dialled somebody")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    started = time.process_time()
    plan = preview(ROOT, stack)
    lines = list(render.tree(plan, values=True))
    document = render.document(plan)
    # `make preview` has 10 seconds in all. It waits for nobody, so its own time is what counts on a
    # machine that has other things to do.
    assert time.process_time() - started < 8
    assert render.summary(plan).endswith("to create")
    assert len(document["resources"]) == len(plan.steps) > 100
    text = "\n".join(lines)
    assert "vpc-of-data-platform" in text
    assert wire.UNKNOWN not in text
    assert "[unknown]" in text


def test_two_previews_are_equal() -> None:
    first, second = (render.document(preview(ROOT, "prod")) for _ in range(2))
    assert first == second
