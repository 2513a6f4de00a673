"""Rules for PostgreSQL's roles: owners cannot log in, logins are leaves, nobody is a superuser.

The provisioner and the master are declared nowhere: a function makes the one, RDS the other. What
roles may do is judged in `grants`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from policies.resources import Resource, Stack
from policies.rule import Config, Severity, rule, rule_in_stack, rule_of_stack
from policies.values import Json, known

ROLE = "postgresql:index/role:Role"
GRANT_ROLE = "postgresql:index/grantRole:GrantRole"
IAM, PASSWORD = "rds_iam", "rds_password"
"""RDS's roles: who logs in with tokens, and who may change passwords."""
# A component with a pair of logins and the one that changes their passwords.
ROTATED_LOGIN = ":RotatedLogin"
# Logins of programs: Airflow's components and its workflows, whose statements take what they take.
_PROGRAMS = (":Workflow", ":MetadataAccess")
OF_OTHERS = ("database", "grantRole", "owner", "role", "roles", "schema")
"""Taken from other resources of PostgreSQL: these tell nothing before their instance is there."""
_POWERS = ("superuser", "createDatabase", "replication", "bypassRowLevelSecurity")
_DATE = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(Z|[+-]\d\d(:?\d\d)?)")


def is_rotator(role: Resource, stack: Stack) -> bool:
    """Tell whether a role is the one of a pair of logins that changes their passwords."""
    return bool(role.value("createRole")) and stack.component(role, ROTATED_LOGIN) is not None


def roles_by_name(stack: Stack) -> Mapping[str, Resource]:
    """The roles that a stack declares."""
    return {str(one.value("name")): one for one in stack.of(ROLE)}


def memberships(stack: Stack) -> Iterator[tuple[Resource, str, str]]:
    """Each membership: what declares it, the member and the group.

    Raises:
        NotYetKnownError: a name is not yet known.
    """
    for role in stack.of(ROLE):
        for group in known(role.items("roles"), "roles"):
            yield role, str(role.value("name")), str(group)
    for grant in stack.of(GRANT_ROLE):
        yield grant, str(grant.value("role")), str(grant.value("grantRole"))


