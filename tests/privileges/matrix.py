"""Who may do what in both instances: a matrix of logins, verbs and objects, as data.

It is what the settings promise, written down beside the components and without their help. It asks
no server; `docs/privileges.md` is this module rendered, and the tests try every cell of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Standing = Literal["W", "R", "O", "C", "A", "T", "P", "M"]

Instance = Literal["application", "metadata"]

STANDINGS: Mapping[Standing, str] = {
    "W": "workflow that writes, in all that is not about one schema; in its own schemas",
    "R": "workflow that only reads, person, agent; in a schema that they, or others, may read",
    "O": "Airflow's migration, which acts as the owner of the schema",
    "C": "API server, scheduler, DAG processor and triggerer of Airflow",
    "A": "W or O after SET ROLE NONE: the bare login",
    "T": "rotator, which changes the passwords of one pair of logins",
    "P": "provisioner, the login of deployers",
    "M": "master, the login for breaking glass",
}
"""What a login is to the server, or to one schema. To all other schemas it is nothing."""
EVERYBODY = "".join(STANDINGS)

Rights = Mapping[str, Mapping[str, str]]
"""Object -> verb -> the standings that are allowed; all others are denied."""

IN_SCHEMAS: Rights = {
    "schema": {
        "USAGE": "WROC",
        "CREATE": "WO",
        "DROP": "O",
        "RENAME": "",  # takes CREATE on the database too
        "GRANT": "O",
        "OWNER TO the login": "",
    },
    "table of the workflow": {
        "SELECT": "WR",
        "INSERT": "W",
        "UPDATE": "W",
        "DELETE": "W",
        "TRUNCATE": "W",
        "REFERENCES": "W",
        "TRIGGER": "W",
        "REINDEX": "W",
        "LOCK": "W",
        "CREATE INDEX": "W",
        "ALTER": "W",
        "DROP": "W",
        "GRANT": "W",
        "COMMENT": "W",
        "OWNER TO the login": "",
        "sampled values": "WR",
    },
    "view of the workflow": {"SELECT": "WR", "REPLACE": "W", "DROP": "W", "GRANT": "W"},
    "sequence of the workflow": {
        "SELECT": "W",
        "nextval": "W",
        "setval": "W",
        "DROP": "W",
        "GRANT": "W",
    },
    "function of the workflow": {"EXECUTE": "W", "REPLACE": "W", "DROP": "W", "GRANT": "W"},
    "type of the workflow": {"ALTER": "W", "DROP": "W"},
    "table of the owner": {
        "SELECT": "WROC",
        "INSERT": "WOC",
        "UPDATE": "WOC",
        "DELETE": "WOC",
        "TRUNCATE": "O",
        "REFERENCES": "O",
        "TRIGGER": "O",
        "REINDEX": "O",
        "LOCK": "WOC",
        "CREATE INDEX": "O",
        "ALTER": "O",
        "DROP": "O",
        "GRANT": "O",
        "COMMENT": "O",
        "OWNER TO the login": "",
        "sampled values": "WROC",
    },
    "view of the owner": {"SELECT": "WROC", "REPLACE": "O", "DROP": "O", "GRANT": "O"},
    "sequence of the owner": {
        "SELECT": "WOC",
        "nextval": "WOC",
        "setval": "WOC",
        "DROP": "O",
        "GRANT": "O",
    },
    "function of the owner": {"EXECUTE": "O", "REPLACE": "O", "DROP": "O", "GRANT": "O"},
    "type of the owner": {"ALTER": "O", "DROP": "O"},
}
"""What is in a schema is made by its workflow, which acts as the writer; or by the owner: Airflow's
migration, or an administrator who acts as the owner of a workflow's schema."""

