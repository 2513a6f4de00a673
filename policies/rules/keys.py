"""Rules for KMS keys: who may use them, how long they live, that they change.

What IAM lets identities do with keys is in `rights`; that things are encrypted with a key at all is
said beside what they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from policies.documents import Statement, allowing, is_pattern, problems, statements
from policies.resources import Resource, Stack
from policies.rule import Config, Severity, rule, rule_in_stack
from policies.values import Json

KEY = "aws:kms/key:Key"
PROVIDER = "pulumi:providers:aws"

KEY_USES = frozenset(
    {
        "kms:decrypt",
        "kms:describekey",
        "kms:encrypt",
        "kms:generatedatakey",
        "kms:generatedatakeywithoutplaintext",
        "kms:reencryptfrom",
        "kms:reencryptto",
    }
)
"""What encrypts and decrypts; all else administers the key."""
# Nobody needs more often; what AWS rotates by default.
_ROTATION_DAYS = 365


@rule(
    "kms-rotation",
    of=(KEY,),
    severity=Severity.HIGH,
    says="KMS gives a key new material every year.",
    mend="Set enableKeyRotation to true, and rotationPeriodInDays to a year at most.",
    controls=("FSBP KMS.4", "CIS AWS 4.6", "CKV_AWS_7"),
)
def kms_rotation(key: Resource, _config: Config) -> Iterator[str]:
    """Absent, enableKeyRotation is false, and a period is a year."""
    if key.value("enableKeyRotation") is not True:
        yield "enableKeyRotation is not true: the same material is used for ever"
    days = key.value("rotationPeriodInDays")
    if days is not None and not 0 < (key.number("rotationPeriodInDays") or 0) <= _ROTATION_DAYS:
        yield f"rotationPeriodInDays is {days!r}, more than {_ROTATION_DAYS} or no number of days"


@rule_in_stack(
    "kms-policy-no-star",
    of=(KEY,),
    severity=Severity.CRITICAL,
    says="A key's policy names who may use it: its own account, and services for named things.",
    mend="Name principals; for a service, compare kms:EncryptionContext, aws:SourceArn or "
    "kms:ViaService; for `*`, compare kms:ViaService and kms:CallerAccount.",
    controls=("FSBP KMS.5", "CIS AWS 2.21", "CKV_AWS_33", "CKV2_AWS_64"),
)
def kms_policy_no_star(key: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Absent, AWS writes one that nobody reviews; the account's root in it is AWS's own default."""
    document = key.document("policy")
    if document is None or document == "":
        yield "policy is not set: AWS writes one that is not in any review"
        return
    yield from (f"policy {problem}" for problem in problems(document, "Action", "Principal"))
    accounts = _accounts(stack)
    for statement in statements(document):
        if statement.negated:
            yield f"{statement.label} has {', '.join(statement.negated)}: it means all others"
    for statement in allowing(document):
        for kind, principal in statement.principals:
            if problem := _principal_problem(kind, principal, statement, accounts):
                yield f"{statement.label} {problem}"


def _principal_problem(
    kind: str, principal: str, statement: Statement, accounts: frozenset[str]
) -> str:
    if kind == "Service" and not is_pattern(principal):
        if more := sorted(set(statement.actions) - KEY_USES):
            return f"lets {principal} do {', '.join(more)}, which administers the key"
        return "" if _names_things(statement) else f"lets {principal} use the key for anybody"
    if is_pattern(principal):
        scoped = statement.whole("kms:ViaService") and statement.whole("kms:CallerAccount")
        return "" if scoped else f"lets {kind} {principal!r} use the key: everybody"
    account = principal.split(":")[4] if principal.count(":") >= 5 else principal
    if kind != "AWS" or (accounts and account not in accounts):
        return f"lets {kind} {principal!r} use the key, which is not of this account"
    return ""


def _names_things(statement: Statement) -> bool:
    """Whether a condition says for which things; a name's rest may be `*`, its account not."""
    for operator, name, values in statement.conditions:
        whole = operator in ("stringequals", "arnequals", "arnlike", "stringlike")
        if whole and values and name.startswith(("kms:encryptioncontext:", "aws:sourcearn")):
            return not any(is_pattern(":".join(value.split(":")[:5])) for value in values)
    return bool(statement.whole("aws:SourceAccount"))


def _accounts(stack: Stack) -> frozenset[str]:
    """The accounts that the stack may change; none where no provider says so."""
    found: set[str] = set()
    for provider in stack.of(PROVIDER):
        given = provider.value("allowedAccountIds")
        # A provider's own lists are JSON in a text.
        found.update(map(str, _list(given)))
    return frozenset(found)


def _list(given: Json) -> list[Json]:
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            return []
    return given if isinstance(given, list) else []


@rule(
    "kms-window",
    of=(KEY,),
    severity=Severity.HIGH,
    says="There is time to think before a key is gone for good, and with it all it encrypts.",
    mend="Raise deletionWindowInDays, or lower the rule's days for this environment.",
    controls=("FSBP KMS.3",),
    parameters={"days": {"type": "integer", "minimum": 7, "maximum": 30, "default": 30}},
)
def kms_window(key: Resource, config: Config) -> Iterator[str]:
    """Absent is 30 days, KMS's default and its most."""
    if key.value("deletionWindowInDays") is None:
        return
    days = key.number("deletionWindowInDays")
    if days is None or days < config["days"]:
        shown = key.value("deletionWindowInDays")
        yield f"deletionWindowInDays is {shown!r}, but {config['days']} days are wanted here"


@rule(
    "kms-protect",
    of=(KEY,),
    severity=Severity.HIGH,
    says="The engine refuses to delete or replace a key.",
    mend="Declare it with the option protect.",
    controls=("FSBP KMS.3",),
)
def kms_protect(key: Resource, _config: Config) -> Iterator[str]:
    """Without it, a key that is no longer declared is scheduled for deletion."""
    if not key.protect:
        yield "it has no option protect: a deployment could delete what nobody can decrypt without"
