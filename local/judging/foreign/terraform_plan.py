"""A stack as a Terraform plan, which judges read that know nothing of Pulumi.

Types and properties get the names of Terraform's AWS provider; Pulumi's own are made of those, so
that only what it renamed is listed here. It is no plan to apply: what a provider would compute is
in it only where the stack has it, and nothing is compared with what exists.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.deploy import wire
from policies.values import contains_unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from policies.resources import Resource, Stack

AWS = "aws:"
ELSEWHERE = ("kubernetes:", "postgresql:", "random:", "pulumi:")
"""Types that are none of AWS's: manifests have judges of their own, the others have none."""


class NoTranslationError(Exception):
    """A type is declared that other judges would not get to see."""


@dataclass(frozen=True)
class Terraform:
    """What Terraform calls a type.

    Attributes:
        type: its name.
        renamed: properties whose names differ by more than their capitals.
        maps: properties, at any depth, that hold any keys; other objects are one-element lists.
    """

    type: str
    renamed: Mapping[str, str] = field(default_factory=dict)
    maps: tuple[str, ...] = ()


TYPES: Mapping[str, Terraform] = {
    "aws:cloudwatch/eventRule:EventRule": Terraform("aws_cloudwatch_event_rule"),
    "aws:cloudwatch/eventTarget:EventTarget": Terraform("aws_cloudwatch_event_target"),
    "aws:cloudwatch/logGroup:LogGroup": Terraform("aws_cloudwatch_log_group"),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": Terraform(
        "aws_cloudwatch_log_metric_filter", maps=("dimensions",)
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Terraform(
        "aws_cloudwatch_metric_alarm", {"name": "alarm_name"}, maps=("dimensions",)
    ),
    "aws:ec2/securityGroup:SecurityGroup": Terraform("aws_security_group"),
    "aws:iam/role:Role": Terraform("aws_iam_role", {"inlinePolicies": "inline_policy"}),
    "aws:iam/rolePolicy:RolePolicy": Terraform("aws_iam_role_policy"),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Terraform(
        "aws_iam_role_policy_attachment"
    ),
    "aws:kms/alias:Alias": Terraform("aws_kms_alias"),
    "aws:kms/key:Key": Terraform("aws_kms_key"),
    "aws:lambda/function:Function": Terraform(
        "aws_lambda_function", {"name": "function_name", "code": "filename"}, maps=("variables",)
    ),
    "aws:lambda/invocation:Invocation": Terraform("aws_lambda_invocation", maps=("triggers",)),
    "aws:lambda/permission:Permission": Terraform(
        "aws_lambda_permission", {"function": "function_name"}
    ),
    "aws:rds/eventSubscription:EventSubscription": Terraform("aws_db_event_subscription"),
    "aws:rds/instance:Instance": Terraform("aws_db_instance"),
    "aws:rds/parameterGroup:ParameterGroup": Terraform(
        "aws_db_parameter_group", {"parameters": "parameter"}
    ),
    "aws:rds/proxy:Proxy": Terraform("aws_db_proxy", {"auths": "auth"}),
    "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": Terraform(
        "aws_db_proxy_default_target_group"
    ),
    "aws:rds/proxyTarget:ProxyTarget": Terraform("aws_db_proxy_target"),
    "aws:rds/subnetGroup:SubnetGroup": Terraform("aws_db_subnet_group"),
    "aws:s3/bucket:Bucket": Terraform("aws_s3_bucket"),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": Terraform(
        "aws_s3_bucket_lifecycle_configuration", {"rules": "rule"}
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": Terraform(
        "aws_s3_bucket_ownership_controls"
    ),
    "aws:s3/bucketPolicy:BucketPolicy": Terraform("aws_s3_bucket_policy"),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": Terraform(
        "aws_s3_bucket_public_access_block"
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        Terraform("aws_s3_bucket_server_side_encryption_configuration", {"rules": "rule"})
    ),
    "aws:s3/bucketVersioning:BucketVersioning": Terraform("aws_s3_bucket_versioning"),
    "aws:secretsmanager/secret:Secret": Terraform("aws_secretsmanager_secret"),
    "aws:secretsmanager/secretRotation:SecretRotation": Terraform(
        "aws_secretsmanager_secret_rotation"
    ),
    "aws:secretsmanager/secretVersion:SecretVersion": Terraform(
        "aws_secretsmanager_secret_version"
    ),
    "aws:sqs/queue:Queue": Terraform("aws_sqs_queue"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": Terraform(
        "aws_vpc_security_group_egress_rule"
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": Terraform(
        "aws_vpc_security_group_ingress_rule"
    ),
}
_MAPS = ("tags", "tagsAll")


