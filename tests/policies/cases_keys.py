"""Cases of the rules in `policies/rules/keys.py`."""

from __future__ import annotations

from policies.rules.keys import KEY
from policies.values import Json
from tests.policies.cases import HOLDS, Case, Change, edit_document, put, unprotected

APPLICATION = (KEY, "application-key")


def statement(path: str, number: int, **elements: object) -> Change:
    """Set elements of a statement in a document; one that is None is taken away."""

    def change(document: Json) -> None:
        for element, value in elements.items():
            if value is None:
                del document["Statement"][number][element]
            else:
                document["Statement"][number][element] = value

    return edit_document(path, change)


def _logs(arn: str) -> Change:
    condition = {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": arn}}
    return statement("policy", 1, Condition=condition)


CASES = (
    Case(
        rule="kms-rotation",
        at=APPLICATION,
        path="enableKeyRotation",
        breaks=(
            put("enableKeyRotation", to=False),
            put("enableKeyRotation", to="true"),
            put("rotationPeriodInDays", to=2560),
            put("rotationPeriodInDays", to=0),
            put("rotationPeriodInDays", to=["90"]),
        ),
        zero=False,
    ),
    Case(
        rule="kms-policy-no-star",
        at=APPLICATION,
        path="policy",
        breaks=(
            statement("policy", 0, Principal="*"),
            statement("policy", 0, Principal={"AWS": "*"}),
            statement(
                "policy",
                0,
                Principal={"AWS": "*"},
                Condition={"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}},
            ),
            statement("policy", 0, Principal={"AWS": "arn:aws:iam::999999999999:root"}),
            statement("policy", 0, Principal={"AWS": "999999999999"}),
            statement("policy", 0, Principal={"CanonicalUser": "79a59df900b949e5"}),
            statement("policy", 0, Principal=None, NotPrincipal={"AWS": "444455556666"}),
            statement("policy", 0, Principal={"Service": "*"}),
            statement("policy", 0, Principal=None),
            statement("policy", 0, Effect="allow"),
            statement("policy", 1, Condition=None),
            statement("policy", 1, Action="*"),
            statement("policy", 1, Action=["kms:Decrypt", "kms:PutKeyPolicy"]),
            _logs("*"),
            _logs("arn:aws:logs:eu-west-1:*:log-group:/aws/lambda/one"),
            put("policy", to="no document"),
            put("policy", to=["no document"]),
        ),
        zero="",
    ),
    Case(
        rule="kms-window",
        at=APPLICATION,
        path="deletionWindowInDays",
        breaks=(put("deletionWindowInDays", to=7), put("deletionWindowInDays", to="30")),
        zero=0,
        absent=HOLDS,
        null=HOLDS,
    ),
    Case(rule="kms-protect", at=APPLICATION, breaks=(unprotected,)),
)
