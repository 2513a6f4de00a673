"""Who is who for given settings: every login of an instance, and what it is to each schema.

It reads the settings and nothing else: neither the components nor a catalog.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from components import naming
from components.airflow.metadata_access import SERVICE_ACCOUNTS
from components.airflow.names import MIGRATION_IDENTITY
from components.rotation_names import rotated_logins
from tests.privileges.matrix import Actor, Instance, Standing

if TYPE_CHECKING:
    from stacks.declarations import Agent, Person, Workflow
    from stacks.settings import Settings

    Declared = Workflow | Person | Agent

INSTANCES: tuple[Instance, ...] = ("application", "metadata")

MAINTENANCE = "postgres"
IAM, PASSWORDS = "rds_iam", "rds_password"
_MASTER_HOLDS = frozenset(
    {"pg_monitor", "pg_read_all_data", "pg_signal_backend", "pg_write_all_data"}
    | {"rds_superuser", PASSWORDS, "rds_replication"}
)
MASTER_GIVES = _MASTER_HOLDS - {"rds_superuser"} | {IAM, naming.PROVISIONER_USER}
"""The roles that the master can make others members of."""


def actors(settings: Settings, instance: Instance) -> Iterator[Actor]:
    """Every login of an instance, in each of its states."""
    for environment in settings.environments:
        if instance == "application":
            yield from _workflows(settings, environment)
            yield from _visitors(settings, environment)
            yield from _rotators(settings, environment)
        else:
            yield from _components(environment)
    made = frozenset(made_roles(settings, instance))
    for database in databases(settings, instance):
        yield _administrator(
            "provisioner",
            instance,
            database,
            holds=frozenset({IAM, PASSWORDS}),
            administers=made | {IAM, PASSWORDS},
        )
    yield _administrator(
        "master",
        instance,
        MAINTENANCE,
        holds=_MASTER_HOLDS | {IAM},
        administers=MASTER_GIVES | made,
    )


def databases(settings: Settings, instance: Instance) -> list[str]:
    """The databases of an instance that hold something."""
    if instance == "application":
        return [naming.APPLICATION_DATABASE]
    return [naming.metadata_database(environment) for environment in settings.environments]


def schemas(settings: Settings, database: str) -> Mapping[str, bool]:
    """The schemas in a database, and whether a workflow writes to it."""
    if database == naming.APPLICATION_DATABASE:
        return {
            schema: workflow.writes
            for environment in settings.environments
            for workflow in settings.workflows
            for schema in _schemas_of(environment, workflow)
        }
    return {naming.METADATA_SCHEMA: False}


def _schemas_of(environment: str, workflow: Workflow) -> list[str]:
    return [naming.schema_name(environment, workflow.name, each) for each in workflow.versions]


def _named(settings: Settings, names: tuple[str, ...]) -> list[Workflow]:
    by_name = {one.name: one for one in settings.workflows}
    return [by_name[name] for name in names]


def _live(environment: str, workflow: Workflow) -> str:
    return naming.schema_name(environment, workflow.name, workflow.schema_version)


def _workflows(settings: Settings, environment: str) -> Iterator[Actor]:
    for workflow in settings.workflows:
        reads = _named(settings, workflow.reads)
        roles = naming.group_roles(environment, workflow.name)
        own: Standing = "W" if workflow.writes else "R"
        holds = {roles.reader, *([roles.writer] if workflow.writes else [])}
        standings = {
            **dict.fromkeys(_schemas_of(environment, workflow), own),
            **_readable(environment, reads),
        }
        for login, by in logins(environment, workflow):
            yield from _states(
                Actor(
                    environment=environment,
                    name=workflow.name,
                    standing=own,
                    instance="application",
                    database=naming.APPLICATION_DATABASE,
                    user=login,
                    acts_as=roles.writer if workflow.writes else login,
                    schemas=standings,
                    path=tuple(_live(environment, one) for one in (workflow, *reads)),
                    holds=frozenset({login, *by, *holds, *_readers(environment, reads)}),
                    secret="" if by else naming.connection_secret(environment, workflow.name),
                )
            )


def _visitors(settings: Settings, environment: str) -> Iterator[Actor]:
    visitors: tuple[Person | Agent, ...] = (*settings.people, *settings.agents)
    for visitor in visitors:
        reads = _named(settings, visitor.reads)
        for login, by in logins(environment, visitor):
            yield Actor(
                environment=environment,
                name=visitor.name,
                standing="R",
                instance="application",
                database=naming.APPLICATION_DATABASE,
                user=login,
                acts_as=login,
                schemas=_readable(environment, reads),
                path=tuple(_live(environment, one) for one in reads),
                holds=frozenset({login, *by, *_readers(environment, reads)}),
                secret="" if by else naming.login_secret(environment, visitor.name),
            )


def logins(environment: str, one: Declared) -> list[tuple[str, tuple[str, ...]]]:
    """The logins of a workflow or visitor, and the role that lets each in if that is IAM's."""
    if one.interval_days is None:
        return [(naming.login_name(environment, one.name), (IAM,))]
    return [(login, ()) for login in rotated_logins(environment, one.name)[:2]]


