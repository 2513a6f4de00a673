"""Resources of ours, each broken so that judges which were not written here have to see it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.policies.broken import Broken
from tests.policies.cases import Change, drop, edit_document, put

if TYPE_CHECKING:
    from policies.resources import Resource

ATTACHMENT = ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "metadata-monitoring")
BLOCK = ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "task-logs-public-access")
BUCKET_POLICY = ("aws:s3/bucketPolicy:BucketPolicy", "task-logs-policy")
EGRESS = (
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    "metadata-provisioner-function-to-database",
)
FUNCTION = ("aws:lambda/function:Function", "metadata-provisioner-function")
INGRESS = ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "metadata-from-cluster")
INSTANCE = ("aws:rds/instance:Instance", "metadata")
KEY = ("aws:kms/key:Key", "metadata-key")
LOGS = ("aws:cloudwatch/logGroup:LogGroup", "metadata-postgresql")
ALARM = ("aws:cloudwatch/metricAlarm:MetricAlarm", "metadata-storage")
POLICY = ("aws:iam/rolePolicy:RolePolicy", "prod-billing-login")
ROLE = ("aws:iam/role:Role", "metadata-provisioner-function")
CLUSTER_ROLE = ("aws:iam/role:Role", "prod-billing-login")
SECRET = ("aws:secretsmanager/secret:Secret", "prod-billing-connection")
PERMISSION = ("aws:lambda/permission:Permission", "local-billing-bi-rotation")
QUEUE = ("aws:sqs/queue:Queue", "local-billing-bi-dead-letters")
ROTATION = ("aws:secretsmanager/secretRotation:SecretRotation", "local-billing-bi")

# AWS's own example of a key; it is nobody's.
EXAMPLE_KEY = "AKIAIOSFODNN7EXAMPLE"


def all_of(*changes: Change) -> Change:
    """Make several changes."""

    def change(resource: Resource) -> Resource | None:
        changed: Resource | None = resource
        for one in changes:
            assert changed is not None
            changed = one(changed)
        return changed

    return change


def statement(path: str, **words: Any) -> Change:  # noqa: ANN401 - JSON
    """Say something else in the first statement of a document."""
    return edit_document(path, lambda one: one["Statement"][0].update(words))


def from_nowhere(*properties: str) -> Change:
    """Let properties come from no other resource any more, and be absent."""

    def change(resource: Resource) -> Resource:
        kept = {key: urns for key, urns in resource.depends.items() if key not in properties}
        values = {key: one for key, one in resource.properties.items() if key not in properties}
        return replace(resource, depends=kept, properties=values)

    return change


def to_the_world(*changes: Change) -> Change:
    """Let a rule be about every address."""
    return all_of(
        from_nowhere("referencedSecurityGroupId"), put("cidrIpv4", to="0.0.0.0/0"), *changes
    )


def ports(first: int, last: int) -> Change:
    """Let a rule be about a range of ports."""
    return all_of(put("fromPort", to=first), put("toPort", to=last))


FOR_CHECKOV: dict[str, Broken] = {
    "public": Broken(at=INSTANCE, change=put("publiclyAccessible", to=True), rules=("CKV_AWS_17",)),
    "unencrypted": Broken(
        at=INSTANCE, change=put("storageEncrypted", to=False), rules=("CKV_AWS_16",)
    ),
    "passwords": Broken(
        at=INSTANCE,
        change=put("iamDatabaseAuthenticationEnabled", to=False),
        rules=("CKV_AWS_161",),
    ),
    "one zone": Broken(at=INSTANCE, change=put("multiAz", to=False), rules=("CKV_AWS_157",)),
    "to delete": Broken(
        at=INSTANCE, change=put("deletionProtection", to=False), rules=("CKV_AWS_293",)
    ),
    "no backups": Broken(
        at=INSTANCE, change=put("backupRetentionPeriod", to=0), rules=("CKV_AWS_133",)
    ),
    "no logs": Broken(
        at=INSTANCE, change=put("enabledCloudwatchLogsExports", to=[]), rules=("CKV_AWS_129",)
    ),
    "never upgraded": Broken(
        at=INSTANCE, change=put("autoMinorVersionUpgrade", to=False), rules=("CKV_AWS_226",)
    ),
    "not monitored": Broken(
        at=INSTANCE, change=put("monitoringInterval", to=0), rules=("CKV_AWS_118",)
    ),
    "no insights": Broken(
        at=INSTANCE, change=put("performanceInsightsEnabled", to=False), rules=("CKV_AWS_353",)
    ),
    "insights unencrypted": Broken(
        at=INSTANCE, change=from_nowhere("performanceInsightsKmsKeyId"), rules=("CKV_AWS_354",)
    ),
    "snapshots without tags": Broken(
        at=INSTANCE, change=put("copyTagsToSnapshot", to=False), rules=("CKV2_AWS_60",)
    ),
    "default parameters": Broken(
        at=INSTANCE, change=from_nowhere("parameterGroupName"), rules=("CKV2_AWS_30",)
    ),
    "secret unencrypted": Broken(
        at=SECRET, change=from_nowhere("kmsKeyId"), rules=("CKV_AWS_149",)
    ),
    "outside the vpc": Broken(
        at=FUNCTION, change=from_nowhere("vpcConfig"), rules=("CKV_AWS_117",)
    ),
    "any number at once": Broken(
        at=FUNCTION, change=drop("reservedConcurrentExecutions"), rules=("CKV_AWS_115",)
    ),
    "key in its environment": Broken(
        at=FUNCTION,
        change=put("environment", to={"variables": {"AWS_ACCESS_KEY_ID": EXAMPLE_KEY}}),
        rules=("CKV_AWS_173", "CKV_AWS_45"),
    ),
    "old runtime": Broken(
        at=FUNCTION, change=put("runtime", to="python3.7"), rules=("CKV_AWS_363",)
    ),
    "any action on anything": Broken(
        at=POLICY,
        change=statement("policy", Action="*", Resource="*"),
        rules=(
            "CKV2_AWS_40",
            "CKV_AWS_286",
            "CKV_AWS_287",
            "CKV_AWS_288",
            "CKV_AWS_289",
            "CKV_AWS_290",
            "CKV_AWS_355",
            "CKV_AWS_62",
            "CKV_AWS_63",
        ),
    ),
    "any secret": Broken(
        at=POLICY,
        change=statement("policy", Action="secretsmanager:GetSecretValue", Resource="*"),
        rules=("CKV_AWS_288", "CKV_AWS_355"),
    ),
    "any key": Broken(
        at=POLICY,
        change=statement("policy", Action="kms:*", Resource="*"),
        rules=("CKV_AWS_289", "CKV_AWS_290", "CKV_AWS_355"),
    ),
    "passes any role": Broken(
        at=POLICY,
        change=statement("policy", Action="iam:PassRole", Resource="*"),
        rules=("CKV_AWS_289", "CKV_AWS_355"),
    ),
    "anybody's role": Broken(
        at=ROLE, change=statement("assumeRolePolicy", Principal={"AWS": "*"}), rules=("CKV_AWS_60",)
    ),
    "administrator": Broken(
        at=ATTACHMENT,
        change=put("policyArn", to="arn:aws:iam::aws:policy/AdministratorAccess"),
        rules=("CKV_AWS_274",),
    ),
    "ssh from the world": Broken(
        at=INGRESS, change=to_the_world(ports(22, 22)), rules=("CKV_AWS_24",)
    ),
    "all from the world": Broken(
        at=INGRESS,
        change=to_the_world(ports(0, 65535)),
        rules=("CKV_AWS_24", "CKV_AWS_25", "CKV_AWS_260"),
    ),
    # It looks for a `protocol`, which these rules do not have; our own sg-no-world refuses it.
    "all protocols from the world": Broken(
        at=INGRESS,
        change=to_the_world(put("ipProtocol", to="-1"), drop("fromPort"), drop("toPort")),
        rules=(),
    ),
    "all to the world": Broken(
        at=EGRESS, change=to_the_world(ports(-1, -1)), rules=("CKV_AWS_382",)
    ),
    "rule without words": Broken(at=INGRESS, change=drop("description"), rules=("CKV_AWS_23",)),
    "key never rotated": Broken(
        at=KEY, change=put("enableKeyRotation", to=False), rules=("CKV_AWS_7",)
    ),
    "anybody's key": Broken(
        at=KEY, change=statement("policy", Principal={"AWS": "*"}), rules=("CKV_AWS_33",)
    ),
    "key without a policy": Broken(at=KEY, change=drop("policy"), rules=("CKV2_AWS_64",)),
    "log unencrypted": Broken(at=LOGS, change=from_nowhere("kmsKeyId"), rules=("CKV_AWS_158",)),
    "log for a week": Broken(at=LOGS, change=put("retentionInDays", to=7), rules=("CKV_AWS_338",)),
    "silent alarm": Broken(
        at=ALARM,
        change=all_of(put("alarmActions", to=[]), put("actionsEnabled", to=False)),
        rules=("CKV_AWS_319",),
    ),
    "public bucket": Broken(
        at=BLOCK,
        change=all_of(
            *(
                put(key, to=False)
                for key in (
                    "blockPublicAcls",
                    "blockPublicPolicy",
                    "ignorePublicAcls",
                    "restrictPublicBuckets",
                )
            )
        ),
        rules=("CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56"),
    ),
    "anybody's bucket": Broken(
        at=BUCKET_POLICY,
        change=statement("policy", Effect="Allow", Principal="*", Action="s3:*", Condition={}),
        rules=("CKV_AWS_70",),
    ),
}
FOR_CHECKOV_LOCAL: dict[str, Broken] = {
    "queue unencrypted": Broken(
        at=QUEUE, change=put("sqsManagedSseEnabled", to=False), rules=("CKV_AWS_27",)
    ),
    "called by anybody": Broken(
        at=PERMISSION,
        change=all_of(put("principal", to="*"), from_nowhere("sourceArn"), drop("sourceAccount")),
        rules=("CKV_AWS_301",),
    ),
    "called for anybody": Broken(
        at=PERMISSION,
        change=all_of(from_nowhere("sourceArn"), drop("sourceAccount")),
        rules=("CKV_AWS_364",),
    ),
    "rotated once a year": Broken(
        at=ROTATION,
        change=put("rotationRules", to={"automaticallyAfterDays": 365}),
        rules=("CKV_AWS_304",),
    ),
}
FOR_LINTERS: dict[str, Broken] = {
    "no such class": Broken(
        at=INSTANCE, change=put("instanceClass", to="db.m99.large"), rules=("E3025",)
    ),
    "a password in the program": Broken(
        at=INSTANCE,
        change=all_of(drop("manageMasterUserPassword"), put("password", to="correct-horse")),
        rules=("W2501",),
    ),
    "dead runtime": Broken(at=FUNCTION, change=put("runtime", to="python3.7"), rules=("E2531",)),
    "no such runtime": Broken(at=FUNCTION, change=put("runtime", to="python4.0"), rules=("E3030",)),
    "too long a run": Broken(at=FUNCTION, change=put("timeout", to=3600), rules=("E3717",)),
    "no such retention": Broken(at=LOGS, change=put("retentionInDays", to=8), rules=("E3030",)),
    "no such comparison": Broken(
        at=ALARM, change=put("comparisonOperator", to="LessThan"), rules=("E3030",)
    ),
    "no such property": Broken(
        at=INSTANCE, change=put("deletionProtected", to=True), rules=("E3002",)
    ),
    "a key deleted at once": Broken(
        at=KEY, change=put("deletionWindowInDays", to=1), rules=("E3034",)
    ),
    "no such action": Broken(
        at=POLICY,
        change=statement("policy", Action="rds-db:conect"),
        rules=("UNKNOWN_ACTION", "W3037"),
    ),
    "an instance's arn": Broken(
        at=POLICY,
        change=statement(
            "policy", Resource="arn:aws:rds:eu-west-1:444455556666:dbuser:db-ABC/billing"
        ),
        rules=("RESOURCE_MISMATCH",),
    ),
    "no such condition": Broken(
        at=POLICY,
        change=statement("policy", Condition={"StringEquals": {"aws:PrincipalTags": "x"}}),
        rules=("UNKNOWN_CONDITION_FOR_ACTION",),
    ),
    "no such operator": Broken(
        at=CLUSTER_ROLE,
        change=statement("assumeRolePolicy", Condition={"StringEqual": {"aws:PrincipalArn": "x"}}),
        rules=("E3530", "MISMATCHED_TYPE", "UNKNOWN_OPERATOR"),
    ),
    "a statement without effect": Broken(
        at=POLICY,
        change=edit_document("policy", lambda one: one["Statement"][0].pop("Effect")),
        rules=("E3510", "MALFORMED"),
    ),
}