@rule_in_stack(
    "pgrole-no-powers",
    of=(ROLE,),
    severity=Severity.CRITICAL,
    says="No role is a superuser, makes roles or databases, replicates or sees all rows.",
    mend=f"Take {', '.join(_POWERS)} and createRole away; only a rotator may have createRole.",
)
def pgrole_no_powers(role: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Absent is false. A rotator inherits nothing, so that it has no rights but on its pair."""
    for path in _POWERS:
        if role.value(path) not in (None, False):
            yield f"{path} is not false"
    if role.value("createRole") not in (None, False):
        if not is_rotator(role, stack):
            yield "createRole is not false: it could make itself others"
        elif role.value("inherit") is not False:
            yield "inherit is not false, so that it has the rights of the logins that it changes"


@rule_of_stack(
    "pgrole-members",
    of=(ROLE, GRANT_ROLE),
    severity=Severity.CRITICAL,
    says="Roles are members only of NOLOGIN roles of this stack; nobody is a member of a login.",
    mend="Grant a NOLOGIN role that is declared here; nothing of PostgreSQL's or RDS's own.",
    later=OF_OTHERS,
)
def pgrole_members(stack: Stack, _config: Config) -> Iterator[str]:
    """A rotator is a member of its pair. rds_superuser, pg_read_all_data and such are refused."""
    roles = roles_by_name(stack)
    for declared_by, member, group in memberships(stack):
        login = roles.get(member)
        rotates = login is not None and is_rotator(login, stack)
        if group == IAM or (group == PASSWORD and rotates):
            continue
        if group not in roles:
            yield f"{declared_by.name}: {member} would be in {group}, no role of this stack"
        elif roles[group].value("login") and not (
            rotates and login and roles[group].parent == login.parent
        ):
            yield f"{declared_by.name}: {member} would be in {group}, a login"


@rule_of_stack(
    "pgrole-iam-leaf",
    of=(ROLE, GRANT_ROLE),
    severity=Severity.CRITICAL,
    says="Each login logs in with IAM, and only logins do; a rotated pair has its passwords.",
    mend=f"Grant {IAM} to each login that is not of a rotated pair, and to no other role.",
    later=OF_OTHERS,
)
def pgrole_iam_leaf(stack: Stack, _config: Config) -> Iterator[str]:
    """In a group, rds_iam would take the passwords from all of its members."""
    by_iam = {member for _, member, group in memberships(stack) if group == IAM}
    roles = roles_by_name(stack)
    for name in sorted(by_iam - set(roles)):
        yield f"{name} has {IAM}, and is no role of this stack"
    for name, role in roles.items():
        rotated = stack.component(role, ROTATED_LOGIN) is not None and not role.value("createRole")
        if role.value("login") and not rotated and name not in by_iam:
            yield f"{role.name} logs in, without {IAM}: it would take a password"
        if name in by_iam and (rotated or not role.value("login")):
            yield f"{role.name} has {IAM}, and is {'of a pair' if rotated else 'no login'}"


@rule(
    "pgrole-login-decided",
    of=(ROLE,),
    severity=Severity.HIGH,
    says="A role says whether it logs in, and a login whether it inherits.",
    mend="Set login; where it is true, inherit too.",
)
def pgrole_login_decided(role: Resource, _config: Config) -> Iterator[str]:
    """Absent is false for login and true for inherit: the provider's, not decided by anybody."""
    if not isinstance(role.value("login"), bool):
        yield f"login is {role.value('login')!r}, neither true nor false"
    elif role.value("login") and not isinstance(role.value("inherit"), bool):
        yield f"inherit is {role.value('inherit')!r}, neither true nor false"
    if role.is_set("assumeRole") and role.value("inherit") is not False:
        yield "assumeRole is set, and inherit is not false: it would own what it makes itself"


@rule(
    "pgrole-connection-limit",
    of=(ROLE,),
    severity=Severity.HIGH,
    says="A login has a limit of connections.",
    mend="Set connectionLimit to at least 1.",
)
def pgrole_connection_limit(role: Resource, _config: Config) -> Iterator[str]:
    """Absent and -1 are no limit; 0 lets nobody in. A role that cannot log in needs none."""
    limit = role.number("connectionLimit")
    if role.value("login") and (limit is None or limit < 1):
        yield f"connectionLimit is {limit}: a storm of tasks would take all connections"


@rule(
    "pgrole-no-password",
    of=(ROLE,),
    severity=Severity.CRITICAL,
    says="The program gives no role a password.",
    mend="Take password away; a function sets those of rotated logins.",
    controls=("FSBP SecretsManager.1",),
)
def pgrole_no_password(role: Resource, _config: Config) -> Iterator[str]:
    """One that is not yet known is one too: it would be in the state."""
    for path in ("password", "passwordWo"):
        if role.is_set(path):
            yield f"{path} is set: the program knows a password"


@rule_in_stack(
    "pgrole-timeouts",
    of=(ROLE,),
    severity=Severity.HIGH,
    says="A login's statements end: a person's and an agent's by itself, a task's with the task.",
    mend="Set statementTimeout, in milliseconds; 0 only for Airflow's components and workflows.",
    parameters={
        "statementSeconds": {"type": "integer", "minimum": 1, "default": 3600},
        "idleInTransactionSeconds": {"type": "integer", "minimum": 1, "default": 300},
    },
)
def pgrole_timeouts(role: Resource, stack: Stack, config: Config) -> Iterator[str]:
    """Zero is no limit of its own, absent is undecided; a rotator's function has its own end."""
    if not role.value("login") or is_rotator(role, stack):
        return
    given, most = role.number("statementTimeout"), config["statementSeconds"] * 1000
    by_program = any(stack.component(role, one) for one in _PROGRAMS)
    if given is None or given < 0 or given > most or (given == 0 and not by_program):
        yield f"statementTimeout is {given}, not from 1 to {most} milliseconds"
    idle = role.number("idleInTransactionSessionTimeout") or 0
    if idle < 0 or idle > config["idleInTransactionSeconds"] * 1000:
        yield f"idleInTransactionSessionTimeout is {idle}, longer than the server's own"


@rule_in_stack(
    "pgrole-valid-until",
    of=(ROLE,),
    severity=Severity.HIGH,
    says="A login with a password that is a person's or an agent's has a last day.",
    mend="Set validUntil to a day and time with a zone; a login with tokens ends by its IAM role.",
)
def pgrole_valid_until(role: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Absent and infinity are for ever. A workflow's login ends with the workflow."""
    in_pair = stack.component(role, ROTATED_LOGIN) is not None and not is_rotator(role, stack)
    if not role.value("login") or not in_pair or stack.component(role, _PROGRAMS[0]):
        return
    until: Json = role.value("validUntil")
    if not isinstance(until, str) or not _DATE.fullmatch(until):
        yield f"validUntil is {until!r}: nobody takes the login away again"
