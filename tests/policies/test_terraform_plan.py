"""Our resources in Terraform's words: nothing lost, nothing under a name that nobody looks at.

Pulumi's SDK for AWS is made of the same provider: it says which objects are blocks and which are
maps, and in Python its properties have Terraform's names, but for those that Pulumi renamed.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from pulumi import _types

from local.judging.foreign.terraform_plan import (
    TYPES,
    NoTranslationError,
    addresses,
    terraform_plan,
)
from policies.resources import Resource, Stack
from policies.values import UNKNOWN
from tests.policies.broken_resources import INSTANCE
from tests.policies.cases import put

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

STACKS = ("local", "dev", "prod")
# What Terraform's provider wants of each type, or what Pulumi calls by another name than it.
WANTED = {
    "aws_cloudwatch_event_target": "arn rule",
    "aws_cloudwatch_log_metric_filter": "log_group_name metric_transformation name pattern",
    "aws_cloudwatch_metric_alarm": "alarm_name comparison_operator evaluation_periods",
    "aws_db_event_subscription": "sns_topic",
    "aws_db_instance": "instance_class",
    "aws_db_parameter_group": "family parameter",
    "aws_db_proxy": "engine_family name role_arn vpc_subnet_ids",
    "aws_db_proxy_default_target_group": "db_proxy_name",
    "aws_db_proxy_target": "db_proxy_name target_group_name",
    "aws_db_subnet_group": "subnet_ids",
    "aws_iam_role": "assume_role_policy",
    "aws_iam_role_policy": "policy role",
    "aws_iam_role_policy_attachment": "policy_arn role",
    "aws_kms_alias": "target_key_id",
    "aws_lambda_function": "filename function_name role",
    "aws_lambda_invocation": "function_name input",
    "aws_lambda_permission": "action function_name principal",
    "aws_s3_bucket_lifecycle_configuration": "bucket rule",
    "aws_s3_bucket_ownership_controls": "bucket rule",
    "aws_s3_bucket_policy": "bucket policy",
    "aws_s3_bucket_public_access_block": "bucket",
    "aws_s3_bucket_server_side_encryption_configuration": "bucket rule",
    "aws_s3_bucket_versioning": "bucket versioning_configuration",
    "aws_secretsmanager_secret_rotation": "rotation_rules secret_id",
    "aws_secretsmanager_secret_version": "secret_id",
    "aws_vpc_security_group_egress_rule": "ip_protocol security_group_id",
    "aws_vpc_security_group_ingress_rule": "ip_protocol security_group_id",
}


def arguments(type_: str) -> type:
    """The SDK's class of a type's arguments."""
    _, module, name = type_.split(":")
    folder, file = module.replace("lambda/", "lambda_/").split("/")
    snake = re.sub("(?=[A-Z])", "_", file).lower()
    declares = importlib.import_module(f"pulumi_aws.{folder}.{snake}")
    # The second where a block has taken the name.
    found: type = getattr(declares, f"{name}InitArgs", None) or getattr(declares, f"{name}Args")
    return found


def declared_as(arguments: type) -> Mapping[str, tuple[str, str]]:
    """The properties of arguments: camelCase name to Python's name and the text of the type."""
    return {
        wire: (python, str(prop.fget.__annotations__["return"]))
        for python, wire, prop in _types._py_properties(arguments)
    }


def pairs(
    type_: str, sdk: type, given: Mapping[str, Any], made: Mapping[str, Any]
) -> Iterator[tuple[str, str, Any, Any, str]]:
    """Each property given with its Python name, its values in both languages, and its type."""
    known = declared_as(sdk)
    for key, value in given.items():
        python, annotation = known[key]
        name = TYPES[type_].renamed.get(key, python) if sdk is arguments(type_) else python
        yield f"{sdk.__name__}.{key}", name, value, made.get(name), annotation
        block = re.search(r"'(\w+Args)'", annotation)
        if block and isinstance(value, dict | list) and made.get(name):
            service = sdk.__module__.rpartition(".")[0]
            inner = getattr(importlib.import_module(f"{service}._inputs"), block[1])
            blocks = value if isinstance(value, list) else [value]
            for one, other in zip(blocks, made[name], strict=True):
                yield from pairs(type_, inner, one, other)


