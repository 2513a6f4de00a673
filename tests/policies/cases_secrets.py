"""Cases of the rules in `policies/rules/secrets.py`."""

from __future__ import annotations

import json

from policies.rules.logins import LOGIN
from policies.rules.secrets import FUNCTION, ROTATION, SECRET, VERSION
from tests.policies.cases import HOLDS, LATER, Case, Change, drop, edit, gone, put, unprotected
from tests.policies.cases_databases import key_breaks, without_origins

CONNECTION = (SECRET, "prod-billing-connection")
VALUE = (VERSION, "prod-billing-connection")
ROTATED = (ROTATION, "local-billing-bi")
SECOND = (LOGIN, "local-billing-bi-b")
DAYS = "rotationRules.automaticallyAfterDays"
TOLD = "environment.variables.ROTATION"


def _policy(principal: object, **more: object) -> Change:
    statement = {
        "Effect": "Allow",
        "Principal": principal,
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
        **more,
    }
    return put("policy", to=json.dumps({"Version": "2012-10-17", "Statement": statement}))


CASES = (
    Case(
        rule="secret-cmk",
        at=CONNECTION,
        path="kmsKeyId",
        breaks=key_breaks("kmsKeyId"),
        zero="",
        unknown=LATER,
    ),
    Case(
        rule="secret-rotation",
        at=ROTATED,
        path="secretId",
        breaks=(gone,),
        zero="",
        # Which secret it is, is known.
        unknown=HOLDS,
        stack="local",
    ),
    Case(
        rule="secret-protect",
        at=(SECRET, "airflow-keys-prod-fernet"),
        breaks=(unprotected,),
    ),
    Case(
        rule="secret-rotation",
        at=VALUE,
        path="secretString",
        breaks=(
            gone,
            put("secretString", to="one text"),
            put("secretString", to='["one text"]'),
            put("secretString", to='{"conn_type": "postgres", "password": "one"}'),
            put("secretBinary", to="b25lIHRleHQ="),
        ),
        zero="",
        unknown=LATER,
    ),
    Case(
        rule="secret-rotation-days",
        at=ROTATED,
        path=DAYS,
        breaks=(
            put(DAYS, to=31),
            put(DAYS, to="7"),
            put("rotationRules.scheduleExpression", to="rate(60 days)"),
            put("rotationRules.scheduleExpression", to="cron(0 0 1 1 ? *)"),
            put("rotationRules", to=[]),
        ),
        zero=0,
        stack="local",
    ),
    Case(
        rule="secret-no-public-policy",
        at=CONNECTION,
        path="policy",
        breaks=(
            _policy("*"),
            _policy({"AWS": "*"}),
            _policy({"AWS": ["arn:aws:iam::444455556666:role/one", "*"]}),
            _policy("*", Condition={"StringEquals": {"aws:SourceAccount": "444455556666"}}),
            _policy({"AWS": "arn:aws:iam::444455556666:root"}, NotPrincipal={"AWS": "1"}),
            put("policy", to="no document"),
            put("policy", to=["no document"]),
        ),
        zero="",
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
        unknown=LATER,
    ),
    Case(
        rule="secret-recovery-window",
        at=CONNECTION,
        path="recoveryWindowInDays",
        breaks=(put("recoveryWindowInDays", to=7), put("recoveryWindowInDays", to="30")),
        zero=0,
        absent=HOLDS,
        null=HOLDS,
    ),
    Case(
        rule="secret-description",
        at=CONNECTION,
        path="description",
        breaks=(put("description", to="  "), put("description", to=["what"])),
        zero="",
    ),
    Case(
        rule="secret-alternating-pair",
        at=SECOND,
        path="roles",
        breaks=(
            put("roles", to=["local_billing_reader", "local_reference_reader"]),
            put("searchPaths", to=["public"]),
            put("statementTimeout", to=0),
            put("connectionLimit", to=2),
            put("login", to=False),
            put("name", to="local_billing_bi_a"),
            drop("validUntil"),
            gone,
        ),
        zero=[],
        unknown=LATER,
        stack="local",
    ),
    Case(
        rule="secret-alternating-pair",
        at=ROTATED,
        path="rotationLambdaArn",
        breaks=(
            without_origins(
                "rotationLambdaArn", "arn:aws:lambda:eu-west-1:123456789012:function:one"
            ),
        ),
        zero="",
        # Which function it is, is known.
        unknown=HOLDS,
        stack="local",
    ),
    Case(
        rule="secret-alternating-pair",
        at=(FUNCTION, "local-billing-bi-function"),
        path=TOLD,
        breaks=(
            edit(TOLD, lambda text: text.replace("local_billing_bi_b", "local_billing_bi_a")),
            put(TOLD, to="[]"),
            put(TOLD, to={"logins": []}),
        ),
        zero="",
        unknown=LATER,
        stack="local",
    ),
)
