"""What is tried for each verb of the matrix: one statement, and how its outcome is to be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.privileges.matrix import Cell

HIDDEN = "<insufficient privilege>"


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A statement, with `{names}` to be filled in, and what says that it was allowed."""

    sql: str
    acl: str = ""
    """Query of the rights on the object: they change if, and only if, the GRANT was allowed. One
    without the right to grant is told so by a warning."""
    answers: bool = False
    """Whether it is allowed only if it returns true: what may not be seen is left out."""
    beyond: str = ""
    """The SQLSTATE of a further condition that only somebody who is allowed gets to."""
    quirk: str = ""
    """The SQLSTATE of a refusal that is not the one for want of a privilege."""
    alone: bool = False
    """Whether PostgreSQL refuses it in a transaction."""
    undo: str = ""
    """What takes it back where the end of the transaction does not."""

    def filled(self, names: Mapping[str, object]) -> Statement:
        """The statement with its names."""
        return Statement(
            **{**vars(self), "sql": self.sql.format(**names), "acl": self.acl.format(**names)}
        )


def _relation_acl(name: str) -> str:
    return (
        "SELECT relacl::text FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
        f" WHERE nspname = '{{schema}}' AND relname = '{{maker}}_{name}'"
    )


def _simple(**verbs: str) -> dict[str, Statement]:
    return {verb: Statement(sql=sql) for verb, sql in verbs.items()}


_MINE = "CREATE TABLE {home}.mine (id int REFERENCES {schema}.{maker}_ledger (id))"
_TRIGGER = "EXECUTE FUNCTION suppress_redundant_updates_trigger()"

ON_OBJECTS: Mapping[str, Mapping[str, Statement]] = {
    "schema": {
        **_simple(
            USAGE="SELECT NULL::{schema}.owner_mood",
            CREATE="CREATE TABLE {schema}.mine ()",
            DROP="DROP SCHEMA {schema} CASCADE",
            RENAME="ALTER SCHEMA {schema} RENAME TO mine",
        ),
        "OWNER TO the login": Statement(sql="ALTER SCHEMA {schema} OWNER TO {login}"),
        "GRANT": Statement(
            sql="GRANT USAGE ON SCHEMA {schema} TO PUBLIC",
            acl="SELECT nspacl::text FROM pg_namespace WHERE nspname = '{schema}'",
        ),
    },
    "table": {
        **_simple(
            SELECT="SELECT amount FROM {schema}.{maker}_ledger",
            INSERT="INSERT INTO {schema}.{maker}_ledger VALUES (9)",
            UPDATE="UPDATE {schema}.{maker}_ledger SET amount = 9",
            DELETE="DELETE FROM {schema}.{maker}_ledger",
            TRUNCATE="TRUNCATE {schema}.{maker}_ledger",
            REFERENCES=_MINE,
            TRIGGER="CREATE TRIGGER mine BEFORE UPDATE ON {schema}.{maker}_ledger"
            f" FOR EACH ROW {_TRIGGER}",
            REINDEX="REINDEX TABLE {schema}.{maker}_ledger",
            LOCK="LOCK TABLE {schema}.{maker}_ledger IN EXCLUSIVE MODE",
            ALTER="ALTER TABLE {schema}.{maker}_ledger ADD COLUMN mine int",
            DROP="DROP TABLE {schema}.{maker}_ledger CASCADE",
            COMMENT="COMMENT ON TABLE {schema}.{maker}_ledger IS 'mine'",
        ),
        "CREATE INDEX": Statement(sql="CREATE INDEX mine ON {schema}.{maker}_ledger (amount)"),
        "OWNER TO the login": Statement(sql="ALTER TABLE {schema}.{maker}_ledger OWNER TO {login}"),
        "GRANT": Statement(
            sql="GRANT SELECT ON {schema}.{maker}_ledger TO PUBLIC", acl=_relation_acl("ledger")
        ),
        "sampled values": Statement(
            sql="SELECT count(*) > 0 FROM pg_stats"
            " WHERE (schemaname, tablename) = ('{schema}', '{maker}_ledger')",
            answers=True,
        ),
    },
    "view": {
        **_simple(
            SELECT="SELECT * FROM {schema}.{maker}_totals",
            REPLACE="CREATE OR REPLACE VIEW {schema}.{maker}_totals AS SELECT 0::bigint AS sum",
            DROP="DROP VIEW {schema}.{maker}_totals",
        ),
        "GRANT": Statement(
            sql="GRANT SELECT ON {schema}.{maker}_totals TO PUBLIC", acl=_relation_acl("totals")
        ),
    },
    "sequence": {
        **_simple(
            SELECT="SELECT last_value FROM {schema}.{maker}_numbers",
            nextval="SELECT nextval('{schema}.{maker}_numbers')",
            setval="SELECT setval('{schema}.{maker}_numbers', 9)",
            DROP="DROP SEQUENCE {schema}.{maker}_numbers",
        ),
        "GRANT": Statement(
            sql="GRANT USAGE ON SEQUENCE {schema}.{maker}_numbers TO PUBLIC",
            acl=_relation_acl("numbers"),
        ),
    },
    "function": {
        **_simple(
            EXECUTE="SELECT {schema}.{maker}_answer()",
            REPLACE="CREATE OR REPLACE FUNCTION {schema}.{maker}_answer() RETURNS int"
            " LANGUAGE sql AS 'SELECT 43'",
            DROP="DROP FUNCTION {schema}.{maker}_answer()",
        ),
        "GRANT": Statement(
            sql="GRANT EXECUTE ON FUNCTION {schema}.{maker}_answer() TO PUBLIC",
            acl="SELECT proacl::text FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace"
            " WHERE nspname = '{schema}' AND proname = '{maker}_answer'",
        ),
    },
    "type": _simple(
        ALTER="ALTER TYPE {schema}.{maker}_mood ADD VALUE 'better'",
        DROP="DROP TYPE {schema}.{maker}_mood",
    ),
}

