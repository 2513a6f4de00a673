"""What must outlive an upgrade: the types of resources that hold data or an identity.

Everything else may be replaced: a parameter group, a policy, an alarm or a pod is the same thing
again afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.deploy.drivers import DRIVERS

if TYPE_CHECKING:
    from local.deploy.wire import Json, Properties

LOST: dict[str, str] = {
    "aws:cloudwatch/logGroup:LogGroup": "the log, which is the record of who did what",
    "aws:ec2/securityGroup:SecurityGroup": "its id, which rules of others name",
    "aws:iam/role:Role": "its unique id, which AWS keeps in the policies that trust it",
    "aws:kms/key:Key": "everything that it encrypted, which nobody could read again",
    "aws:rds/instance:Instance": "all databases on it",
    "aws:s3/bucket:Bucket": "the objects in it, and its name to whoever takes it first",
    "aws:secretsmanager/secret:Secret": "its value, and its name until the recovery window ends",
    "aws:sqs/queue:Queue": "the events that wait in it",
    "kubernetes:core/v1:Namespace": "every object in it",
    "postgresql:index/database:Database": "all tables in it",
    "postgresql:index/role:Role": "what it owns, its grants and its sessions",
    "postgresql:index/schema:Schema": "all tables in it",
    "pulumi:providers:aws": "everything that was made with it",
    "pulumi:providers:kubernetes": "everything that was made with it",
    "pulumi:providers:postgresql": "everything that was made with it",
}
"""Type token to what goes with a resource of this type."""

REPLACEABLE = {
    "aws:cloudwatch/eventRule:EventRule",
    "aws:cloudwatch/eventTarget:EventTarget",
    "aws:cloudwatch/logMetricFilter:LogMetricFilter",
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:kms/alias:Alias",
    "aws:lambda/function:Function",
    "aws:lambda/invocation:Invocation",
    "aws:lambda/permission:Permission",
    "aws:rds/eventSubscription:EventSubscription",
    "aws:rds/parameterGroup:ParameterGroup",
    "aws:rds/proxy:Proxy",
    "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup",
    "aws:rds/proxyTarget:ProxyTarget",
    "aws:rds/subnetGroup:SubnetGroup",
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:secretsmanager/secretRotation:SecretRotation",
    "aws:secretsmanager/secretVersion:SecretVersion",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "kubernetes:apps/v1:Deployment",
    "kubernetes:batch/v1:Job",
    "kubernetes:core/v1:ConfigMap",
    "kubernetes:core/v1:Service",
    "kubernetes:core/v1:ServiceAccount",
    "kubernetes:networking.k8s.io/v1:NetworkPolicy",
    "kubernetes:policy/v1:PodDisruptionBudget",
    "kubernetes:rbac.authorization.k8s.io/v1:Role",
    "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
    "postgresql:index/defaultPrivileges:DefaultPrivileges",
    "postgresql:index/grant:Grant",
    "postgresql:index/grantRole:GrantRole",
}
"""Types that are the same again after a replacement, at the price of a moment without them."""


def forced(type_: str, inputs: Properties) -> frozenset[str]:
    """The inputs, as `a` or `a.b`, whose change needs another resource in place of this one.

    The drivers of this project's own engine know: their `replace` is what the schemas of the
    Terraform providers behind Pulumi's plugins mark `ForceNew` (terraform-provider-aws,
    internal/service/{rds/instance,kms/key,secretsmanager/secret,logs/group,...}.go;
    terraform-provider-postgresql, resource_postgresql_{database,schema,role}.go).
    """
    return DRIVERS[type_].replacing(inputs)


def at(inputs: Json, path: str) -> Json:
    """The value of an input, or of a field of one; `None` when there is none."""
    key, _, rest = path.partition(".")
    value = inputs.get(key) if isinstance(inputs, dict) else None
    return at(value, rest) if rest else value
