"""A stack as a CloudFormation template, for a judge that knows what AWS's services take.

Only of types of which that judge sees more than others: classes, runtimes, patterns, sizes. Names
are mostly Pulumi's with a capital. It is no template to deploy: what CloudFormation has no word
for, such as a final snapshot, is left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.deploy import wire
from local.judging.foreign.terraform_plan import TYPES as KNOWN
from local.judging.foreign.terraform_plan import of_aws

if TYPE_CHECKING:
    from policies.resources import Resource, Stack


@dataclass(frozen=True)
class CloudFormation:
    """What CloudFormation calls a type.

    Attributes:
        type: its name.
        named: properties whose names are not just Pulumi's with a capital.
        left_out: properties that it has no word for.
    """

    type: str
    named: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


_RULE = {
    "cidrIpv4": "CidrIp",
    "securityGroupId": "GroupId",
}
TYPES: Mapping[str, CloudFormation] = {
    "aws:cloudwatch/logGroup:LogGroup": CloudFormation(
        "AWS::Logs::LogGroup", {"name": "LogGroupName"}
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": CloudFormation(
        "AWS::CloudWatch::Alarm", {"name": "AlarmName", "okActions": "OKActions"}
    ),
    "aws:ec2/securityGroup:SecurityGroup": CloudFormation(
        "AWS::EC2::SecurityGroup",
        {"name": "GroupName", "description": "GroupDescription"},
        left_out=("revokeRulesOnDelete",),
    ),
    "aws:iam/role:Role": CloudFormation(
        "AWS::IAM::Role", {"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"}
    ),
    "aws:iam/rolePolicy:RolePolicy": CloudFormation(
        "AWS::IAM::RolePolicy",
        {"name": "PolicyName", "policy": "PolicyDocument", "role": "RoleName"},
    ),
    "aws:kms/key:Key": CloudFormation(
        "AWS::KMS::Key", {"policy": "KeyPolicy", "deletionWindowInDays": "PendingWindowInDays"}
    ),
    "aws:lambda/function:Function": CloudFormation(
        "AWS::Lambda::Function",
        {
            "name": "FunctionName",
        },
    ),
    "aws:rds/eventSubscription:EventSubscription": CloudFormation(
        "AWS::RDS::EventSubscription", {"name": "SubscriptionName", "snsTopic": "SnsTopicArn"}
    ),
    "aws:rds/instance:Instance": CloudFormation(
        "AWS::RDS::DBInstance",
        {
            "caCertIdentifier": "CACertificateIdentifier",
            "backupWindow": "PreferredBackupWindow",
            "dbSubnetGroupName": "DBSubnetGroupName",
            "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
            "iamDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication",
            "identifier": "DBInstanceIdentifier",
            "instanceClass": "DBInstanceClass",
            "maintenanceWindow": "PreferredMaintenanceWindow",
            "masterUserSecretKmsKeyId": "MasterUserSecret.KmsKeyId",
            "multiAz": "MultiAZ",
            "parameterGroupName": "DBParameterGroupName",
            "password": "MasterUserPassword",
            "performanceInsightsEnabled": "EnablePerformanceInsights",
            "performanceInsightsKmsKeyId": "PerformanceInsightsKMSKeyId",
            "username": "MasterUsername",
            "vpcSecurityGroupIds": "VPCSecurityGroups",
        },
        left_out=("skipFinalSnapshot", "finalSnapshotIdentifier"),
    ),
    "aws:rds/proxy:Proxy": CloudFormation(
        "AWS::RDS::DBProxy",
        {"name": "DBProxyName", "requireTls": "RequireTLS", "auths": "Auth"},
    ),
    "aws:secretsmanager/secret:Secret": CloudFormation(
        "AWS::SecretsManager::Secret", left_out=("recoveryWindowInDays",)
    ),
    "aws:sqs/queue:Queue": CloudFormation(
        "AWS::SQS::Queue",
        {"name": "QueueName", "messageRetentionSeconds": "MessageRetentionPeriod"},
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": CloudFormation(
        "AWS::EC2::SecurityGroupEgress",
        {**_RULE, "referencedSecurityGroupId": "DestinationSecurityGroupId"},
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": CloudFormation(
        "AWS::EC2::SecurityGroupIngress",
        {**_RULE, "referencedSecurityGroupId": "SourceSecurityGroupId"},
    ),
}


def template_resources(stack: Stack) -> dict[str, Resource]:
    """Return the resources that are in the template, by their names in it.

    Raises:
        NoTranslationError: a type has no translation.
        ValueError: a value is not known.
    """
    found = [one for one in of_aws(stack, KNOWN) if one.type in TYPES]
    return {f"Resource{number}": one for number, one in enumerate(found)}


def template(stack: Stack) -> dict[str, Any]:
    """Return the template; raises as `template_resources` does."""
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": {
            name: {"Type": TYPES[one.type].type, "Properties": _properties(one)}
            for name, one in template_resources(stack).items()
        },
    }


def _properties(one: Resource) -> dict[str, Any]:
    words, made = TYPES[one.type], dict[str, Any]()
    for key, value in one.properties.items():
        if key not in words.left_out:
            name, _, inside = words.named.get(key, _capital(key)).partition(".")
            made[name] = {inside: value} if inside else _value(key, value)
    return made


def _value(key: str, value: Any) -> Any:  # noqa: ANN401 - JSON
    if wire.is_file(value):
        # Where the package would lie in S3: never read.
        return {"S3Bucket": "packages", "S3Key": value.get("path", "")}
    if isinstance(value, str) and value.startswith("{") and '"Statement"' in value:
        return json.loads(value)
    if key == "dimensions" and isinstance(value, Mapping):
        return [{"Name": name, "Value": one} for name, one in value.items()]
    if key == "tags" and isinstance(value, Mapping):
        return [{"Key": name, "Value": one} for name, one in value.items()]
    if isinstance(value, Mapping):
        names = key == "variables"
        return {n if names else _capital(n): _value(n, one) for n, one in value.items()}
    return value


def _capital(key: str) -> str:
    return key[:1].upper() + key[1:]
