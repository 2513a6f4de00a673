"""Rules for what IAM documents let identities do.

Who may become an identity, and what is attached to it, is in `identities`; logging in to databases
is in `logins`. A document with an ARN in it is not known before the ARN is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies.documents import Statement, allowing, is_pattern, problems, statements
from policies.resources import Resource
from policies.rule import Config, Severity, rule
from policies.rules.keys import KEY_USES

ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
POLICY = "aws:iam/policy:Policy"
DOCUMENTS = (ROLE_POLICY, POLICY)

_PASSING = "iam:passrole"
# Each gives whoever may do it, or somebody else, rights that nobody granted.
_ESCALATIONS = re.compile(
    r"iam:(?!get|list|passrole$).*|lambda:(updatefunction(code|configuration)|addpermission)"
    r"|secretsmanager:(put|delete)resourcepolicy|sts:assumerole.*"
)
_KEY_ARN = re.compile(r"arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+")
_ROLE_ARN = re.compile(r"arn:[a-z-]+:iam::\d{12}:role/[^*?]+")
_SECRET_ARN = re.compile(r"arn:[a-z-]+:secretsmanager:[a-z0-9-]+:\d{12}:secret:[^*?]+")
# A kind of thing at most, and then nothing but wildcards.
_ALL_OF_A_KIND = re.compile(r"([a-z-]+[:/])?[*?/:]*")
_RULED_APART = frozenset({"kms", "rds-db", "secretsmanager"})
_INTERFACES = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
]


@rule(
    "iam-document",
    of=DOCUMENTS,
    severity=Severity.HIGH,
    says="A policy is a document that can be judged: IAM's elements, and what each has to be.",
    mend="Write it with the builders of policy documents, in version 2012-10-17.",
    later=("policy",),
)
def iam_document(policy: Resource, _config: Config) -> Iterator[str]:
    """Absent is refused, as IAM does; the other rules look at nothing that is no document."""
    for problem in problems(policy.document("policy"), "Action", "Resource"):
        yield f"policy {problem}"


@rule(
    "iam-no-star",
    of=DOCUMENTS,
    severity=Severity.CRITICAL,
    says="No policy allows the actions of all services.",
    mend="Name the actions.",
    controls=("FSBP IAM.1", "CIS AWS 2.14", "CKV_AWS_62", "CKV_AWS_63"),
    later=("policy",),
)
def iam_no_star(policy: Resource, _config: Config) -> Iterator[str]:
    """A service with a wildcard in its name is as good as all."""
    for statement, action in _allowed_actions(policy):
        service, colon, _ = action.partition(":")
        if not colon or is_pattern(service):
            yield f"{statement.label} allows {action}: whatever AWS has, and will have"


@rule(
    "iam-no-service-wildcard",
    of=DOCUMENTS,
    severity=Severity.CRITICAL,
    says="Policies name the actions that they allow.",
    mend="Name the actions.",
    controls=("FSBP IAM.21", "CKV_AWS_287", "CKV_AWS_288"),
    later=("policy",),
)
def iam_no_service_wildcard(policy: Resource, _config: Config) -> Iterator[str]:
    """Also not some of a service: `Get*` grows with every feature."""
    for statement, action in _allowed_actions(policy):
        service, _, name = action.partition(":")
        if is_pattern(name) and not is_pattern(service):
            yield f"{statement.label} allows {action}: nobody knows what that will be"


@rule(
    "iam-no-star-resource",
    of=DOCUMENTS,
    severity=Severity.CRITICAL,
    says="Policies name the resources that they allow something on.",
    mend="Name ARNs. An action that AWS knows only with `*` is in the rule's actions, and "
    "denied to the code of the function that it is for, by lambda:SourceFunctionArn.",
    controls=("CKV_AWS_290", "CKV_AWS_355"),
    later=("policy",),
    parameters={
        "actions": {"type": "array", "items": {"type": "string"}, "default": _INTERFACES},
    },
)
def iam_no_star_resource(policy: Resource, config: Config) -> Iterator[str]:
    """What has a rule of its own (keys, secrets, logins, passed roles) is not told twice."""
    known = {str(one).lower() for one in config["actions"]}
    document = policy.document("policy")
    denied = {
        action
        for one in statements(document)
        if not one.allows and one.whole("lambda:SourceFunctionArn") and "*" in one.resources
        for action in one.actions
    }
    for statement in allowing(document):
        wide = [one for one in statement.resources if _is_wide(one)]
        for action in statement.actions if wide else ():
            if _is_ruled_apart(action) or (action in known and action in denied):
                continue
            why = "and nothing denies it to the code" if action in known else "all of its kind"
            yield f"{statement.label} allows {action} on {wide[0]}: {why}"


@rule(
    "iam-no-not-elements",
    of=(*DOCUMENTS, "aws:iam/role:Role"),
    severity=Severity.CRITICAL,
    says="Policies say what is meant, never what is not.",
    mend="Replace NotAction, NotResource and NotPrincipal by what they leave over.",
    later=("policy",),
)
def iam_no_not_elements(resource: Resource, _config: Config) -> Iterator[str]:
    """A list of exceptions grants all that AWS adds; it also hides from the other rules."""
    for path in ("policy", "assumeRolePolicy"):
        for statement in statements(resource.document(path)):
            for element in statement.negated:
                yield f"{statement.label} of {path} has {element}: it means all others"


@rule(
    "iam-kms-scoped",
    of=DOCUMENTS,
    severity=Severity.CRITICAL,
    says="Keys are used one by one, through one service, for named things; never administered.",
    mend="Name the key's ARN, and compare kms:ViaService and kms:EncryptionContext with "
    "StringEquals.",
    controls=("FSBP KMS.1", "FSBP KMS.2"),
    later=("policy",),
)
def iam_kms_scoped(policy: Resource, _config: Config) -> Iterator[str]:
    """Without the context, whoever may decrypt one secret may decrypt all that the key encrypts."""
    for statement in allowing(policy.document("policy")):
        if not statement.of_service("kms"):
            continue
        for resource in statement.resources:
            if not _KEY_ARN.fullmatch(resource):
                yield f"{statement.label} uses the key {resource}, which is not the ARN of one key"
        for action in statement.actions:
            if action.startswith("kms:") and action not in KEY_USES and not is_pattern(action):
                yield f"{statement.label} allows {action}, which administers the key"
        if not statement.whole("kms:ViaService"):
            yield f"{statement.label} compares no kms:ViaService: the key is used directly"
        if not _has_context(statement):
            yield f"{statement.label} compares no kms:EncryptionContext: all that the key encrypts"


@rule(
    "iam-secret-exact",
    of=DOCUMENTS,
    severity=Severity.CRITICAL,
    says="Secrets are named one by one.",
    mend="Name the ARN of each secret, its six characters included.",
    later=("policy",),
)
def iam_secret_exact(policy: Resource, _config: Config) -> Iterator[str]:
    """A pattern reaches the secrets of the neighbours, also those to come."""
    for statement in allowing(policy.document("policy")):
        if statement.of_service("secretsmanager"):
            for resource in statement.resources:
                if not _SECRET_ARN.fullmatch(resource):
                    yield f"{statement.label} reaches {resource}, which is not one secret"


@rule(
    "iam-passrole-scoped",
    of=DOCUMENTS,
    severity=Severity.CRITICAL,
    says="A role is passed by name, to one service.",
    mend="Name the role's ARN, and compare iam:PassedToService with StringEquals.",
    controls=("CKV_AWS_286",),
    later=("policy",),
)
def iam_passrole_scoped(policy: Resource, _config: Config) -> Iterator[str]:
    """Whoever may pass any role may do what any role may."""
    for statement in allowing(policy.document("policy")):
        if _PASSING not in statement.actions:
            continue
        for resource in statement.resources:
            if not _ROLE_ARN.fullmatch(resource):
                yield f"{statement.label} passes {resource}, which is not one role"
        if not statement.whole("iam:PassedToService"):
            yield f"{statement.label} compares no iam:PassedToService: any service may take it"


@rule(
    "iam-no-escalation",
    of=DOCUMENTS,
    severity=Severity.CRITICAL,
    says="No identity gives rights: not to itself, nor to others.",
    mend="Take the action away; rights are declared in the program, and deployers give them.",
    controls=("CKV_AWS_286", "CKV_AWS_289"),
    later=("policy",),
)
def iam_no_escalation(policy: Resource, _config: Config) -> Iterator[str]:
    """Changing IAM, becoming another role, changing a function's code or who may invoke it."""
    for statement, action in _allowed_actions(policy):
        if _ESCALATIONS.fullmatch(action) and not is_pattern(action):
            yield f"{statement.label} allows {action}: rights that are in no declaration"


def _allowed_actions(policy: Resource) -> Iterator[tuple[Statement, str]]:
    for statement in allowing(policy.document("policy")):
        for action in statement.actions:
            yield statement, action


def _is_wide(resource: str) -> bool:
    parts = resource.split(":", 5)
    if len(parts) < 6 or any(map(is_pattern, parts[:5])):
        return True
    return _ALL_OF_A_KIND.fullmatch(parts[5]) is not None


def _is_ruled_apart(action: str) -> bool:
    return action == _PASSING or action.partition(":")[0] in _RULED_APART


def _has_context(statement: Statement) -> bool:
    names = (name for _, name, _ in statement.conditions)
    return any(one.startswith("kms:encryptioncontext:") and statement.whole(one) for one in names)
