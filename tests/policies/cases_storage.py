"""Cases of the rules in `policies/rules/storage.py`."""

from __future__ import annotations

import json
from typing import Any

from policies.rules.alarms import QUEUE
from policies.rules.grants import DATABASE, SCHEMA
from policies.rules.storage import (
    BUCKET,
    ENCRYPTION,
    LIFECYCLE,
    OWNERSHIP,
    POLICY,
    PUBLIC_ACCESS,
    VERSIONING,
)
from tests.policies.cases import (
    HOLDS,
    LATER,
    Case,
    Change,
    drop,
    edit_document,
    gone,
    put,
    unprotected,
)

LETTERS = (QUEUE, "local-billing-bi-dead-letters")
POLICIES = (POLICY, "task-logs-policy")
DEFAULT = "rules.0.applyServerSideEncryptionByDefault"
EVERYBODY = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}


def statement(**values: object) -> Change:
    """Change the statement that denies plain HTTP."""

    def change(document: dict[str, Any]) -> None:
        document["Statement"][0].update(values)

    return edit_document("policy", change)


def _another(**values: object) -> Change:
    def change(document: dict[str, Any]) -> None:
        document["Statement"].append({**EVERYBODY, **values})

    return edit_document("policy", change)


CASES = (
    Case(
        rule="bucket-not-public",
        at=(PUBLIC_ACCESS, "task-logs-public-access"),
        path="blockPublicPolicy",
        breaks=(
            put("blockPublicPolicy", to=False),
            put("restrictPublicBuckets", to="true"),
            drop("blockPublicAcls"),
            drop("ignorePublicAcls"),
            gone,
        ),
        zero=False,
    ),
    Case(
        rule="bucket-policy-not-public",
        at=POLICIES,
        path="policy",
        breaks=(
            _another(),
            _another(Principal={"AWS": ["arn:aws:iam::444455556666:root", "*"]}),
            _another(Principal=None, NotPrincipal={"AWS": "arn:aws:iam::444455556666:root"}),
            _another(Condition={"StringLike": {"aws:PrincipalArn": "*"}}),
        ),
        zero="",
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
        unknown=LATER,
    ),
    Case(
        rule="bucket-tls-only",
        at=POLICIES,
        path="policy",
        breaks=(
            gone,
            statement(Effect="Allow", Principal={"AWS": "arn:aws:iam::444455556666:root"}),
            statement(Principal={"AWS": "arn:aws:iam::444455556666:root"}),
            statement(Action="s3:GetObject"),
            statement(Resource="arn:aws:s3:::airflow-prod-task-logs-444455556666"),
            statement(Condition={"Bool": {"aws:SecureTransport": "true"}}),
            statement(Condition={}),
            put("policy", to="{}"),
            put("policy", to=json.dumps([])),
        ),
        zero="",
        unknown=LATER,
    ),
    Case(
        rule="bucket-cmk",
        at=(ENCRYPTION, "task-logs-encryption"),
        path="rules",
        breaks=(
            put(f"{DEFAULT}.sseAlgorithm", to="AES256"),
            drop(f"{DEFAULT}.kmsMasterKeyId"),
            put(f"{DEFAULT}.kmsMasterKeyId", to="alias/aws/s3"),
            put("rules", to=["x"]),
            gone,
        ),
        zero=[],
        unknown=LATER,
    ),
    Case(
        rule="bucket-versioning",
        at=(VERSIONING, "task-logs-versioning"),
        path="versioningConfiguration.status",
        breaks=(put("versioningConfiguration.status", to="Suspended"), gone),
        zero="",
    ),
    Case(
        rule="bucket-ownership",
        at=(OWNERSHIP, "task-logs-ownership"),
        path="rule.objectOwnership",
        breaks=(put("rule.objectOwnership", to="ObjectWriter"), gone),
        zero="",
    ),
    Case(
        rule="bucket-lifecycle",
        at=(LIFECYCLE, "task-logs-lifecycle"),
        path="rules",
        breaks=(
            put("rules.0.status", to="Disabled"),
            put("rules.0.filter", to={"prefix": "tmp/"}),
            put("rules.0.expiration", to={"days": 0}),
            drop("rules.0.noncurrentVersionExpiration"),
            put("rules.0.abortIncompleteMultipartUpload", to="7"),
            gone,
        ),
        zero=[],
    ),
    Case(
        rule="bucket-kept",
        at=(BUCKET, "task-logs"),
        path="forceDestroy",
        breaks=(put("forceDestroy", to=True), put("forceDestroy", to="false")),
        zero=False,
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
    ),
    Case(
        rule="queue-encrypted",
        at=LETTERS,
        path="sqsManagedSseEnabled",
        breaks=(put("sqsManagedSseEnabled", to=False), put("sqsManagedSseEnabled", to="true")),
        zero=False,
        stack="local",
    ),
    Case(
        rule="queue-not-public",
        at=LETTERS,
        path="policy",
        breaks=(
            put("policy", to=json.dumps({"Statement": [EVERYBODY]})),
            put("policy", to=json.dumps({"Statement": EVERYBODY})),
        ),
        zero="",
        absent=HOLDS,
        null=HOLDS,
        at_zero=HOLDS,
        unknown=LATER,
        stack="local",
    ),
    Case(
        rule="queue-keeps",
        at=LETTERS,
        path="messageRetentionSeconds",
        breaks=(
            put("messageRetentionSeconds", to=345_600),
            put("messageRetentionSeconds", to="1209600"),
        ),
        zero=0,
        stack="local",
    ),
    Case(rule="data-protect", at=(BUCKET, "task-logs"), breaks=(unprotected,)),
    Case(
        rule="data-protect",
        at=(DATABASE, "application-provisioner-application"),
        breaks=(unprotected,),
    ),
    Case(rule="data-protect", at=(SCHEMA, "prod-metadata-schema"), breaks=(unprotected,)),
)