IN_DATABASES: Rights = {
    "its own database": {
        "CONNECT": "WROCATP",
        "CREATE": "P",
        "TEMPORARY": "P",
        "CREATE EXTENSION": "",
        "USAGE of public": "P",
        "CREATE in public": "P",
        # PostgreSQL gives these to everybody; only the superuser, whom RDS keeps, could take them.
        "large object": "WROCATP",
        "advisory lock": "WROCATP",
        "NOTIFY": "WROCATP",
        "names and bodies of all functions": "WROCATP",
    },
    "template1": {
        "CONNECT": EVERYBODY,  # RDS lets everybody in
        "CREATE": "",
        "TEMPORARY": "",
        "CREATE EXTENSION": "",
        "USAGE of public": EVERYBODY,
        "CREATE in public": "",
    },
    "database of another environment": {"CONNECT": "P"},
    "postgres": {"CONNECT": "PM"},
    "rdsadmin": {"CONNECT": ""},
}
"""The provisioner's own databases are those of all environments; the master has none."""

ON_SERVER: Mapping[str, str] = {
    "CREATE ROLE": "TPM",
    "CREATE DATABASE": "PM",
    "ALTER DATABASE": "PM",
    "DROP DATABASE": "PM",
    "CREATE TABLESPACE": "",
    "CREATE EVENT TRIGGER": "",
    "CREATE FOREIGN DATA WRAPPER": "",
    "ALTER SYSTEM": "",
    "SET log_statement": "",
    "SET session_replication_role": "",
    "SET SESSION AUTHORIZATION": "",
    "SET statement_timeout": EVERYBODY,  # so it is a guard against accidents only
    "CHECKPOINT": "M",
    "pg_reload_conf": "",
    "pg_stat_reset": "",
    "pg_read_file": "",
    "pg_ls_dir": "",
    "lo_import": "",
    "COPY TO file": "",
    "COPY TO PROGRAM": "",
    "pg_authid": "M",
    "replication slot": "",
    "query text of others": "M",
    "pg_cancel_backend of others": "M",
    "pg_terminate_backend of others": "M",
}
"""From within its own database; for the master that is `postgres`, which it owns."""

ROLE_VERBS: Mapping[str, str] = {
    "SET ROLE": "itself, and the group roles that it is a member of, at any remove",
    "PASSWORD": "the role that it acts as; RDS refuses even that, and no password opens anything",
    "SETTINGS": "the role that it acts as",
    "CONNECTION LIMIT": "no role",
    "MEMBERSHIP": "no role",
    "DROP": "no role",
}
"""What can be tried on a role, and on which roles somebody who is no administrator may. The
provisioner may do all but SET ROLE to the roles that it made, a rotator all to its pair."""


@dataclass(frozen=True, kw_only=True)
class Actor:
    """A login in one of its states, and what it is to everything."""

    environment: str
    """Empty for administrators."""
    name: str
    """As in the settings; of a component its name; `provisioner`, `master`."""
    standing: Standing
    instance: Instance
    database: str
    """Where it works."""
    user: str
    """The PostgreSQL login."""
    acts_as: str
    """The role whose rights its statements have."""
    schemas: Mapping[str, Standing]
    """What it is to the schemas that are not closed to it."""
    holds: frozenset[str]
    """The roles that it may act as."""
    path: tuple[str, ...] = ()
    """The schemas that names without one are looked up in."""
    secret: str = ""
    """The secret with its password; empty if it logs in by IAM."""
    administers: frozenset[str] = frozenset()
    """The roles that it may change and give away."""

    @property
    def label(self) -> str:
        """How it is called in reports."""
        return f"{self.user} (bare)" if self.standing == "A" else self.user


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One thing that one login tries in a database, and whether it is allowed."""

    section: Literal["schemas", "databases", "server", "roles", "logins"]
    actor: Actor
    database: str
    verb: str
    kind: str
    """Kind of the object, as in the tables above; of a login, its instance."""
    target: str
    """Name of the schema, database, role or login."""
    allowed: bool

    @property
    def place(self) -> str:
        """The login, the verb and the object, for reports."""
        actor = self.actor
        return f"{actor.instance} | {actor.label} | {self.verb} | {self.kind} {self.target}"