def _rotators(settings: Settings, environment: str) -> Iterator[Actor]:
    """Whoever changes the passwords of a pair, and so may as well become either of them."""
    pairs: dict[str, list[Actor]] = {}
    for one in (*_workflows(settings, environment), *_visitors(settings, environment)):
        if one.secret and one.standing != "A":
            pairs.setdefault(one.name, []).append(one)
    for name, pair in pairs.items():
        rotator = rotated_logins(environment, name).rotator
        yield Actor(
            environment=environment,
            name=name,
            standing="T",
            instance="application",
            database=naming.APPLICATION_DATABASE,
            user=rotator,
            acts_as=rotator,
            schemas={},
            holds=frozenset({rotator, IAM, PASSWORDS}).union(*(one.holds for one in pair)),
            administers=frozenset(one.user for one in pair),
        )


def _readable(environment: str, reads: list[Workflow]) -> dict[str, Standing]:
    return {schema: "R" for one in reads for schema in _schemas_of(environment, one)}


def _readers(environment: str, reads: list[Workflow]) -> list[str]:
    return [naming.group_roles(environment, one.name).reader for one in reads]


def _components(environment: str) -> Iterator[Actor]:
    for component in SERVICE_ACCOUNTS:
        migrates = component == MIGRATION_IDENTITY
        login = naming.metadata_role(environment, component)
        group = naming.metadata_role(environment, "owner" if migrates else "writer")
        standing: Standing = "O" if migrates else "C"
        yield from _states(
            Actor(
                environment=environment,
                name=component,
                standing=standing,
                instance="metadata",
                database=naming.metadata_database(environment),
                user=login,
                acts_as=group if migrates else login,
                schemas={naming.METADATA_SCHEMA: standing},
                path=(naming.METADATA_SCHEMA,),
                holds=frozenset({login, group, IAM}),
            )
        )


def _states(actor: Actor) -> Iterator[Actor]:
    """The login as it begins and, if it begins as a group role, as the bare login too."""
    yield actor
    if actor.acts_as != actor.user:
        yield Actor(
            **{**vars(actor), "standing": "A", "acts_as": actor.user, "schemas": {}},
        )


def _administrator(
    name: Literal["provisioner", "master"],
    instance: Instance,
    database: str,
    *,
    holds: frozenset[str],
    administers: frozenset[str],
) -> Actor:
    user = naming.PROVISIONER_USER if name == "provisioner" else naming.MASTER_USER
    return Actor(
        environment="",
        name=name,
        standing="P" if name == "provisioner" else "M",
        instance=instance,
        database=database,
        user=user,
        acts_as=user,
        schemas={},
        holds=holds | {user},
        administers=administers,
    )


def made_roles(settings: Settings, instance: Instance) -> Iterator[str]:
    """The roles that the provisioner made: groups and logins of all environments."""
    for environment in settings.environments:
        if instance == "application":
            for workflow in settings.workflows:
                yield from naming.group_roles(environment, workflow.name)
            everybody: tuple[Declared, ...] = (
                *settings.workflows,
                *settings.people,
                *settings.agents,
            )
            for each in everybody:
                yield from (login for login, _ in logins(environment, each))
                if each.interval_days is not None:
                    yield rotated_logins(environment, each.name).rotator
        else:
            for role in ("owner", "writer", *SERVICE_ACCOUNTS):
                yield naming.metadata_role(environment, role)