IN_DATABASE: Mapping[str, Statement] = {
    "CREATE": Statement(sql="CREATE SCHEMA mine"),
    "TEMPORARY": Statement(sql="CREATE TEMPORARY TABLE mine ()"),
    "CREATE EXTENSION": Statement(sql="CREATE EXTENSION vector SCHEMA pg_catalog"),
    # There is nothing in it: who may look is told so.
    "USAGE of public": Statement(sql="SELECT NULL::public.nothing", beyond="42704"),
    "CREATE in public": Statement(sql="CREATE TABLE public.mine ()"),
    "large object": Statement(sql="SELECT lo_from_bytea(0, 'mine')"),
    "advisory lock": Statement(sql="SELECT pg_advisory_xact_lock(1)"),
    "NOTIFY": Statement(sql="NOTIFY mine"),
    "names and bodies of all functions": Statement(
        sql="SELECT count(*) > 0 FROM pg_proc"
        " WHERE proname = 'owner_answer' AND prosrc = 'SELECT 42'",
        answers=True,
    ),
}

ON_SERVER: Mapping[str, Statement] = {
    "CREATE ROLE": Statement(sql="CREATE ROLE mine"),
    "CREATE DATABASE": Statement(
        sql="CREATE DATABASE mine TEMPLATE template0", alone=True, undo="DROP DATABASE mine"
    ),
    "ALTER DATABASE": Statement(sql="ALTER DATABASE {database} SET work_mem = '1MB'"),
    # Nobody can drop the database that they are in.
    "DROP DATABASE": Statement(sql="DROP DATABASE {database}", alone=True, beyond="55006"),
    "CREATE TABLESPACE": Statement(sql="CREATE TABLESPACE mine LOCATION '/nowhere'", alone=True),
    "CREATE EVENT TRIGGER": Statement(sql=f"CREATE EVENT TRIGGER mine ON sql_drop {_TRIGGER}"),
    "CREATE FOREIGN DATA WRAPPER": Statement(sql="CREATE FOREIGN DATA WRAPPER mine"),
    "ALTER SYSTEM": Statement(
        sql="ALTER SYSTEM SET log_statement = 'none'",
        alone=True,
        undo="ALTER SYSTEM RESET log_statement",
    ),
    "SET log_statement": Statement(sql="SET log_statement = 'none'"),
    "SET session_replication_role": Statement(sql="SET session_replication_role = replica"),
    "SET SESSION AUTHORIZATION": Statement(sql="SET SESSION AUTHORIZATION {peer}"),
    "SET statement_timeout": Statement(sql="SET statement_timeout = 0"),
    "CHECKPOINT": Statement(sql="CHECKPOINT"),
    "pg_reload_conf": Statement(sql="SELECT pg_reload_conf()"),
    "pg_stat_reset": Statement(sql="SELECT pg_stat_reset()"),
    "pg_read_file": Statement(sql="SELECT pg_read_file('PG_VERSION')"),
    "pg_ls_dir": Statement(sql="SELECT pg_ls_dir('.')"),
    "lo_import": Statement(sql="SELECT lo_import('/etc/hostname')"),
    "COPY TO file": Statement(sql="COPY (SELECT 1) TO '/dev/null'"),
    "COPY TO PROGRAM": Statement(sql="COPY (SELECT 1) TO PROGRAM 'cat'"),
    "pg_authid": Statement(sql="SELECT rolpassword FROM pg_authid"),
    "replication slot": Statement(
        sql="SELECT pg_create_physical_replication_slot('mine')",
        undo="SELECT pg_drop_replication_slot('mine')",
    ),
    "query text of others": Statement(
        sql=f"SELECT query <> '{HIDDEN}' FROM pg_stat_activity WHERE pid = {{peer_pid}}",
        answers=True,
    ),
    "pg_cancel_backend of others": Statement(
        sql="SELECT pg_cancel_backend({peer_pid})", answers=True
    ),
    "pg_terminate_backend of others": Statement(
        sql="SELECT pg_terminate_backend({peer_pid})", answers=True
    ),
}

ON_ROLES: Mapping[str, Statement] = {
    "SET ROLE": Statement(sql="SET ROLE {role}"),
    # None is a password command too, and none is in the server's log.
    "PASSWORD": Statement(sql="ALTER ROLE {role} PASSWORD NULL"),
    "SETTINGS": Statement(sql="ALTER ROLE {role} SET statement_timeout = 0"),
    "CONNECTION LIMIT": Statement(sql="ALTER ROLE {role} CONNECTION LIMIT 99"),
    # The master administers what the provisioner made only in so far as it is the provisioner's
    # administrator; PostgreSQL then finds nobody in whose name to grant.
    "MEMBERSHIP": Statement(sql="GRANT {role} TO {login}", quirk="XX000"),
    # The role still owns something, or something was granted to it.
    "DROP": Statement(sql="DROP ROLE {role}", beyond="2BP01"),
}


def statement_of(cell: Cell) -> Statement:
    """Return the statement of a cell, with its names still to be filled in."""
    if cell.section == "schemas":
        return ON_OBJECTS[cell.kind.partition(" ")[0]][cell.verb]
    of_section = {"databases": IN_DATABASE, "server": ON_SERVER, "roles": ON_ROLES}
    return of_section[cell.section][cell.verb]