def of_aws(stack: Stack, known: Iterable[str]) -> Iterator[Resource]:
    """Yield the resources of AWS.

    Args:
        stack: what is declared, with AWS's answers made up.
        known: types that the one who asks has a word for.

    Raises:
        NoTranslationError: a type is neither known nor none of AWS's.
        ValueError: a value is not known, so that nothing could be judged.
    """
    known = set(known)
    for one in stack.resources:
        if one.type.startswith(ELSEWHERE) or ":components:" in one.type:
            continue
        if one.type not in known:
            raise NoTranslationError(
                f"{one.label}: other judges have no word for {one.type}: name it in {__name__}"
            )
        if contains_unknown(dict(one.properties)):
            raise ValueError(f"{one.label}: a value is not yet known: declare with assumed=True")
        yield one


def addresses(stack: Stack) -> dict[str, Resource]:
    """Return the resources of AWS by their addresses in the plan."""
    found: dict[str, Resource] = {}
    for one in of_aws(stack, TYPES):
        address = f"{TYPES[one.type].type}.{_slug(one.name)}"
        if address in found:
            raise ValueError(f"{one.urn} and {found[address].urn} would both be {address}")
        found[address] = one
    return found


def terraform_plan(stack: Stack) -> dict[str, Any]:
    """Return the plan that would make a stack where nothing is.

    Raises:
        NoTranslationError: a type has no translation.
        ValueError: a value is not known.
    """
    found = addresses(stack)
    urns = {one.urn: address for address, one in found.items()}
    resources = [_planned(address, one) for address, one in found.items()]
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"resources": resources}},
        "resource_changes": [_change(one) for one in resources],
        "configuration": {
            "root_module": {
                "resources": [_configured(address, one, urns) for address, one in found.items()]
            }
        },
    }


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def _head(address: str) -> dict[str, Any]:
    type_, _, name = address.partition(".")
    return {"address": address, "mode": "managed", "type": type_, "name": name}


def _planned(address: str, one: Resource) -> dict[str, Any]:
    words = TYPES[one.type]
    values = {_word(words, key): _value(words, key, v) for key, v in one.properties.items()}
    return {
        **_head(address),
        "provider_name": "registry.terraform.io/hashicorp/aws",
        "values": values,
    }


def _change(planned: Mapping[str, Any]) -> dict[str, Any]:
    change = {"actions": ["create"], "before": None, "after": planned["values"]}
    return {**planned, "change": change | {"after_unknown": {}}}


def _configured(address: str, one: Resource, urns: Mapping[str, str]) -> dict[str, Any]:
    """What a property comes from: judges that look at several resources follow it."""
    words = TYPES[one.type]
    expressions = {}
    for key, origins in one.depends.items():
        if found := [urns[urn] for urn in origins if urn in urns]:
            expressions[_word(words, key)] = {"references": found}
    return {**_head(address), "provider_config_key": "aws", "expressions": expressions}


def _word(words: Terraform, key: str) -> str:
    return words.renamed.get(key) or _snake(key)


def _value(words: Terraform, key: str, value: Any) -> Any:  # noqa: ANN401 - JSON
    if wire.is_file(value):
        return value.get("path", "")
    if isinstance(value, list):
        return [_block(words, one) if isinstance(one, Mapping) else one for one in value]
    if isinstance(value, Mapping):
        return dict(value) if key in (*_MAPS, *words.maps) else [_block(words, value)]
    return value


def _block(words: Terraform, value: Mapping[str, Any]) -> dict[str, Any]:
    return {_snake(key): _value(words, key, one) for key, one in value.items()}


def _snake(key: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower()
