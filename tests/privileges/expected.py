"""Every cell of the privilege matrix for given settings, and what is expected of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from components import naming
from tests.privileges.actors import (
    IAM,
    INSTANCES,
    MAINTENANCE,
    MASTER_GIVES,
    actors,
    databases,
    made_roles,
    schemas,
)
from tests.privileges.matrix import (
    IN_DATABASES,
    IN_SCHEMAS,
    ON_SERVER,
    ROLE_VERBS,
    Actor,
    Cell,
    Instance,
)

if TYPE_CHECKING:
    from stacks.settings import Settings

TEMPLATE = "template1"
OWN, OTHER = "its own database", "database of another environment"
PREDEFINED = (
    "pg_execute_server_program",
    "pg_monitor",
    "pg_read_all_data",
    "pg_read_server_files",
    "pg_signal_backend",
    "pg_write_all_data",
    "pg_write_server_files",
)
"""Roles of PostgreSQL's own; nobody can change them."""
SERVICE = ("rdsadmin", "rds_superuser", "rds_password", "rds_replication", IAM)
"""Roles of RDS."""


def cells(settings: Settings, instance: Instance) -> list[Cell]:
    """Return every cell of one instance."""
    everybody = list(actors(settings, instance))
    return [
        cell
        for actor in everybody
        for part in (_in_schemas, _in_databases, _on_server, _on_roles)
        for cell in part(settings, actor)
    ]


def login_cells(settings: Settings) -> list[Cell]:
    """Every login of both instances with the token of every login's IAM role: each opens its own.

    That of a login with a password opens none.
    What is a login of one instance only is tried on the other one too, where there is none.
    """
    everybody = {
        (actor.instance, actor.user): actor
        for instance in INSTANCES
        for actor in actors(settings, instance)
        if actor.standing != "A"
    }
    return [
        Cell(
            section="logins",
            actor=actor,
            database=TEMPLATE,
            verb="log in",
            kind=instance,
            target=user,
            # The role of somebody with a password opens nothing, also not that login.
            allowed=(actor.instance, actor.user) == (instance, user) and not actor.secret,
        )
        for actor in everybody.values()
        for instance, user in sorted({*everybody, *((one, actor.user) for one in INSTANCES)})
    ]


def _in_schemas(settings: Settings, actor: Actor) -> Iterator[Cell]:
    if actor.standing == "M":  # it has no way into the database
        return
    for schema, written in schemas(settings, actor.database).items():
        for kind, verbs in IN_SCHEMAS.items():
            if kind.endswith("of the workflow") and not written:
                continue
            for verb, standings in verbs.items():
                yield Cell(
                    section="schemas",
                    actor=actor,
                    database=actor.database,
                    verb=verb,
                    kind=kind,
                    target=schema,
                    allowed=actor.schemas.get(schema, "-") in standings,
                )


def _in_databases(settings: Settings, actor: Actor) -> Iterator[Cell]:
    kinds = dict.fromkeys(databases(settings, actor.instance), OTHER)
    if actor.standing == "P":
        kinds = dict.fromkeys(kinds, OWN)
    kinds |= {name: name for name in (MAINTENANCE, TEMPLATE, "rdsadmin")}
    if actor.standing != "M":
        kinds[actor.database] = OWN
    for database, kind in kinds.items():
        for verb, standings in IN_DATABASES[kind].items():
            # A state begins after the login is in; and the provisioner is told of one at a time.
            if verb == "CONNECT" and actor.standing == "A":
                continue
            if verb != "CONNECT" and database not in {actor.database, TEMPLATE}:
                continue
            yield Cell(
                section="databases",
                actor=actor,
                database=database,
                verb=verb,
                kind=kind if kind == OWN else "",
                target=database,
                allowed=actor.standing in standings,
            )


def _on_server(_settings: Settings, actor: Actor) -> Iterator[Cell]:
    for verb, standings in ON_SERVER.items():
        yield Cell(
            section="server",
            actor=actor,
            database=actor.database,
            verb=verb,
            kind="server",
            target="",
            allowed=actor.standing in standings,
        )


def _on_roles(settings: Settings, actor: Actor) -> Iterator[Cell]:
    logins = (naming.PROVISIONER_USER, naming.MASTER_USER)
    for role in (*made_roles(settings, actor.instance), *logins, *SERVICE, *PREDEFINED):
        for verb in ROLE_VERBS:
            if role in {*SERVICE, *PREDEFINED} and verb not in {"SET ROLE", "MEMBERSHIP"}:
                continue
            # Nobody can drop the role that they are, whatever their rights.
            if verb == "DROP" and role == actor.user and actor.standing in {"T", "P", "M"}:
                continue
            yield Cell(
                section="roles",
                actor=actor,
                database=actor.database,
                verb=verb,
                kind="role",
                target=role,
                allowed=_may(actor, verb, role),
            )


def _may(actor: Actor, verb: str, role: str) -> bool:
    if verb == "SET ROLE":
        return role in actor.holds
    if verb == "MEMBERSHIP" and actor.standing == "M":
        return role in MASTER_GIVES
    own = verb in {"PASSWORD", "SETTINGS"} and role == actor.acts_as
    return own or role in actor.administers
