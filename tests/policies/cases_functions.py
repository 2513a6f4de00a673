"""Cases of the rules in `policies/rules/functions.py`."""

from __future__ import annotations

from dataclasses import replace

from policies.resources import Resource
from policies.rules.functions import LOG_GROUP, PERMISSION, URL
from policies.rules.secrets import FUNCTION, VERSION
from policies.values import UNKNOWN
from tests.policies.cases import HOLDS, LATER, Case, drop, gone, put
from tests.policies.cases_databases import without_origins
from tests.policies.cases_identities import ALIAS, as_type

BOOTSTRAP = (FUNCTION, "application-provisioner-function")
KEYS = (FUNCTION, "airflow-keys-function")
ROTATION = (FUNCTION, "local-billing-bi-function")
INVOKER = (PERMISSION, "local-billing-bi-rotation")
SUBNETS = "vpcConfig.subnetIds"
FIRST = "subnet-0e10000000000000a"


def _from_a_secret(function: Resource) -> Resource:
    """Let its environment have what a secret has; the value is not yet known."""
    origin = function.urn.rpartition("::airflow-postgres::")[0] + (
        "::airflow-postgres::airflow-postgres:components:Workflow"
        f"${VERSION}::prod-billing-connection"
    )
    properties = {**function.properties, "environment": {"variables": {"ONE": UNKNOWN}}}
    depends = {**function.depends, "environment": (origin,)}
    return replace(function, properties=properties, depends=depends)


def _role_of_another(function: Resource) -> Resource:
    """Let its role be that of the other instance's function; the value is not yet known."""
    urns = tuple(one.replace("application", "metadata") for one in function.depends["role"])
    depends = {**function.depends, "role": urns}
    return replace(function, properties={**function.properties, "role": UNKNOWN}, depends=depends)


CASES = (
    Case(
        rule="lambda-runtime",
        at=KEYS,
        path="runtime",
        breaks=(put("runtime", to="python3.8"), put("runtime", to=["python3.13"])),
        zero="",
    ),
    Case(
        rule="lambda-own-role",
        at=KEYS,
        path="role",
        breaks=(without_origins("role", "arn:aws:iam::444455556666:role/one"),),
        zero="",
        # Which role it is, is known.
        unknown=HOLDS,
    ),
    Case(
        rule="lambda-own-role",
        at=BOOTSTRAP,
        breaks=(_role_of_another,),
    ),
    Case(
        rule="lambda-vpc-2az",
        at=BOOTSTRAP,
        path=SUBNETS,
        breaks=(
            put(SUBNETS, to=[FIRST]),
            put(SUBNETS, to=[FIRST, FIRST]),
            drop("vpcConfig"),
            put("vpcConfig.securityGroupIds", to=[]),
            without_origins("vpcConfig", {"subnetIds": ["a", "b"], "securityGroupIds": ["sg"]}),
        ),
        zero=[],
    ),
    Case(
        rule="lambda-vpc-2az",
        at=KEYS,
        path="vpcConfig",
        breaks=(put("vpcConfig", to={"subnetIds": [FIRST], "securityGroupIds": ["sg"]}),),
        zero={},
        # It reaches no database.
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
    ),
    Case(
        rule="lambda-timeout",
        at=BOOTSTRAP,
        path="timeout",
        breaks=(put("timeout", to=120), put("timeout", to=900), put("timeout", to="180")),
        zero=0,
    ),
    Case(
        rule="lambda-timeout",
        at=KEYS,
        path="timeout",
        breaks=(put("timeout", to=3), put("timeout", to=900)),
        zero=0,
    ),
    Case(
        rule="lambda-concurrency",
        at=BOOTSTRAP,
        path="reservedConcurrentExecutions",
        breaks=(
            put("reservedConcurrentExecutions", to=2),
            put("reservedConcurrentExecutions", to=-1),
            put("reservedConcurrentExecutions", to="1"),
        ),
        zero=0,
    ),
    Case(
        rule="lambda-concurrency",
        at=KEYS,
        path="reservedConcurrentExecutions",
        breaks=(put("reservedConcurrentExecutions", to=0),),
        zero=0,
        # As many as there are events.
        absent=HOLDS,
        null=HOLDS,
    ),
    Case(
        rule="lambda-dlq",
        at=ROTATION,
        path="deadLetterConfig",
        breaks=(
            drop("deadLetterConfig"),
            put("deadLetterConfig.targetArn", to=""),
            without_origins("deadLetterConfig", {"targetArn": "arn:aws:sqs:eu-west-1:1:other"}),
        ),
        zero={},
        unknown=LATER,
        stack="local",
    ),
    Case(
        rule="lambda-no-env-secrets",
        at=KEYS,
        path="environment",
        breaks=(_from_a_secret,),
        zero={},
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
        # What it comes from is known.
        unknown=HOLDS,
    ),
    Case(
        rule="lambda-log-group",
        at=(LOG_GROUP, "airflow-keys-function"),
        path="name",
        breaks=(gone, put("name", to="/aws/lambda/another"), put("retentionInDays", to=0)),
        zero="",
    ),
    Case(
        rule="lambda-log-group",
        at=KEYS,
        path="loggingConfig.logGroup",
        breaks=(put("loggingConfig.logGroup", to="/another"), put("name", to="another")),
        zero="",
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
        unknown=LATER,
    ),
    Case(
        rule="lambda-invoke-scoped",
        at=INVOKER,
        path="sourceArn",
        breaks=(
            put("sourceArn", to="*"),
            put("sourceArn", to="arn:aws:secretsmanager:eu-west-1:123456789012:secret:*"),
            put("sourceArn", to=["arn:aws:secretsmanager:eu-west-1:123456789012:secret:one"]),
            put("principal", to="*"),
            put("principal", to="s3.amazonaws.com"),
            put("principal", to="123456789012"),
            drop("principal"),
            drop("sourceAccount"),
            put("sourceAccount", to="*"),
            put("action", to="lambda:*"),
            put("functionUrlAuthType", to="NONE"),
        ),
        zero="",
        unknown=LATER,
        stack="local",
    ),
    Case(
        rule="lambda-invoke-scoped",
        at=INVOKER,
        path="principal",
        breaks=(put("principal", to="secretsmanager.example.com"),),
        zero="",
        stack="local",
    ),
    Case(rule="lambda-no-url", at=ALIAS, breaks=(as_type(URL),)),
)
