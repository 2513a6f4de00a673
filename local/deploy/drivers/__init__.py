"""One driver per type of resource: how it is created, changed and deleted for real."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.deploy.drivers import (
    cloudwatch,
    ec2,
    events,
    iam,
    kms,
    kubernetes,
    lambda_function,
    lambda_permission,
    postgresql_grants,
    postgresql_objects,
    postgresql_roles,
    providers,
    rds,
    rds_instance,
    s3,
    s3_settings,
    secretsmanager,
    sqs,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.deploy.drivers.base import Driver

DRIVERS: Mapping[str, Driver] = {
    "aws:cloudwatch/eventRule:EventRule": events.EventRule(),
    "aws:cloudwatch/eventTarget:EventTarget": events.EventTarget(),
    "aws:cloudwatch/logGroup:LogGroup": cloudwatch.LogGroup(),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": cloudwatch.LogMetricFilter(),
    "aws:cloudwatch/metricAlarm:MetricAlarm": cloudwatch.MetricAlarm(),
    "aws:ec2/securityGroup:SecurityGroup": ec2.SecurityGroup(),
    "aws:iam/role:Role": iam.Role(),
    "aws:iam/rolePolicy:RolePolicy": iam.RolePolicy(),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": iam.RolePolicyAttachment(),
    "aws:kms/alias:Alias": kms.Alias(),
    "aws:kms/key:Key": kms.Key(),
    "aws:lambda/function:Function": lambda_function.Function(),
    "aws:lambda/invocation:Invocation": lambda_function.Invocation(),
    "aws:lambda/permission:Permission": lambda_permission.Permission(),
    "aws:rds/eventSubscription:EventSubscription": rds.EventSubscription(),
    "aws:rds/instance:Instance": rds_instance.Instance(),
    "aws:rds/parameterGroup:ParameterGroup": rds.ParameterGroup(),
    "aws:rds/subnetGroup:SubnetGroup": rds.SubnetGroup(),
    "aws:s3/bucket:Bucket": s3.Bucket(),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": s3_settings.Lifecycle(),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": s3_settings.OwnershipControls(),
    "aws:s3/bucketPolicy:BucketPolicy": s3_settings.BucketPolicy(),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": s3_settings.PublicAccessBlock(),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        s3_settings.Encryption()
    ),
    "aws:s3/bucketVersioning:BucketVersioning": s3_settings.Versioning(),
    "aws:secretsmanager/secret:Secret": secretsmanager.Secret(),
    "aws:secretsmanager/secretRotation:SecretRotation": secretsmanager.SecretRotation(),
    "aws:secretsmanager/secretVersion:SecretVersion": secretsmanager.SecretVersion(),
    "aws:sqs/queue:Queue": sqs.Queue(),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": ec2.SecurityGroupEgressRule(),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": ec2.SecurityGroupIngressRule(),
    "kubernetes:apps/v1:Deployment": kubernetes.Deployment(),
    "kubernetes:batch/v1:Job": kubernetes.Job(),
    "kubernetes:core/v1:ConfigMap": kubernetes.ConfigMap(),
    "kubernetes:core/v1:Namespace": kubernetes.Manifest(),
    "kubernetes:core/v1:Service": kubernetes.Service(),
    "kubernetes:core/v1:ServiceAccount": kubernetes.ServiceAccount(),
    "kubernetes:networking.k8s.io/v1:NetworkPolicy": kubernetes.Manifest(),
    "kubernetes:policy/v1:PodDisruptionBudget": kubernetes.Manifest(),
    "kubernetes:rbac.authorization.k8s.io/v1:Role": kubernetes.Role(),
    "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding": kubernetes.RoleBinding(),
    "postgresql:index/database:Database": postgresql_objects.Database(),
    "postgresql:index/defaultPrivileges:DefaultPrivileges": postgresql_grants.DefaultPrivileges(),
    "postgresql:index/grant:Grant": postgresql_grants.Grant(),
    "postgresql:index/grantRole:GrantRole": postgresql_roles.GrantRole(),
    "postgresql:index/role:Role": postgresql_roles.Role(),
    "postgresql:index/schema:Schema": postgresql_objects.Schema(),
    "pulumi:providers:aws": providers.AwsProvider(),
    "pulumi:providers:kubernetes": providers.KubernetesProvider(),
    "pulumi:providers:postgresql": providers.PostgresqlProvider(),
}
"""Type token to what carries it out."""

NO_SUBSTITUTE: Mapping[str, str] = {
    "aws:rds/proxy:Proxy": "this machine has no RDS Proxy: set connectionProxy: false here",
    "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": "it belongs to an RDS Proxy",
    "aws:rds/proxyEndpoint:ProxyEndpoint": "it belongs to an RDS Proxy",
    "aws:rds/proxyTarget:ProxyTarget": "it belongs to an RDS Proxy",
}
"""Types that are left out on purpose, and what to do instead."""


def missing_driver(type_: str) -> str:
    """Say in one sentence that nothing here carries out this type, and what to do."""
    advice = NO_SUBSTITUTE.get(type_, "use ENGINE=pulumi, or add a driver to local/deploy/drivers")
    return f"{type_} cannot be carried out by this engine: {advice}"
