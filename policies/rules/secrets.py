"""Rules for secrets in Secrets Manager: their key, who may read them, when they change.

Which identity reads which secret is in `rights`; that none is written into a property is in
`plain`; the master's secret is RDS's, and judged with the instance.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from policies.documents import allowing, is_pattern, problems, statements
from policies.family import child
from policies.resources import Resource, Stack
from policies.rule import Config, Severity, rule, rule_in_stack
from policies.rules.databases import key_problems
from policies.rules.logins import LOGIN
from policies.values import Json

SECRET = "aws:secretsmanager/secret:Secret"  # noqa: S105  a type
VERSION = "aws:secretsmanager/secretVersion:SecretVersion"
ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"
SECRET_POLICY = "aws:secretsmanager/secretPolicy:SecretPolicy"  # noqa: S105  a type
FUNCTION = "aws:lambda/function:Function"
KEYS = ":AirflowKeys"

_RATE = re.compile(r"rate\((\d+) days?\)")
# What a session of either login of a pair is: clients meet the one or the other.
_EQUAL = (
    "assumeRole",
    "connectionLimit",
    "inherit",
    "login",
    "roles",
    "searchPaths",
    "statementTimeout",
    "validUntil",
)


@rule(
    "secret-cmk",
    of=(SECRET,),
    severity=Severity.HIGH,
    says="A secret is encrypted with a key of one's own.",
    mend="Set kmsKeyId to the ARN of a key.",
    controls=("CKV_AWS_149",),
    later=("kmsKeyId",),
)
def secret_cmk(secret: Resource, _config: Config) -> Iterator[str]:
    """Absent is aws/secretsmanager, which the whole account may use."""
    yield from key_problems(secret, "kmsKeyId")


@rule_in_stack(
    "secret-rotation",
    of=(SECRET,),
    severity=Severity.HIGH,
    says="A secret with a password is changed by a rotation.",
    mend="Declare a RotatedLogin, which has a SecretRotation, or let the client log in by IAM.",
    controls=("FSBP SecretsManager.1", "CKV2_AWS_57"),
    later=("secretString",),
)
def secret_rotation(secret: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """What a secret is decides.

    Airflow's keys are changed by their function, step by step and by hand: pods have to read the
    new one before the old one ends, which Secrets Manager does not know. A connection that the
    program itself writes has no password. Every other value is somebody's password.
    """
    rotations = [one for one in stack.users(secret, ROTATION) if one.is_set("secretId")]
    if rotations or stack.component(secret, KEYS):
        return
    versions = stack.users(secret, VERSION)
    if not versions:
        yield "no SecretRotation is of it: whatever puts a value there, nothing changes it"
    for version in versions:
        given = version.value("secretString")
        if version.is_set("secretBinary") or not _has_no_password(given):
            yield f"no SecretRotation is of it, but {version.label} may give it a password"


def _has_no_password(given: Json) -> bool:
    """Whether a value is a connection without a password, as Airflow reads one from JSON."""
    document = _object(given)
    return bool(document) and not document.get("password")


@rule(
    "secret-rotation-days",
    of=(ROTATION,),
    severity=Severity.HIGH,
    says="A password is changed often enough.",
    mend="Lower automaticallyAfterDays, or raise the rule's days for this environment.",
    controls=("FSBP SecretsManager.4", "CKV_AWS_304"),
    parameters={"days": {"type": "integer", "minimum": 1, "maximum": 90, "default": 30}},
)
def secret_rotation_days(rotation: Resource, config: Config) -> Iterator[str]:
    """Absent, nothing is rotated; of schedules only `rate(<n> days)` tells how often."""
    days = rotation.number("rotationRules.automaticallyAfterDays")
    schedule = rotation.value("rotationRules.scheduleExpression")
    if schedule:
        found = _RATE.fullmatch(str(schedule))
        days = int(found[1]) if found else None
    if days is None or not 1 <= days <= config["days"]:
        shown = schedule or rotation.value("rotationRules.automaticallyAfterDays")
        yield f"rotationRules say {shown!r}, but at most {config['days']} days are wanted here"


@rule(
    "secret-no-public-policy",
    of=(SECRET, SECRET_POLICY),
    severity=Severity.CRITICAL,
    says="No policy of a secret lets everybody in.",
    mend="Name principals, or leave the policy away: IAM policies decide then.",
    controls=("CIS AWS 2.21",),
    later=("policy",),
)
def secret_no_public_policy(resource: Resource, _config: Config) -> Iterator[str]:
    """Absent is none, which is right; conditions do not make everybody somebody."""
    document = resource.document("policy")
    if document in (None, ""):
        if resource.value("policy"):
            yield "policy is no JSON document"
        return
    yield from (f"policy {problem}" for problem in problems(document, "Action", "Principal"))
    for statement in statements(document):
        if statement.negated:
            yield f"{statement.label} has {', '.join(statement.negated)}: it means all others"
    for statement in allowing(document):
        for kind, principal in statement.principals:
            if is_pattern(principal):
                yield f"{statement.label} lets {kind} {principal!r} in: everybody"


@rule(
    "secret-recovery-window",
    of=(SECRET,),
    severity=Severity.HIGH,
    says="A secret that is deleted can be had back for a while.",
    mend="Raise recoveryWindowInDays, or disable the rule where a secret may go at once.",
    parameters={"days": {"type": "integer", "minimum": 7, "maximum": 30, "default": 30}},
)
def secret_recovery_window(secret: Resource, config: Config) -> Iterator[str]:
    """Absent is 30 days, the provider's default; zero deletes at once."""
    if secret.value("recoveryWindowInDays") is None:
        return
    days = secret.number("recoveryWindowInDays")
    if days is None or days < config["days"]:
        shown = secret.value("recoveryWindowInDays")
        yield f"recoveryWindowInDays is {shown!r}, but {config['days']} days are wanted here"


