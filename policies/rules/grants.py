"""Rules for PostgreSQL's rights: none for PUBLIC, none to pass on, none in two databases.

What belongs to whom is decided here as well, as an owner may do everything with what it owns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from policies.resources import Resource, Stack
from policies.rule import Config, Severity, rule, rule_in_stack, rule_of_stack
from policies.rules.roles import GRANT_ROLE, OF_OTHERS, ROLE, is_rotator, memberships, roles_by_name
from policies.values import known

DATABASE = "postgresql:index/database:Database"
DEFAULT_PRIVILEGES = "postgresql:index/defaultPrivileges:DefaultPrivileges"
GRANT = "postgresql:index/grant:Grant"
SCHEMA = "postgresql:index/schema:Schema"
PUBLIC = "public"


def _is_public(grant: Resource) -> bool:
    return str(grant.value("role")).lower() == PUBLIC


@rule(
    "pg-nothing-for-public",
    of=(GRANT, DEFAULT_PRIVILEGES),
    severity=Severity.CRITICAL,
    says="Nothing is granted to PUBLIC: that is everybody who can log in, now or later.",
    mend="Grant it to a role; for PUBLIC, an empty list takes away what PostgreSQL gives.",
    controls=("CIS PG 4.5",),
    later=OF_OTHERS,
)
def pg_nothing_for_public(grant: Resource, _config: Config) -> Iterator[str]:
    """An empty list, and an absent one, revoke: this is how ours take PostgreSQL's own away."""
    privileges = known(grant.value("privileges"), "privileges")
    if _is_public(grant) and privileges not in (None, []):
        yield f"privileges is {privileges!r}, for everybody who can log in"


@rule_of_stack(
    "pg-public-revoked",
    of=(DATABASE, SCHEMA, DEFAULT_PRIVILEGES),
    severity=Severity.HIGH,
    says="What PostgreSQL gives to PUBLIC is taken away: databases, schema public, functions.",
    mend="Declare a grant to public without privileges on it.",
    later=OF_OTHERS,
)
def pg_public_revoked(stack: Stack, _config: Config) -> Iterator[str]:
    """PUBLIC may connect to a new database, and execute each new function, until it is revoked."""
    revoked: set[tuple[str, ...]] = set()
    for grant in (one for one in stack.of(GRANT) if _is_public(one)):
        # The provider writes an absent schema as "".
        where = (str(grant.value(key) or "") for key in ("database", "objectType", "schema"))
        revoked.add(tuple(where))
    for database in stack.of(DATABASE):
        name = str(database.value("name"))
        if (name, "database", "") not in revoked:
            yield f"nothing is revoked from public on database {name}: everybody may connect to it"
        if (name, "schema", PUBLIC) not in revoked:
            yield f"nothing is revoked from public on schema public of database {name}"
    owners, silenced = set(), set()
    for one in stack.of(DEFAULT_PRIVILEGES):
        owners.add((str(one.value("database")), str(one.value("owner"))))
        if _is_public(one) and one.value("objectType") == "function" and not one.value("schema"):
            silenced.add((str(one.value("database")), str(one.value("owner"))))
    for one in stack.of(SCHEMA):
        owners.add((str(one.value("database")), str(one.value("owner"))))
    for name, owner in sorted(owners - silenced):
        yield f"new functions of {owner} in database {name} can be executed by public"


@rule(
    "pg-grant-complete",
    of=(GRANT, DEFAULT_PRIVILEGES),
    severity=Severity.HIGH,
    says="A grant names its privileges one by one, in a database.",
    mend="Set database, and privileges to those that are needed; never ALL.",
)
def pg_grant_complete(grant: Resource, _config: Config) -> Iterator[str]:
    """Absent privileges are as good as none, written by accident; ALL grows with PostgreSQL."""
    privileges = known(grant.value("privileges"), "privileges")
    if not isinstance(privileges, list) or (not privileges and not _is_public(grant)):
        yield f"privileges is {privileges!r}, not a list of some"
    elif any("ALL" in str(one).upper().split() for one in privileges):
        yield "privileges has ALL: those that are needed have to be named"
    if not grant.value("database"):
        yield "database is not set: it would be whichever the provider is connected to"


