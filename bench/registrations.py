"""Programs evaluated without carrying anything out, and one evaluated again as bare registrations.

A bare program makes one call of the resource's class of the same Pulumi package for each resource,
with the same inputs as plain values, and an empty component for each component. Nothing is
computed. Without `edges` nothing waits for anything either; with them each resource has its
parent and waits for the resources that it depended on. Providers are left to the default.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
from pulumi import ComponentResource, Resource, ResourceOptions

from local.deploy import wire
from local.deploy.lookups import stand_in
from local.deploy.monitor import Monitor
from local.deploy.program import Context, run
from local.deploy.registration import PROVIDER_PREFIX, STACK_TYPE, Call, Outcome, Registration

PROJECT = "airflow-postgres"
STACK = "local"
Row = Mapping[str, Any]
"""A registration as the file has it: type, name, parent, custom, inputs, dependencies, urn."""


class Answers:
    """A handler that answers each resource with its inputs and made-up outputs."""

    def register(self, registration: Registration) -> Outcome:
        """Add an id and an ARN, and what our components read of an instance and a function."""
        name = registration.name
        added: dict[str, Any] = {"arn": f"arn:{registration.type}:{name}"}
        if registration.type == "aws:rds/instance:Instance":
            added |= {
                "address": f"{name}.rds.amazonaws.com",
                "resourceId": f"db-{name.upper():A<26}",
                "masterUserSecrets": [{"secretArn": f"arn:aws:secretsmanager:{name}"}],
            }
        elif registration.type == "aws:lambda/function:Function":
            added["codeSha256"] = "sha256-of-the-package"
        return Outcome(id=f"{name}-id", outputs={**registration.inputs, **added})

    def look_up(self, call: Call) -> wire.Properties | None:
        """Answer as a preview of an account that is not there."""
        return stand_in(call, {"region": "eu-west-1"})


def evaluate(
    program: Callable[[], object], root: Path, config: Mapping[str, str] | None = None
) -> list[Registration]:
    """Run `program` and return what it registered, in the order of arrival, the stack left out."""
    monitor = Monitor(PROJECT, STACK, Answers())
    context = Context(
        root=root, project=PROJECT, stack=STACK, config=config or {}, dry_run=True, parallel=1
    )
    run(program, context, monitor)
    return [one for one in monitor.registrations.values() if one.type != STACK_TYPE]


def save(registrations: Iterable[Registration], file: Path) -> None:
    """Write them as JSON lines."""
    with file.open("w", encoding="utf-8") as lines:
        for one in registrations:
            lines.write(json.dumps(_row(one)) + "\n")


def rows(file: Path) -> Iterator[Row]:
    """Read what `save` wrote, one after the other."""
    with file.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def bare(file: Path, *, edges: bool) -> None:
    """The bare program of what `save` wrote."""
    made: dict[str, Resource] = {}
    for row in rows(file):
        opts = None
        if edges:
            opts = ResourceOptions(
                parent=made.get(row["parent"]),
                depends_on=[made[urn] for urn in row["dependencies"]],
            )
        made[row["urn"]] = _declare(row, opts)


def difference(registrations: Iterable[Registration], file: Path) -> str:
    """Say what differs between the types, names and inputs of a bare program and the file's."""
    found = {(one.type, one.name): one.plain for one in registrations}
    expected = {(row["type"], row["name"]): row["inputs"] for row in rows(file)}
    if found.keys() != expected.keys():
        return f"resources: {sorted(found.keys() ^ expected.keys())[:3]}"
    other = [key for key, inputs in expected.items() if found[key] != inputs]
    return f"inputs of {len(other)}, such as {other[0]}" if other else ""


def _row(one: Registration) -> Row:
    return {
        "urn": one.urn,
        "type": one.type,
        "name": one.name,
        "parent": one.parent,
        "custom": one.custom,
        # A component's inputs are its own business; ours send none.
        "inputs": one.plain if one.custom else {},
        "dependencies": one.dependencies,
    }


def _declare(row: Row, opts: ResourceOptions | None) -> Resource:
    if not row["custom"]:
        component = ComponentResource(row["type"], row["name"], None, opts)
        component.register_outputs({})
        return component
    kind = _class(row["type"])
    values = {_python_name(key): _value(value) for key, value in row["inputs"].items()}
    if row["type"].startswith(PROVIDER_PREFIX):
        # A provider's inputs go over the wire as texts of JSON, which its class makes of values.
        values = {key: _parsed(value) for key, value in values.items()}
    known = _parameters(kind)
    made: Resource = kind(
        row["name"], opts=opts, **{key: value for key, value in values.items() if key in known}
    )
    return made


@cache
def _class(token: str) -> Any:  # noqa: ANN401  # a class of a package without types
    if token.startswith(PROVIDER_PREFIX):
        return importlib.import_module(f"pulumi_{token.removeprefix(PROVIDER_PREFIX)}").Provider
    package, module, name = token.split(":")
    path = [f"pulumi_{package}"]
    first, _, second = module.partition("/")
    if first != "index":
        path.append({"lambda": "lambda_"}.get(first, first.partition(".")[0]))
    if package == "kubernetes":
        path.append(second)
    return getattr(importlib.import_module(".".join(path)), name)


@cache
def _parameters(kind: Any) -> frozenset[str]:  # noqa: ANN401  # as above
    return frozenset(inspect.signature(kind._internal_init).parameters)  # noqa: SLF001  # where the names are; the constructor has overloads


@cache
def _python_name(key: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", key).lower()


def _value(value: object) -> object:
    if isinstance(value, dict) and wire.is_file(value):
        return pulumi.FileArchive(value["path"])
    return value


def _parsed(value: object) -> object:
    try:
        parsed: object = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
    return parsed
