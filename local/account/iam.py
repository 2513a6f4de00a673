"""Decides whether a request is allowed: IAM's policy evaluation, pure over policy documents.

It knows no account, no role and no clock: who asks, which policies count and every condition key
come in as values. What it does not understand never helps the request: such an Allow is left out,
such a Deny denies, and the reason says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from local.account.conditions import holds
from local.account.patterns import Context, NotUnderstoodError, arn_glob, glob
from local.account.postgres.identities import Decision

_ELEMENTS = {
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource",
    "Condition",
}  # fmt: skip


@dataclass(frozen=True)
class Policy:
    """A policy document, and its name as reasons give it, such as `policy connect of role x`."""

    name: str
    document: str


@dataclass(frozen=True, kw_only=True)
class Request:
    """One question: may `subject` do `action` on `resource`?

    Attributes:
        subject: who asks, as reasons name it, such as `role x`.
        action: such as `secretsmanager:GetSecretValue`.
        resource: the ARN the action is on, or `*` for one without.
        context: the condition keys of the request; see `local.account.patterns.Context`.
        principals: what a resource policy may name to mean the subject itself: ARNs, or the
            service or identity provider that calls.
        account: the subject's account id, which a resource policy may name to leave the decision
            to identity policies; empty for services and identity providers.
    """

    subject: str
    action: str
    resource: str
    context: Context
    principals: frozenset[str] = frozenset()
    account: str = ""


@dataclass(frozen=True, kw_only=True)
class Policies:
    """The policies that count for one request.

    Attributes:
        identity: those of the subject.
        limits: for each limit (permissions boundary, session policy) its policies; each limit
            has to allow the action too.
        resource: the policy of the resource, or None.
        resource_decides: the resource's policy has to allow, as a key policy or a trust policy
            does: by naming the subject, or by naming its account when identity policies allow.
    """

    identity: Sequence[Policy] = ()
    limits: Sequence[Sequence[Policy]] = ()
    resource: Policy | None = None
    resource_decides: bool = False


class _Grant(Enum):
    NONE = 0
    ACCOUNT = 1
    SUBJECT = 2


@dataclass
class _Finding:
    """What one set of policies says: a denial, a grant, and what was left out of it."""

    denied: str | None = None
    grant: _Grant = _Grant.NONE
    left_out: list[str] = field(default_factory=list)


def decide(request: Request, policies: Policies) -> Decision:
    """Decide a request as IAM does within one account; the reason is in words."""
    identity = _find(policies.identity, request, names_principals=False)
    limits = [_find(limit, request, names_principals=False) for limit in policies.limits]
    resource = _find(
        [policies.resource] if policies.resource else [], request, names_principals=True
    )
    for finding in (identity, *limits, resource):
        if finding.denied:
            return Decision(allowed=False, reason=finding.denied)
    on = f"{request.action} on {request.resource}"
    if any(limit.grant is _Grant.NONE for limit in limits):
        return Decision(
            allowed=False,
            reason=f"a permissions boundary or session policy of {request.subject} "
            f"does not allow {on}",
        )
    if resource.grant is _Grant.SUBJECT:
        return Decision(allowed=True, reason=f"allowed by {_name(policies.resource)}")
    if policies.resource_decides and resource.grant is _Grant.NONE:
        reason = f"{_name(policies.resource)} does not let {request.subject} do {request.action}"
        return Decision(allowed=False, reason=_with(reason, resource))
    if identity.grant is _Grant.SUBJECT:
        return Decision(allowed=True, reason=f"allowed by a policy of {request.subject}")
    reason = f"no statement of {request.subject} allows {on}"
    return Decision(allowed=False, reason=_with(reason, identity, resource))


def _name(policy: Policy | None) -> str:
    return policy.name if policy else "the resource, which has no policy,"


def _with(reason: str, *findings: _Finding) -> str:
    return "; ".join([reason, *(text for finding in findings for text in finding.left_out)])


def _find(policies: Iterable[Policy], request: Request, *, names_principals: bool) -> _Finding:
    finding = _Finding()
    for policy in policies:
        try:
            statements = list(_statements(policy.document))
        except NotUnderstoodError as error:
            finding.denied = f"{policy.name} cannot be read, so it denies everything: {error}"
            return finding
        for statement in statements:
            _weigh(statement, policy, request, finding, names_principals=names_principals)
            if finding.denied:
                return finding
    return finding


def _weigh(
    statement: Mapping[str, object],
    policy: Policy,
    request: Request,
    finding: _Finding,
    *,
    names_principals: bool,
) -> None:
    """Add to `finding` what one statement says about the request."""
    denies = statement["Effect"] == "Deny"
    try:
        if names_principals:
            grant = _principal(statement, request)
        else:
            _check_identity_statement(statement)
            grant = _Grant.SUBJECT
        applies = (
            grant is not _Grant.NONE
            and _action(statement, request)
            and _resource(statement, request, denies=denies)
            and ("Condition" not in statement or holds(statement["Condition"], request.context))
        )
    except NotUnderstoodError as error:
        if denies:
            finding.denied = f"{policy.name} denies in words that are not known here: {error}"
        else:
            finding.left_out.append(f"a statement of {policy.name} is left out: {error}")
        return
    if applies and denies:
        finding.denied = f"explicit deny in {policy.name}"
    elif applies and grant.value > finding.grant.value:
        finding.grant = grant


def _statements(document: str) -> Iterator[Mapping[str, object]]:
    try:
        content = json.loads(document)
        listed = content["Statement"]
    except (ValueError, TypeError, KeyError):
        raise NotUnderstoodError("it is no JSON object with a Statement") from None
    for statement in listed if isinstance(listed, list) else [listed]:
        if not isinstance(statement, dict) or statement.get("Effect") not in {"Allow", "Deny"}:
            raise NotUnderstoodError("a statement has no Effect of Allow or Deny")
        if unknown := statement.keys() - _ELEMENTS:
            raise NotUnderstoodError(f"a statement has the element {min(unknown)}")
        yield statement


def _check_identity_statement(statement: Mapping[str, object]) -> None:
    if statement.keys() & {"Principal", "NotPrincipal"}:
        raise NotUnderstoodError("a Principal in a policy of a user or role")
    if not statement.keys() & {"Resource", "NotResource"}:
        raise NotUnderstoodError("a statement without a Resource")


def _action(statement: Mapping[str, object], request: Request) -> bool:
    for element, wanted in (("Action", True), ("NotAction", False)):
        if element in statement:
            named = any(
                glob(text.lower(), request.action.lower(), {})
                for text in _texts(statement, element)
            )
            return named is wanted
    raise NotUnderstoodError("a statement without an Action")


def _resource(statement: Mapping[str, object], request: Request, *, denies: bool) -> bool:
    """Whether the resource is meant; a trust policy has no such element and means its role."""
    for element, wanted in (("Resource", True), ("NotResource", False)):
        if element in statement:
            # Read so that it gives less: a wildcard of an Allow stays within a part of the ARN.
            narrow = denies is not wanted
            named = any(
                text == "*"
                or (arn_glob if narrow else glob)(text, request.resource, request.context)
                for text in _texts(statement, element)
            )
            return named is wanted
    return True


def _principal(statement: Mapping[str, object], request: Request) -> _Grant:
    if "Principal" not in statement:
        raise NotUnderstoodError("a statement without a Principal")
    principal = statement["Principal"]
    if principal == "*":
        return _Grant.SUBJECT
    if not isinstance(principal, Mapping):
        raise NotUnderstoodError("a Principal that is no object")
    grant = _Grant.NONE
    for kind in principal:
        for name in _texts(principal, kind):
            if name in request.principals or (name == "*" and kind == "AWS"):
                return _Grant.SUBJECT
            if kind == "AWS" and request.account and _is_account(name, request.account):
                grant = _Grant.ACCOUNT
    return grant


def _is_account(name: str, account: str) -> bool:
    return name == account or (name.startswith("arn:") and name.endswith(f":iam::{account}:root"))


def _texts(holder: Mapping[str, object], key: str) -> list[str]:
    value = holder[key]
    texts: list[str] = []
    for text in value if isinstance(value, list) else [value]:
        if not isinstance(text, str):
            raise NotUnderstoodError(f"a value of {key} that is no text")
        texts.append(text)
    return texts