@rule_in_stack(
    "secret-protect",
    of=(SECRET,),
    severity=Severity.HIGH,
    says="The engine refuses to delete or replace the secrets of Airflow's keys.",
    mend="Declare it with the option protect.",
)
def secret_protect(secret: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """A connection or a password is made anew; what the fernet key encrypted is lost with it."""
    if stack.component(secret, KEYS) and not secret.protect:
        yield "it has no option protect: nobody can decrypt what is in the metadata without it"


@rule(
    "secret-description",
    of=(SECRET,),
    severity=Severity.MEDIUM,
    says="A secret says what it is and who changes it.",
    mend="Set description; tags come from the provider's defaultTags.",
)
def secret_description(secret: Resource, _config: Config) -> Iterator[str]:
    """Absent and blank are none."""
    given = secret.value("description")
    if not isinstance(given, str) or not given.strip():
        yield f"description is {given!r}: whoever finds it does not know what it opens"


@rule_in_stack(
    "secret-alternating-pair",
    of=(ROTATION,),
    severity=Severity.HIGH,
    says="A rotated secret alternates between two logins with the same rights and settings, which "
    "its function knows.",
    mend="Declare it as a RotatedLogin.",
    later=("environment", "roles", "searchPaths", "assumeRole"),
)
def secret_alternating_pair(rotation: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """With a single login, whoever has read the secret is locked out at that moment."""
    owner = stack.component(rotation, ":RotatedLogin")
    pair = [child(stack, owner, LOGIN, turn) for turn in ("a", "b")] if owner else []
    first, second = pair or (None, None)
    if first is None or second is None:
        yield "it has no two logins, as a RotatedLogin declares them"
        return
    if first.value("name") == second.value("name"):
        yield f"both its logins are {first.value('name')}"
    functions = stack.origins(rotation, "rotationLambdaArn", type_=FUNCTION)
    if not functions or not rotation.is_set("rotationLambdaArn"):
        yield "rotationLambdaArn comes from no function that is declared here"
    for function in functions:
        known = _object(function.value("environment.variables.ROTATION")).get("logins")
        if known != [first.value("name"), second.value("name")]:
            yield f"{function.label} is told of the logins {known}, not of these two"
    for path in _EQUAL:
        if first.whole(path) != second.whole(path):
            yield f"{path} of {second.name} is not as of {first.name}: clients notice the turn"


def _object(text: Json) -> Mapping[str, Json]:
    """The JSON object in a text; an empty one where it is none."""
    try:
        document = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        document = None
    return document if isinstance(document, Mapping) else {}