@rule_in_stack(
    "pg-no-grant-option",
    of=(GRANT, DEFAULT_PRIVILEGES, GRANT_ROLE),
    severity=Severity.CRITICAL,
    says="Nobody may pass on what is granted; a rotator may administer its own pair only.",
    mend="Set withGrantOption, or withAdminOption, to false.",
)
def pg_no_grant_option(grant: Resource, stack: Stack, _config: Config) -> Iterator[str]:
    """Absent is false: the provider's default."""
    if grant.value("withGrantOption") not in (None, False):
        yield "withGrantOption is not false: the grant could be passed on"
    if grant.value("withAdminOption") not in (None, False):
        rotator = stack.origins(grant, "role", type_=ROLE)
        # Its pair are names of the same component, which the rule on members compares.
        if not any(is_rotator(one, stack) and one.parent == grant.parent for one in rotator):
            yield "withAdminOption is not false: the membership could be passed on"


@rule_of_stack(
    "pg-owners",
    of=(DATABASE, SCHEMA, DEFAULT_PRIVILEGES),
    severity=Severity.CRITICAL,
    says="Logins own nothing: schemas belong to NOLOGIN roles, databases to the provisioner.",
    mend="Set owner to a NOLOGIN role of this stack; of a database, to the provisioner.",
    parameters={"databaseOwner": {"type": "string", "default": "provisioner"}},
    later=OF_OTHERS,
)
def pg_owners(stack: Stack, config: Config) -> Iterator[str]:
    """Absent is whoever is logged in: the provisioner, which workflows would then need."""
    groups = {name for name, role in roles_by_name(stack).items() if not role.value("login")}
    for one in stack.of(SCHEMA, DEFAULT_PRIVILEGES):
        if (owner := str(one.value("owner"))) not in groups:
            yield f"owner of {one.label} is {owner!r}, no NOLOGIN role of this stack"
    for one in stack.of(DATABASE):
        if (owner := one.value("owner")) != config["databaseOwner"]:
            yield f"owner of {one.label} is {owner!r}, not {config['databaseOwner']!r}"


@rule_of_stack(
    "pg-one-database",
    of=(ROLE, GRANT, DEFAULT_PRIVILEGES, SCHEMA),
    severity=Severity.CRITICAL,
    says="A role, with all that it is a member of, has rights in one database only.",
    mend="Declare another role for the other database.",
    later=OF_OTHERS,
)
def pg_one_database(stack: Stack, _config: Config) -> Iterator[str]:
    """So no role of the metadata reaches what workflows write, and none of theirs the metadata."""
    own: dict[str, set[str]] = defaultdict(set)
    for one in stack.of(GRANT, DEFAULT_PRIVILEGES, SCHEMA):
        for key in ("owner", "role"):
            if (name := one.value(key)) and str(name).lower() != PUBLIC:
                own[str(name)].add(str(one.value("database")))
    groups: dict[str, set[str]] = defaultdict(set)
    for _, member, group in memberships(stack):
        groups[member].add(group)
    for name, role in roles_by_name(stack).items():
        reached = {database for one in _above(name, groups) for database in own[one]}
        if len(reached) > 1:
            yield f"{role.name} has rights in {', '.join(sorted(reached))}"


def _above(name: str, groups: dict[str, set[str]]) -> set[str]:
    """A role and all that it is a member of, in circles too."""
    seen, left = {name}, [name]
    while left:
        for group in groups[left.pop()] - seen:
            seen.add(group)
            left.append(group)
    return seen


@rule(
    "schema-drop-cascade",
    of=(SCHEMA,),
    severity=Severity.HIGH,
    says="A schema that has tables is not dropped.",
    mend="Take drop away in the settings; to drop one on purpose, waive this rule.",
)
def schema_drop_cascade(schema: Resource, _config: Config) -> Iterator[str]:
    """Absent is false: the provider's default."""
    if schema.value("dropCascade") not in (None, False):
        yield "dropCascade is not false: its tables go with it"
