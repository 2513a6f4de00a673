"""Rules for IAM roles: who may become one, for how long, and what is attached to it.

What their policies allow is in `rights` and `logins`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies.documents import Statement, allowing, problems
from policies.family import is_within
from policies.resources import Resource, Stack
from policies.rule import Config, Severity, rule, rule_in_stack
from policies.rules.rights import ROLE_POLICY

ROLE = "aws:iam/role:Role"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
# Whatever has a password or a key that does not expire, or gets rights past roles.
USERS = (
    "aws:iam/accessKey:AccessKey",
    "aws:iam/group:Group",
    "aws:iam/groupPolicy:GroupPolicy",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
    "aws:iam/policyAttachment:PolicyAttachment",
    "aws:iam/user:User",
    "aws:iam/userLoginProfile:UserLoginProfile",
    "aws:iam/userPolicy:UserPolicy",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
)

_WEB_IDENTITY = "sts:assumerolewithwebidentity"
# What a person can log in with; what only serves it may stay.
_OPENING = frozenset({"rds-db:connect", "secretsmanager:getsecretvalue"})
_PERSON = re.compile(r"arn:[a-z-]+:iam::\d{12}:(role|user)/[^*?]+")
_ISSUER = re.compile(r"arn:[a-z-]+:iam::\d{12}:oidc-provider/([^*?]+)")
_SERVICE_ACCOUNT = re.compile(r"system:serviceaccount:[a-z0-9-]+:[a-z0-9.-]+")
_SERVICE = re.compile(r"[a-z0-9.-]+\.amazonaws\.com")


@rule(
    "iam-trust-scoped",
    of=(ROLE,),
    severity=Severity.CRITICAL,
    says="A role is trusted to one service account, to named roles and users, or to a service of "
    "AWS that says for whom it acts.",
    mend="For pods, compare the issuer's sub and aud with StringEquals; name roles and users, not "
    "an account; for a service, compare aws:SourceAccount and aws:SourceArn, unless it is one that "
    "the rule's withoutSource lists.",
    controls=("CKV_AWS_60", "CKV_AWS_61"),
    parameters={
        "withoutSource": {
            "type": "array",
            "items": {"type": "string"},
            "default": ["lambda.amazonaws.com", "rds.amazonaws.com"],
        }
    },
)
def iam_trust_scoped(role: Resource, config: Config) -> Iterator[str]:
    """Absent is refused, as IAM does. All of a trust is known before anything is made."""
    document = role.document("assumeRolePolicy")
    for problem in problems(document, "Action", "Principal"):
        yield f"assumeRolePolicy {problem}"
    for statement in allowing(document):
        if not statement.principals:
            yield f"{statement.label} names no principal"
        for kind, principal in statement.principals:
            for problem in _principal_problems(kind, principal, statement, config):
                yield f"{statement.label} {problem}"


def _principal_problems(
    kind: str, principal: str, statement: Statement, config: Config
) -> Iterator[str]:
    action = _WEB_IDENTITY if kind == "Federated" else "sts:assumerole"
    if statement.actions != (action,):
        yield f"allows {', '.join(statement.actions)} to {principal}; it has to be {action} alone"
    match kind:
        case "AWS":
            if not _PERSON.fullmatch(principal):
                yield f"trusts {principal}: it has to be the ARN of one role or user"
        case "Federated":
            yield from _issuer_problems(principal, statement)
        case "Service":
            yield from _service_problems(principal, statement, config)
        case _:
            yield f"trusts the {kind} {principal}, which is neither a person, a pod nor a service"


def _issuer_problems(principal: str, statement: Statement) -> Iterator[str]:
    found = _ISSUER.fullmatch(principal)
    if not found:
        yield f"trusts {principal}: it has to be the ARN of one OIDC provider"
        return
    subjects = statement.whole(f"{found[1]}:sub")
    if len(subjects) != 1 or not _SERVICE_ACCOUNT.fullmatch(subjects[0]):
        yield f"compares {found[1]}:sub with no single service account: any pod may become it"
    if statement.whole(f"{found[1]}:aud") != ("sts.amazonaws.com",):
        yield f"does not compare {found[1]}:aud with sts.amazonaws.com: any token of a pod will do"


def _service_problems(principal: str, statement: Statement, config: Config) -> Iterator[str]:
    if not _SERVICE.fullmatch(principal):
        yield f"trusts the service {principal}, which is none of AWS"
    elif principal not in config["withoutSource"]:
        for key in ("aws:SourceAccount", "aws:SourceArn"):
            if not statement.whole(key):
                yield f"compares no {key} for {principal}: other accounts' things may use it too"


@rule(
    "iam-session-duration",
    of=(ROLE,),
    severity=Severity.HIGH,
    says="Credentials of a role expire soon.",
    mend="Lower maxSessionDuration, in seconds.",
    parameters={"seconds": {"type": "integer", "minimum": 3600, "default": 3600}},
)
def iam_session_duration(role: Resource, config: Config) -> Iterator[str]:
    """Absent is an hour, IAM's default and its least."""
    given = role.value("maxSessionDuration")
    if given is not None and not 0 < (role.number("maxSessionDuration") or 0) <= config["seconds"]:
        yield f"maxSessionDuration is {given!r}, not 1 to {config['seconds']} s: who is sent away "
        "stays"


