"""Cases of the rules in `policies/rules/separation.py`."""

from __future__ import annotations

from dataclasses import replace

from policies.resources import Resource
from policies.rules.databases import INSTANCE
from policies.rules.separation import PROXY
from policies.values import UNKNOWN
from tests.policies.cases import HOLDS, Case, Change, drop, put
from tests.policies.cases_databases import without_origins

METADATA = (INSTANCE, "metadata")


def _as_application(path: str) -> Change:
    """Let a property of the metadata instance come from what the application instance has."""

    def change(instance: Resource) -> Resource:
        # Its value is not yet known, as in a preview: only what it comes from tells.
        urns = tuple(one.replace("metadata", "application") for one in instance.depends[path])
        unknown = [UNKNOWN] if path == "vpcSecurityGroupIds" else UNKNOWN
        return replace(
            instance,
            properties={**instance.properties, path: unknown},
            depends={**instance.depends, path: urns},
        )

    return change


CASES = (
    Case(
        rule="rds-metadata-app-separated",
        at=METADATA,
        path="kmsKeyId",
        breaks=(
            _as_application("kmsKeyId"),
            _as_application("masterUserSecretKmsKeyId"),
            _as_application("performanceInsightsKmsKeyId"),
            _as_application("vpcSecurityGroupIds"),
            _as_application("dbSubnetGroupName"),
            _as_application("parameterGroupName"),
            _as_application("monitoringRoleArn"),
            put("parameterGroupName", to="airflow-prod-application-postgres18"),
            put("dbSubnetGroupName", to="airflow-prod-application"),
        ),
        zero="",
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
        # What it comes from is known.
        unknown=HOLDS,
    ),
    Case(
        rule="rds-own-security-group",
        at=METADATA,
        path="vpcSecurityGroupIds",
        breaks=(
            put("vpcSecurityGroupIds", to=[]),
            without_origins("vpcSecurityGroupIds", ["sg-0123456789abcdef0"]),
            put("vpcSecurityGroupIds", to=[UNKNOWN, "sg-0123456789abcdef0"]),
            put("vpcSecurityGroupIds", to="sg-0123456789abcdef0"),
            without_origins("vpcSecurityGroupIds", UNKNOWN),
        ),
        zero=[],
        # What it comes from is known.
        unknown=HOLDS,
    ),
    Case(
        rule="rds-own-security-group",
        at=(PROXY, "application-proxy"),
        path="vpcSecurityGroupIds",
        breaks=(put("vpcSecurityGroupIds", to=[]),),
        zero=[],
        unknown=HOLDS,
    ),
    Case(
        rule="rds-own-subnets",
        at=METADATA,
        path="dbSubnetGroupName",
        breaks=(
            put("dbSubnetGroupName", to="default"),
            without_origins("dbSubnetGroupName", UNKNOWN),
            drop("dbSubnetGroupName"),
        ),
        zero="",
        unknown=HOLDS,
    ),
    Case(
        rule="rds-own-subnets",
        at=("aws:rds/subnetGroup:SubnetGroup", "metadata-subnets"),
        path="subnetIds",
        breaks=(
            put("subnetIds", to=["subnet-0e10000000000000a"]),
            put("subnetIds", to=["subnet-0e10000000000000a", "subnet-0e10000000000000a"]),
        ),
        zero=[],
    ),
    Case(
        rule="pg-no-default-group",
        at=METADATA,
        path="parameterGroupName",
        breaks=(
            put("parameterGroupName", to="default.postgres16"),
            put("parameterGroupName", to="somebody-elses"),
            without_origins("parameterGroupName", UNKNOWN),
        ),
        zero="",
        unknown=HOLDS,
    ),
)
