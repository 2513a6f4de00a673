"""Every component: its type token, its constructor, and that it tells what it says it tells.

A new component fails here until it is listed: tokens and outputs are what stacks that exist already
are matched by.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import pkgutil
from typing import TYPE_CHECKING, get_type_hints

import pytest
from pulumi import ComponentResource, ResourceOptions

import components

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.deploy.record import Recording

COMPONENTS = {
    "AirflowDeployment": "components.airflow.deployment",
    "AirflowKeys": "components.airflow.keys",
    "AuditTrail": "components.audit",
    "ConnectionProxy": "components.connection_proxy",
    "DatabaseLogin": "components.database_login",
    "EnvironmentSchema": "components.environment_schema",
    "MetadataAccess": "components.airflow.metadata_access",
    "PostgresInstance": "components.postgres_instance",
    "Provisioner": "components.provisioner",
    "RotatedLogin": "components.rotated_login",
    "Rotation": "components.rotation",
    "TaskLogs": "components.airflow.task_logs",
    "Workflow": "components.workflow",
}
"""Class to module; the token is `airflow-postgres:components:<class>`."""

PREFIX = "airflow-postgres:components:"


def component_classes() -> dict[str, type[ComponentResource]]:
    """All component resources that the package defines, by class name."""
    modules = pkgutil.walk_packages(components.__path__, "components.")
    return {
        name: member
        for module in modules
        for name, member in inspect.getmembers(importlib.import_module(module.name))
        if inspect.isclass(member)
        and issubclass(member, ComponentResource)
        and member.__module__ == module.name
    }


CLASSES = component_classes()


def documented_attributes(component: type) -> set[str]:
    """Annotated attributes of a class that are followed by a docstring."""
    body = ast.parse(inspect.getsource(component)).body[0]
    assert isinstance(body, ast.ClassDef)
    return {
        statement.target.id
        for statement, following in zip(body.body, body.body[1:], strict=False)
        if isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and isinstance(following, ast.Expr)
        and isinstance(following.value, ast.Constant)
    }


def test_each_component_is_listed() -> None:
    assert {name: one.__module__ for name, one in CLASSES.items()} == COMPONENTS


def test_each_component_is_in_use_under_its_own_token(
    recorded_stack: Callable[[str], Recording],
) -> None:
    # Nobody has a password in prod as it is.
    stacks = (recorded_stack(stack) for stack in ("prod", "local"))
    tokens = {one.type for stack in stacks for one in stack if one.type.startswith(PREFIX)}
    assert tokens == {PREFIX + name for name in COMPONENTS}


@pytest.mark.parametrize("name", sorted(COMPONENTS))
def test_constructors_are_alike(name: str) -> None:
    signature = inspect.signature(CLASSES[name].__init__)
    assert list(signature.parameters) == ["self", "name", "args", "opts"]
    hints = get_type_hints(CLASSES[name].__init__)
    assert hints["name"] is str
    assert hints["opts"] == ResourceOptions | None
    assert signature.parameters["opts"].default is None
    args = hints["args"]
    assert args.__name__ == f"{name}Args"
    assert dataclasses.is_dataclass(args)
    assert vars(args)["__dataclass_params__"].frozen
    assert all(field.kw_only for field in dataclasses.fields(args))


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
@pytest.mark.parametrize("name", sorted(COMPONENTS))
def test_outputs_are_documented_and_registered(
    name: str, stack: str, recorded_stack: Callable[[str], Recording]
) -> None:
    documented = documented_attributes(CLASSES[name])
    assert documented == set(inspect.get_annotations(CLASSES[name]))
    for one in recorded_stack(stack).of_type(PREFIX + name):
        assert one.registered_outputs is not None
        assert set(one.registered_outputs) == documented
