"""PostgreSQL: databases and schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql
from typing_extensions import override

from local.deploy.drivers.base import Driver, Made, changed
from local.deploy.drivers.postgresql_sql import (
    acting_as,
    database_exists,
    database_owner,
    name,
    run,
    schema_exists,
    transaction,
)

if TYPE_CHECKING:
    from local.deploy.servers import Connection
    from local.deploy.target import Target
    from local.deploy.wire import Properties


class Database(Driver):
    """A database. Its name is unique on the server: what a killed run created is found by it.

    `CREATE DATABASE` and `DROP DATABASE` cannot be part of a transaction, so the membership in
    another owner is given and taken around them.
    """

    inputs = frozenset(
        {
            "allowConnections",
            "connectionLimit",
            "encoding",
            "lcCollate",
            "lcCtype",
            "name",
            "owner",
            "template",
        }
    )
    replace = frozenset({"encoding", "lcCollate", "lcCtype", "template"})

    @override
    def adopt(self, target: Target, inputs: Properties) -> Made | None:
        with target.connection() as connection:
            exists = database_exists(connection, inputs["name"])
        return self._made(inputs) if exists else None

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        owner = inputs.get("owner") or target.login.user
        options = [
            sql.SQL("OWNER {}").format(name(owner)),
            sql.SQL("TEMPLATE {}").format(name(inputs.get("template") or "template0")),
            sql.SQL("ENCODING {}").format(sql.Literal(inputs.get("encoding") or "UTF8")),
            sql.SQL("CONNECTION LIMIT {}").format(sql.Literal(inputs.get("connectionLimit", -1))),
            sql.SQL("ALLOW_CONNECTIONS {}").format(sql.Literal(self._allows(inputs))),
        ]
        for key, word in {"lcCollate": "LC_COLLATE", "lcCtype": "LC_CTYPE"}.items():
            if inputs.get(key):
                options.append(sql.SQL(word + " {}").format(sql.Literal(inputs[key])))
        with target.connection() as connection, acting_as(connection, [owner]):
            every = sql.SQL(" ").join(options)
            run(connection, "CREATE DATABASE {} {}", name(inputs["name"]), every)
        return self._made(inputs)

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        database = new["name"]
        with target.connection() as connection:
            if made.id != database:
                target.servers.leave(target.login, made.id)
                run(connection, "ALTER DATABASE {} RENAME TO {}", name(made.id), name(database))
            if changed(old, new, "owner") and new.get("owner"):
                with acting_as(connection, [new["owner"]]):
                    owner = name(new["owner"])
                    run(connection, "ALTER DATABASE {} OWNER TO {}", name(database), owner)
            if changed(old, new, "connectionLimit"):
                limit = sql.Literal(new.get("connectionLimit", -1))
                run(connection, "ALTER DATABASE {} CONNECTION LIMIT {}", name(database), limit)
            if changed(old, new, "allowConnections"):
                self._allow(connection, database, allows=self._allows(new))
        return self._made(new)

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        owner = inputs.get("owner") or target.login.user
        with target.connection() as connection:
            if not database_exists(connection, made.id):
                return
            # Our own sessions would be in the way as well.
            target.servers.leave(target.login, made.id)
            with acting_as(connection, [owner]):
                self._allow(connection, made.id, allows=False)
                run(connection, "DROP DATABASE {} WITH (FORCE)", name(made.id))

    def _allows(self, inputs: Properties) -> bool:
        return bool(inputs.get("allowConnections", True))

    def _allow(self, connection: Connection, database: str, *, allows: bool) -> None:
        statement = "ALTER DATABASE {} ALLOW_CONNECTIONS {}"
        run(connection, statement, name(database), sql.Literal(allows))

    def _made(self, inputs: Properties) -> Made:
        defaults = {"encoding": "UTF8", "template": "template0"}
        added = {key: value for key, value in defaults.items() if key not in inputs}
        return Made(id=inputs["name"], outputs=added)


class Schema(Driver):
    """A schema. Creating one that exists gives it its owner: so a version comes back."""

    inputs = frozenset({"database", "dropCascade", "ifNotExists", "name", "owner"})
    replace = frozenset({"database"})
    repeatable = True

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        owner = inputs.get("owner")
        with target.connection(inputs.get("database")) as connection, transaction(connection):
            owners = [database_owner(connection), *([owner] if owner else [])]
            with acting_as(connection, dict.fromkeys(owners)):
                if schema_exists(connection, inputs["name"]):
                    self._set_owner(connection, inputs)
                else:
                    self._create(connection, inputs)
        return self._made(target, inputs)

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        with target.connection(new.get("database")) as connection, transaction(connection):
            if changed(old, new, "name"):
                before, after = name(old["name"]), name(new["name"])
                run(connection, "ALTER SCHEMA {} RENAME TO {}", before, after)
            if changed(old, new, "owner"):
                self._set_owner(connection, new)
        return self._made(target, new)

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        how = sql.SQL("CASCADE" if inputs.get("dropCascade") else "RESTRICT")
        with target.connection(inputs.get("database")) as connection, transaction(connection):
            if schema_exists(connection, inputs["name"]):
                owner = inputs.get("owner")
                with acting_as(connection, [owner] if owner else []):
                    run(connection, "DROP SCHEMA {} {}", name(inputs["name"]), how)

    def _create(self, connection: Connection, inputs: Properties) -> None:
        owner = inputs.get("owner")
        authorization = sql.SQL(" AUTHORIZATION {}").format(name(owner)) if owner else sql.SQL("")
        run(connection, "CREATE SCHEMA {}{}", name(inputs["name"]), authorization)

    def _set_owner(self, connection: Connection, inputs: Properties) -> None:
        if owner := inputs.get("owner"):
            schema = name(inputs["name"])
            run(connection, "ALTER SCHEMA {} OWNER TO {}", schema, name(owner))

    def _made(self, target: Target, inputs: Properties) -> Made:
        database = inputs.get("database") or target.login.database
        return Made(id=f"{database}.{inputs['name']}", outputs={"database": database})
