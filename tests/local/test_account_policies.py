"""The policy evaluator, by tables: what IAM allows, denies, and refuses as not understood.

Pure: no account, no network.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.account.iam import Policies, Policy, Request, decide

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:airflow/dev/billing-AbCdEf"
READ = "secretsmanager:GetSecretValue"
ROLE = "arn:aws:iam::123456789012:role/billing"
SESSION = "arn:aws:sts::123456789012:assumed-role/billing/pod"
CONTEXT: dict[str, Any] = {
    "aws:username": "billing",
    "aws:principalarn": ROLE,
    "aws:principaltag/*": None,
    "aws:securetransport": "true",
    "aws:sourceip": "127.0.0.1",
    "aws:currenttime": "2026-11-22T12:00:00Z",
    "aws:epochtime": "1795348800",
    "aws:sourcevpc": None,
}


def _policy(*statements: dict[str, Any], name: str = "policy p of role billing") -> Policy:
    return Policy(name, json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))


def _statement(effect: str = "Allow", **elements: object) -> dict[str, Any]:
    return {"Effect": effect, "Action": READ, "Resource": SECRET, **elements}


def _decide(
    *statements: dict[str, Any],
    **given: Any,  # noqa: ANN401 - the policies that count beside
) -> tuple[bool, str]:
    decision = decide(
        Request(
            subject="role billing",
            action=READ,
            resource=SECRET,
            context=CONTEXT,
            principals=frozenset({ROLE, SESSION}),
            account="123456789012",
        ),
        Policies(identity=[_policy(*statements)] if statements else [], **given),
    )
    return decision.allowed, decision.reason


def _without(statement: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in statement.items() if name not in names}


ALLOW = _statement()
DENY = _statement("Deny")

IDENTITY = {
    "nothing allows": ([], False),
    "exact": ([ALLOW], True),
    "one statement, not a list": ([ALLOW], True),
    "wildcard in the action": ([_statement(Action="secretsmanager:Get*")], True),
    "action in other case": ([_statement(Action="SecretsManager:getsecretvalue")], True),
    "all actions": ([_statement(Action="*")], True),
    "another action": ([_statement(Action="secretsmanager:PutSecretValue")], False),
    "question mark": ([_statement(Resource=SECRET[:-6] + "??????")], True),
    "too few question marks": ([_statement(Resource=SECRET[:-6] + "?????")], False),
    "another resource": ([_statement(Resource=SECRET[:-1])], False),
    "resource in other case": ([_statement(Resource=SECRET.upper())], False),
    "wildcard at the end": ([_statement(Resource=SECRET[:-13] + "*")], True),
    "wildcard across parts of the ARN": (
        [_statement(Resource="arn:aws:secretsmanager:*:secret:*")],
        False,
    ),
    "wildcard within each part": (
        [_statement(Resource="arn:aws:secretsmanager:*:*:secret:airflow/*")],
        True,
    ),
    "any of several resources": ([_statement(Resource=["arn:aws:s3:::x", SECRET])], True),
    "any of several statements": ([_statement(Action="s3:*"), ALLOW], True),
    "NotAction names another": (
        [{**_without(ALLOW, "Action"), "NotAction": "iam:*"}],
        True,
    ),
    "NotAction names it": ([{**_without(ALLOW, "Action"), "NotAction": "secretsmanager:*"}], False),
    "NotResource names another": (
        [{**_without(ALLOW, "Resource"), "NotResource": "arn:aws:s3:::*"}],
        True,
    ),
    "NotResource names it": ([{**_without(ALLOW, "Resource"), "NotResource": "arn:*"}], False),
    "an explicit deny wins": ([ALLOW, DENY], False),
    "in any order": ([DENY, ALLOW], False),
    "a deny of another action": ([ALLOW, _statement("Deny", Action="s3:*")], True),
    "a deny of another resource": ([ALLOW, _statement("Deny", Resource="arn:aws:s3:::x")], True),
    "a deny across parts of the ARN": (
        [ALLOW, _statement("Deny", Resource="arn:aws:secretsmanager:*")],
        False,
    ),
    "a deny of all but others": (
        [ALLOW, {**_without(DENY, "Resource"), "NotResource": "arn:aws:s3:::x"}],
        False,
    ),
    "a variable in the resource": (
        [_statement(Resource=SECRET.replace("billing", "${aws:username}"))],
        True,
    ),
    "a condition that holds": (
        [_statement(Condition={"Bool": {"aws:SecureTransport": "true"}})],
        True,
    ),
    "one that does not": (
        [_statement(Condition={"Bool": {"aws:SecureTransport": "false"}})],
        False,
    ),
    "a deny whose condition does not hold": (
        [ALLOW, _statement("Deny", Condition={"Bool": {"aws:SecureTransport": "false"}})],
        True,
    ),
}


@pytest.mark.parametrize(("statements", "allowed"), IDENTITY.values(), ids=IDENTITY.keys())
def test_identity_policies(statements: list[dict[str, Any]], allowed: bool) -> None:  # noqa: FBT001
    assert _decide(*statements)[0] is allowed


NOT_UNDERSTOOD = {
    "an operator": {"Condition": {"StringSounds": {"aws:username": "billing"}}},
    "a set operator": {"Condition": {"ForMostValues:StringEquals": {"aws:username": "billing"}}},
    "a key": {"Condition": {"StringEquals": {"aws:PrincipalOrgPaths": "x"}}},
    "a negated key": {"Condition": {"StringNotEquals": {"aws:PrincipalOrgPaths": "x"}}},
    "a number": {"Condition": {"NumericLessThan": {"aws:EpochTime": "soon"}}},
    "a date": {"Condition": {"DateLessThan": {"aws:CurrentTime": "soon"}}},
    "a range": {"Condition": {"IpAddress": {"aws:SourceIp": "here"}}},
    "a condition that is a list": {"Condition": []},
    "a variable": {"Resource": "arn:aws:secretsmanager:*:*:secret:${aws:SourceVpc}*"},
    "an action that is no text": {"Action": [1]},
}


@pytest.mark.parametrize("elements", NOT_UNDERSTOOD.values(), ids=NOT_UNDERSTOOD.keys())
def test_what_is_not_understood_never_helps_and_is_named(elements: dict[str, Any]) -> None:
    allowed, reason = _decide(_statement(**elements))
    assert not allowed
    assert "is left out:" in reason
    allowed, reason = _decide(ALLOW, _statement("Deny", **elements))
    assert not allowed
    assert "denies in words that are not known here:" in reason


@pytest.mark.parametrize(
    "document",
    ["", "[]", "{}", '{"Statement": 1}', '{"Statement": {"Effect": "Perhaps"}}',
     '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Unless": {}}}'],
)  # fmt: skip
def test_a_policy_that_cannot_be_read_denies_everything(document: str) -> None:
    request = Request(subject="role billing", action=READ, resource=SECRET, context=CONTEXT)
    policies = Policies(identity=[_policy(ALLOW), Policy("policy q of role billing", document)])
    decision = decide(request, policies)
    assert not decision.allowed
    assert decision.reason.startswith("policy q of role billing cannot be read")


def test_reasons_name_the_policy_or_what_nobody_allows() -> None:
    assert _decide(ALLOW, DENY)[1] == "explicit deny in policy p of role billing"
    assert _decide()[1] == f"no statement of role billing allows {READ} on {SECRET}"


def _to(principal: object, effect: str = "Allow", **elements: object) -> Policy:
    statement = _statement(effect, Principal=principal, **elements)
    return _policy(statement, name="resource policy of secret s")


RESOURCE = {
    "no policy": (None, False, True),
    "names the role": (_to({"AWS": ROLE}), True, True),
    "names the session": (_to({"AWS": [SESSION]}), True, True),
    "names everyone": (_to("*"), True, True),
    "names every AWS principal": (_to({"AWS": "*"}), True, True),
    "names another role": (_to({"AWS": ROLE + "x"}), False, True),
    "names the account: identity policies decide": (_to({"AWS": "123456789012"}), False, True),
    "names the account's root": (_to({"AWS": "arn:aws:iam::123456789012:root"}), False, True),
    "names a service": (_to({"Service": "rds.amazonaws.com"}), False, True),
    "denies the role": (_to({"AWS": ROLE}, "Deny"), False, False),
    "denies the account": (_to({"AWS": "arn:aws:iam::123456789012:root"}, "Deny"), False, False),
    "denies everyone but": (
        _policy({**_without(DENY, "Principal"), "NotPrincipal": {"AWS": ROLE}}, name="r"),
        False,
        False,
    ),
}


@pytest.mark.parametrize(
    ("policy", "alone", "beside_identity"), RESOURCE.values(), ids=RESOURCE.keys()
)
def test_resource_policies_add_to_identity_policies(
    policy: Policy | None,
    alone: bool,  # noqa: FBT001
    beside_identity: bool,  # noqa: FBT001
) -> None:
    assert _decide(resource=policy)[0] is alone
    assert _decide(ALLOW, resource=policy)[0] is beside_identity


DECIDING = {
    "names the role": (_to({"AWS": ROLE}), True, True),
    "names the account": (_to({"AWS": "arn:aws:iam::123456789012:root"}), False, True),
    "names another account": (_to({"AWS": "arn:aws:iam::210987654321:root"}), False, False),
    "names another role": (_to({"AWS": ROLE + "x"}), False, False),
    "allows another action": (_to({"AWS": ROLE}, Action="kms:Encrypt"), False, False),
}


@pytest.mark.parametrize(
    ("policy", "alone", "beside_identity"), DECIDING.values(), ids=DECIDING.keys()
)
def test_key_and_trust_policies_have_to_allow(
    policy: Policy,
    alone: bool,  # noqa: FBT001
    beside_identity: bool,  # noqa: FBT001
) -> None:
    assert _decide(resource=policy, resource_decides=True)[0] is alone
    assert _decide(ALLOW, resource=policy, resource_decides=True)[0] is beside_identity


def test_boundaries_and_session_policies_limit_and_never_grant() -> None:
    other = _policy(_statement(Action="s3:*"))
    assert _decide(ALLOW, limits=[[_policy(ALLOW)]])[0]
    assert not _decide(limits=[[_policy(ALLOW)]])[0]
    assert not _decide(ALLOW, limits=[[other]])[0]
    assert not _decide(ALLOW, limits=[[]])[0]
    assert not _decide(ALLOW, limits=[[_policy(ALLOW)], [other]])[0]
    assert not _decide(ALLOW, limits=[[_policy(ALLOW, DENY)]])[0]
    assert _decide(ALLOW, limits=[[other, _policy(ALLOW)]])[0]


def test_an_identity_policy_with_a_principal_or_without_a_resource_allows_nothing() -> None:
    assert not _decide({**ALLOW, "Principal": "*"})[0]
    assert not _decide(_without(ALLOW, "Resource"))[0]