@rule_in_stack(
    "iam-people-expire",
    of=(ROLE, ROLE_POLICY),
    severity=Severity.CRITICAL,
    says="What people and agents are granted ends by itself.",
    mend="Declare the person with expires; trust and rights compare aws:CurrentTime with it.",
    later=("policy",),
)
def iam_people_expire(resource: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Who deploys and who breaks the glass is named in the settings, and stays."""
    if not stack.component(resource, "Login"):
        return
    trusts = allowing(resource.document("assumeRolePolicy"))
    for one in trusts:
        if any(kind == "AWS" for kind, _ in one.principals) and not _ends(one):
            yield f"{one.label} trusts a person for ever"
    for role in stack.origins(resource, "role", type_=ROLE):
        if any(_ends(one) for one in allowing(role.document("assumeRolePolicy"))):
            for one in allowing(resource.document("policy")):
                if set(one.actions) & _OPENING and not _ends(one):
                    yield f"{one.label} grants {', '.join(one.actions)} to a person for ever"


def _ends(statement: Statement) -> bool:
    return any(
        (operator, name) == ("datelessthan", "aws:currenttime") and values
        for operator, name, values in statement.conditions
    )


@rule_in_stack(
    "iam-policy-own-role",
    of=(ROLE_POLICY,),
    severity=Severity.CRITICAL,
    says="A policy belongs to the role of its own component.",
    mend="Set role to the name of the role that is declared with it.",
)
def iam_policy_own_role(policy: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """With another's, a workflow would get what a neighbour may. Absent is refused, as IAM does."""
    given = policy.value("role")
    own = [
        role
        for role in stack.origins(policy, "role", type_=ROLE)
        if is_within(stack, role, policy.parent)
    ]
    if given not in [role.value("name") for role in own]:
        yield f"role is {given!r}, which no role of its component is called"


@rule(
    "iam-attachments",
    of=(ATTACHMENT,),
    severity=Severity.CRITICAL,
    says="Of policies that AWS writes, only those listed are attached.",
    mend="Declare a RolePolicy with what is needed.",
    controls=("CKV_AWS_274", "CKV2_AWS_56"),
    parameters={
        "policies": {
            "type": "array",
            "items": {"type": "string"},
            "default": ["arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"],
        }
    },
)
def iam_attachments(attachment: Resource, config: Config) -> Iterator[str]:
    """What is attached by ARN is in no document here, and AWS changes its own at will."""
    given = attachment.value("policyArn")
    if given not in config["policies"]:
        yield f"policyArn is {given!r}, whose rights no rule here sees"


@rule(
    "iam-policies-apart",
    of=(ROLE,),
    severity=Severity.HIGH,
    says="A role's policies are resources of their own, where rules see them.",
    mend="Declare each as a RolePolicy.",
)
def iam_policies_apart(role: Resource, _config: Config) -> Iterator[str]:
    """Absent and empty is none; one that is not yet known is one."""
    for path in ("inlinePolicies", "managedPolicyArns"):
        if role.is_set(path) and role.properties[path] != []:
            yield f"{path} is set: what it grants no rule sees"


@rule(
    "iam-no-users",
    of=USERS,
    severity=Severity.CRITICAL,
    says="There are roles only: no users, groups or access keys, nor policies of theirs.",
    mend="Declare a role, and trust it to who needs it.",
    controls=("FSBP IAM.2", "CKV_AWS_40"),
)
def iam_no_users(resource: Resource, _config: Config) -> Iterator[str]:
    """It is refused for what it is, whatever its properties."""
    kind = resource.type.rpartition(":")[2]
    yield f"it is a {kind}: keys and passwords of users do not expire by themselves"