@pytest.mark.parametrize("stack", STACKS)
def test_each_property_is_where_the_provider_has_it(
    stack: str, stack_of: Callable[[str], Stack]
) -> None:
    plan, looked = terraform_plan(stack_of(stack)), 0
    values = {
        one["address"]: one["values"] for one in plan["planned_values"]["root_module"]["resources"]
    }
    for address, one in addresses(stack_of(stack)).items():
        sdk = arguments(one.type)
        for where, name, given, made, annotation in pairs(
            one.type, sdk, one.properties, values[address]
        ):
            looked += 1
            assert made is not None or given is None, f"{where} is not at {name}"
            if isinstance(given, dict) and "Args'" in annotation:
                assert isinstance(made, list), f"{where} is a block"
            elif isinstance(given, dict) and "Mapping" in annotation:
                assert made == given, f"{where} is a map"
            elif not isinstance(given, dict | list):
                assert made == given, where
        top = len(values[address])
        assert top == len(one.properties), address
    assert looked > 500


@pytest.mark.parametrize("stack", STACKS)
def test_what_the_provider_wants_is_there(stack: str, stack_of: Callable[[str], Stack]) -> None:
    for one in terraform_plan(stack_of(stack))["planned_values"]["root_module"]["resources"]:
        missing = {*WANTED.get(one["type"], "").split()} - {*one["values"]}
        assert not missing, one["address"]


def test_what_pulumi_renamed_is_wanted() -> None:
    for words in TYPES.values():
        absent = {"inline_policy", "auth"}  # which no stack has
        assert {*words.renamed.values()} - absent <= {*WANTED.get(words.type, "").split()}


@pytest.mark.parametrize("stack", STACKS)
def test_references_are_to_resources_of_the_plan(
    stack: str, stack_of: Callable[[str], Stack]
) -> None:
    plan = terraform_plan(stack_of(stack))
    configured = plan["configuration"]["root_module"]["resources"]
    found = {
        (one["address"], key): expression["references"]
        for one in configured
        for key, expression in one["expressions"].items()
    }
    planned = {one["address"] for one in plan["planned_values"]["root_module"]["resources"]}
    assert {to for references in found.values() for to in references} <= planned
    assert found["aws_db_instance.metadata", "parameter_group_name"] == [
        "aws_db_parameter_group.metadata-parameters"
    ]
    assert found["aws_db_instance.metadata", "kms_key_id"] == ["aws_kms_key.metadata-key"]
    assert found["aws_iam_role_policy.metadata-provisioner-deploy", "role"] == [
        "aws_iam_role.metadata-provisioner-deploy"
    ]


@pytest.mark.parametrize("type_", ["aws:ec2/instance:Instance", "gcp:sql/user:User"])
def test_a_type_without_a_translation_is_an_error(type_: str) -> None:
    stack = Stack((Resource(urn="urn", type=type_, name="new", properties={}),))
    with pytest.raises(NoTranslationError, match=type_):
        terraform_plan(stack)


def test_a_value_that_is_not_known_is_an_error(stack_of: Callable[[str], Stack]) -> None:
    (instance,) = (one for one in stack_of("prod").of(INSTANCE[0]) if one.name == INSTANCE[1])
    changed = put("engineVersion", to=UNKNOWN)(instance)
    assert changed
    with pytest.raises(ValueError, match="not yet known"):
        terraform_plan(Stack((changed,)))


def test_two_resources_do_not_hide_each_other(stack_of: Callable[[str], Stack]) -> None:
    (first, *_) = stack_of("prod").of(INSTANCE[0])
    with pytest.raises(ValueError, match="would both be aws_db_instance"):
        terraform_plan(Stack((first, replace(first, urn="another"))))
