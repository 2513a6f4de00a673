"""Cases of the rules in `policies/rules/rights.py`."""

from __future__ import annotations

from policies.rules.identities import ROLE
from policies.rules.rights import ROLE_POLICY
from policies.values import Json
from tests.policies.cases import HOLDS, LATER, Case, Change, edit_document, put
from tests.policies.cases_keys import statement

WRITE_LOG = (ROLE_POLICY, "airflow-keys-function-write-log")
READ_SECRET = (ROLE_POLICY, "prod-billing-read-connection")
IN_VPC = (ROLE_POLICY, "application-provisioner-function-run-in-vpc")
INTERFACES, NOT_FROM_THE_CODE = 1, 2
ACCOUNT = "arn:aws:iam::444455556666"
VIA = {"kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com"}
CONTEXT = {"kms:EncryptionContext:SecretARN": "arn:aws:secretsmanager:eu-west-1:1:secret:one"}


def _changed(number: int = 0, **elements: object) -> Change:
    return statement("policy", number, **elements)


def _version(version: str | None) -> Change:
    def change(document: Json) -> None:
        document["Version"] = version

    return edit_document("policy", change)


def _statements(given: object) -> Change:
    def change(document: Json) -> None:
        document["Statement"] = given

    return edit_document("policy", change)


def _without(number: int) -> Change:
    def change(document: Json) -> None:
        del document["Statement"][number]

    return edit_document("policy", change)


def _of_document(
    rule: str, at: tuple[str, str], *breaks: Change, missing: str = HOLDS, stack: str = "prod"
) -> Case:
    """A case whose property is a policy; what is no document is the business of one rule alone."""
    return Case(
        rule=rule,
        at=at,
        path="policy",
        breaks=breaks,
        zero="",
        absent=missing,
        null=missing,
        at_zero=missing,
        unknown=LATER,
        stack=stack,
    )


CASES = (
    _of_document(
        "iam-document",
        WRITE_LOG,
        _version("2008-10-17"),
        _version(None),
        _statements([]),
        _statements("Allow"),
        _changed(Effect="allow"),
        _changed(Effect=None),
        _changed(Action=None),
        _changed(Action=[]),
        _changed(Action=[{}]),
        _changed(Resource=None),
        _changed(Condition="none"),
        _changed(action="logs:PutLogEvents"),
        put("policy", to="no document"),
        put("policy", to=["no document"]),
        missing="refused",
    ),
    _of_document(
        "iam-no-star",
        WRITE_LOG,
        _changed(Action="*"),
        _changed(Action=["logs:PutLogEvents", "*:*"]),
        _changed(Action="s?:GetObject"),
    ),
    _of_document(
        "iam-no-service-wildcard",
        WRITE_LOG,
        _changed(Action="logs:*"),
        _changed(Action=["logs:Put*"]),
        _changed(Action="rds-db:*"),
        _changed(Action="LOGS:PutLogEvent?"),
    ),
    _of_document(
        "iam-no-star-resource",
        WRITE_LOG,
        _changed(Resource="*"),
        _changed(Resource=["arn:aws:logs:eu-west-1:444455556666:log-group:one", "*"]),
        _changed(Resource="arn:aws:logs:eu-west-1:444455556666:log-group:*"),
        _changed(Resource="arn:aws:logs:*:*:log-group:one"),
        _changed(Resource="arn:aws:s3:::*"),
        _changed(Resource="log-group"),
        _changed(Action="ec2:CreateNetworkInterface", Resource="*"),
    ),
    _of_document(
        "iam-no-star-resource",
        IN_VPC,
        _without(NOT_FROM_THE_CODE),
        _changed(NOT_FROM_THE_CODE, Condition=None),
        _changed(NOT_FROM_THE_CODE, Effect="Allow"),
        _changed(NOT_FROM_THE_CODE, Action="ec2:DescribeSubnets"),
        _changed(NOT_FROM_THE_CODE, Condition={"ArnLike": {"lambda:SourceFunctionArn": "*"}}),
        _changed(INTERFACES, Action="ec2:TerminateInstances"),
    ),
    _of_document(
        "iam-no-not-elements",
        WRITE_LOG,
        _changed(Action=None, NotAction="logs:DeleteLogGroup"),
        _changed(Resource=None, NotResource="arn:aws:logs:eu-west-1:444455556666:log-group:one"),
        _changed(Effect="Deny", Action=None, NotAction="logs:PutLogEvents"),
    ),
    Case(
        rule="iam-no-not-elements",
        at=(ROLE, "application-provisioner-deploy"),
        breaks=(
            statement(
                "assumeRolePolicy", 0, Principal=None, NotPrincipal={"AWS": f"{ACCOUNT}:user/one"}
            ),
        ),
        # It names no principal either.
        also=frozenset({"iam-trust-scoped"}),
    ),
    _of_document(
        "iam-kms-scoped",
        READ_SECRET,
        _changed(1, Resource="*"),
        _changed(1, Resource="arn:aws:kms:eu-west-1:444455556666:key/*"),
        _changed(1, Resource="arn:aws:kms:eu-west-1:444455556666:alias/one"),
        _changed(1, Condition=None),
        _changed(1, Condition={"StringEquals": VIA}),
        _changed(1, Condition={"StringEquals": CONTEXT}),
        _changed(1, Condition={"StringLike": {**VIA, **CONTEXT}}),
        _changed(1, Condition={"StringEqualsIfExists": {**VIA, **CONTEXT}}),
        _changed(
            1,
            Condition={
                "StringEquals": VIA,
                "ArnEquals": {"kms:EncryptionContext:SecretARN": "arn:aws:secretsmanager:*"},
            },
        ),
        _changed(1, Action=["kms:Decrypt", "kms:CreateGrant"]),
        _changed(1, Action="kms:ScheduleKeyDeletion"),
    ),
    _of_document(
        "iam-secret-exact",
        READ_SECRET,
        _changed(Resource="*"),
        _changed(Resource="arn:aws:secretsmanager:eu-west-1:444455556666:secret:airflow/*"),
        _changed(Resource="arn:aws:secretsmanager:eu-west-1:*:secret:airflow/one-abcdef"),
    ),
    _of_document(
        "iam-passrole-scoped",
        WRITE_LOG,
        _changed(Action="iam:PassRole", Resource=f"{ACCOUNT}:role/one"),
        _changed(
            Action="iam:PassRole",
            Resource="*",
            Condition={"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
        ),
        _changed(
            Action="iam:PassRole",
            Resource=f"{ACCOUNT}:role/one",
            Condition={"StringLike": {"iam:PassedToService": "*"}},
        ),
    ),
    _of_document(
        "iam-no-escalation",
        WRITE_LOG,
        _changed(Action="iam:PutRolePolicy"),
        _changed(Action="iam:CreateAccessKey"),
        _changed(Action="sts:AssumeRole"),
        _changed(Action="lambda:UpdateFunctionCode"),
        _changed(Action="lambda:AddPermission"),
        _changed(Action="secretsmanager:PutResourcePolicy"),
    ),
)
