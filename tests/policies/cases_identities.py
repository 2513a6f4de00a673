"""Cases of the rules in `policies/rules/identities.py`."""

from __future__ import annotations

from dataclasses import replace

from policies.resources import Resource
from policies.rules.identities import ATTACHMENT, ROLE, USERS
from policies.rules.rights import ROLE_POLICY
from tests.policies.cases import HOLDS, LATER, Case, Change, put
from tests.policies.cases_keys import statement

POD = (ROLE, "prod-billing-login")
DEPLOYER = (ROLE, "application-provisioner-deploy")
SERVICE = (ROLE, "application-monitoring")
PERSON = (ROLE, "local-analysts-login")
FUNCTION = (ROLE, "airflow-keys-function")
ALIAS = ("aws:kms/alias:Alias", "task-logs-key")
"""No rule asks for it."""
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
ACCOUNT = "arn:aws:iam::444455556666"
ISSUER = "oidc.eks.eu-west-1.amazonaws.com/id/issuer-of-data-platform"
SUBJECT = {f"{ISSUER}:sub": "system:serviceaccount:airflow-prod:workflow-billing"}
AUDIENCE = {f"{ISSUER}:aud": "sts.amazonaws.com"}
SOURCE = "arn:aws:rds:eu-west-1:444455556666:db:airflow-prod-application"


def as_type(type_: str) -> Change:
    """Let a resource be another one, without properties."""

    def change(resource: Resource) -> Resource:
        return replace(resource, type=type_, properties={}, depends={})

    return change


def _trust(**elements: object) -> Change:
    return statement("assumeRolePolicy", 0, **elements)


def _when(operator: str, *keys: dict[str, str]) -> Change:
    return _trust(Condition={operator: {name: one[name] for one in keys for name in one}})


def _of_the_neighbour(policy: Resource) -> Resource:
    """Its role is a neighbour's, also by what it comes from."""
    urns = tuple(one.replace("billing", "marketing") for one in policy.depends["role"])
    properties = {**policy.properties, "role": "airflow-prod-workflow-marketing"}
    return replace(policy, properties=properties, depends={**policy.depends, "role": urns})


CASES = (
    Case(
        rule="iam-trust-scoped",
        at=POD,
        path="assumeRolePolicy",
        breaks=(
            _when("StringEquals", SUBJECT),
            _when("StringEquals", AUDIENCE),
            _when("StringLike", SUBJECT, AUDIENCE),
            _when("StringEqualsIfExists", SUBJECT, AUDIENCE),
            _when("ForAllValues:StringEquals", SUBJECT, AUDIENCE),
            _when("StringEquals", {f"{ISSUER}:sub": "system:serviceaccount:*:*"}, AUDIENCE),
            _when("StringEquals", {"other.issuer:sub": SUBJECT[f"{ISSUER}:sub"]}, AUDIENCE),
            _when("StringEquals", SUBJECT, {f"{ISSUER}:aud": "sigstore"}),
            _trust(Condition=None),
            _trust(Principal="*"),
            _trust(Principal={"AWS": "*"}),
            _trust(Principal={"Federated": "*"}),
            _trust(Principal={"Federated": "cognito-identity.amazonaws.com"}),
            _trust(Principal={}),
            _trust(Principal=None),
            _trust(Action=["sts:AssumeRoleWithWebIdentity", "sts:AssumeRole"]),
            _trust(Action="sts:*"),
            put("assumeRolePolicy", to="no document"),
        ),
        zero="",
    ),
    Case(
        rule="iam-trust-scoped",
        at=DEPLOYER,
        breaks=(
            _trust(Principal={"AWS": f"{ACCOUNT}:root"}),
            _trust(Principal={"AWS": "arn:aws:iam::999999999999:root"}),
            _trust(Principal={"AWS": "444455556666"}),
            _trust(Principal={"AWS": "*"}),
            _trust(Principal={"AWS": [f"{ACCOUNT}:role/one", "*"]}),
            _trust(Principal={"AWS": f"{ACCOUNT}:role/*"}),
            _trust(Principal={"CanonicalUser": "79a59df900b949e5"}),
        ),
    ),
    Case(
        rule="iam-trust-scoped",
        at=SERVICE,
        breaks=(
            _trust(Condition=None),
            _when("StringEquals", {"aws:SourceAccount": "444455556666"}),
            _when("StringEquals", {"aws:SourceArn": SOURCE}),
            _when("StringLike", {"aws:SourceAccount": "444455556666", "aws:SourceArn": "*"}),
        ),
    ),
    Case(
        rule="iam-trust-scoped",
        at=FUNCTION,
        breaks=(
            _trust(Principal={"Service": "ec2.amazonaws.com"}),
            _trust(Principal={"Service": "*.amazonaws.com"}),
            _trust(Principal={"Service": "lambda.example.com"}),
        ),
    ),
    Case(
        rule="iam-session-duration",
        at=DEPLOYER,
        path="maxSessionDuration",
        breaks=(put("maxSessionDuration", to=43200), put("maxSessionDuration", to="3600")),
        zero=0,
        absent=HOLDS,
        null=HOLDS,
    ),
    Case(
        rule="iam-people-expire",
        at=PERSON,
        breaks=(
            _trust(Condition=None),
            _trust(Condition={"DateGreaterThan": {"aws:CurrentTime": "2100-01-01T00:00:00Z"}}),
            _trust(Condition={"DateLessThan": {"aws:TokenIssueTime": "2100-01-01T00:00:00Z"}}),
        ),
        stack="local",
    ),
    Case(
        rule="iam-people-expire",
        at=(ROLE_POLICY, "local-analysts-login"),
        path="policy",
        breaks=(statement("policy", 0, Condition=None),),
        zero="",
        # Nothing is granted.
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
        unknown=LATER,
        stack="local",
    ),
    Case(
        rule="iam-people-expire",
        at=(ROLE_POLICY, "local-billing-bi-read-login"),
        breaks=(statement("policy", 0, Condition=None),),
        stack="local",
    ),
    Case(
        rule="iam-policy-own-role",
        at=(ROLE_POLICY, "prod-billing-read-connection"),
        path="role",
        breaks=(
            put("role", to="airflow-prod-workflow-marketing"),
            _of_the_neighbour,
            put("role", to=["airflow-prod-workflow-billing"]),
        ),
        zero="",
    ),
    Case(
        rule="iam-attachments",
        at=(ATTACHMENT, "application-monitoring"),
        path="policyArn",
        breaks=(put("policyArn", to=ADMINISTRATOR), put("policyArn", to=[ADMINISTRATOR])),
        zero="",
    ),
    Case(
        rule="iam-policies-apart",
        at=DEPLOYER,
        path="managedPolicyArns",
        breaks=(
            put("managedPolicyArns", to=[ADMINISTRATOR]),
            put("inlinePolicies", to=[{"name": "one", "policy": "{}"}]),
        ),
        zero=[],
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
    ),
    Case(rule="iam-no-users", at=ALIAS, breaks=tuple(map(as_type, USERS))),
)
