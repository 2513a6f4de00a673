"""What is missing to run the real engine is said, with what to do; these tests need no CLI."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.engine.preflight import HOST, PACKAGES, locked_version, missing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from local.deploy.record import Recording

    Program = Callable[..., None]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Put a program on a PATH that has nothing else."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def add(name: str, prints: str = "") -> None:
        file = tmp_path / name
        file.write_text(f"#!/bin/sh\necho '{prints}'\n", encoding="utf-8")
        file.chmod(0o700)

    return add


def listed(*names: str) -> str:
    """What `pulumi plugin ls --json` prints of plugins in the versions of the SDKs."""
    return json.dumps(
        [{"name": name, "kind": "resource", "version": locked_version(name)} for name in names]
    )


@pytest.mark.usefixtures("program")
def test_without_a_cli() -> None:
    assert missing().startswith("there is no pulumi CLI on the PATH")


def test_without_the_host_of_python(program: Program) -> None:
    program("pulumi", prints="[]")
    assert missing().startswith(f"{HOST} is not on the PATH")


def test_every_plugin_that_is_missing_is_named_with_its_command(program: Program) -> None:
    program("pulumi", prints=listed("aws"))
    program(HOST)

    assert missing() == (
        "the pulumi CLI lacks the plugins of: kubernetes, postgresql; install them with "
        f"`pulumi plugin install resource kubernetes {locked_version('kubernetes')} && "
        f"pulumi plugin install resource postgresql {locked_version('postgresql')}`"
    )


def test_a_plugin_of_another_version_is_not_the_one(program: Program) -> None:
    other = listed(*PACKAGES).replace(locked_version("aws"), "1.0.0")
    program("pulumi", prints=other)
    program(HOST)

    assert missing().startswith("the pulumi CLI lacks the plugins of: aws;")


def test_plugins_are_taken_from_the_path_and_from_where_the_cli_installs_them(
    program: Program,
) -> None:
    program("pulumi", prints=listed("postgresql", "kubernetes"))
    program(HOST)
    program("pulumi-resource-aws")

    assert missing() == ""


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_the_plugins_are_those_of_the_program(
    recorded_stack: Callable[[str], Recording], stack: str
) -> None:
    types = [one.type for one in recorded_stack(stack) if one.custom]
    assert {type_.partition(":")[0] for type_ in types} - {"pulumi"} == set(PACKAGES)
