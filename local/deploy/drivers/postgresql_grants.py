"""PostgreSQL: privileges on what there is, and default privileges on what will be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql
from typing_extensions import override

from local.deploy.drivers.base import Driver, DriverError, Made
from local.deploy.drivers.postgresql_sql import (
    PUBLIC,
    acting_as,
    name,
    object_word,
    privilege_words,
    role_exists,
    run,
    schema_exists,
    schema_owner,
    transaction,
)

if TYPE_CHECKING:
    from local.deploy.servers import Connection
    from local.deploy.target import Target
    from local.deploy.wire import Properties


class Grant(Driver):
    """The privileges of one role on one object, or on all of a type in a schema.

    They are revoked and granted in one transaction, so that fewer are fewer afterwards and nobody
    is without them meanwhile; doing it again is the same as doing it once.
    """

    inputs = frozenset(
        {"database", "objectType", "objects", "privileges", "role", "schema", "withGrantOption"}
    )
    replace = inputs - {"privileges"}
    repeatable = True

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        words = privilege_words(inputs["objectType"], inputs["privileges"])
        with (
            target.connection(inputs["database"]) as connection,
            transaction(connection),
            acting_as(connection, _owners(connection, inputs)),
        ):
            self._revoke(connection, inputs)
            if inputs["privileges"]:
                self._grant(connection, inputs, words)
        parts = [inputs["role"], inputs["database"], inputs.get("schema"), inputs["objectType"]]
        return Made(id="_".join([*filter(None, parts), *sorted(inputs.get("objects") or ())]))

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        return self.create(target, new)

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        with target.connection(inputs["database"]) as connection, transaction(connection):
            schema = inputs.get("schema")
            if not role_exists(connection, inputs["role"]):
                return
            if schema and not schema_exists(connection, schema):
                return
            with acting_as(connection, _owners(connection, inputs)):
                self._revoke(connection, inputs)

    def _grant(self, connection: Connection, inputs: Properties, words: sql.Composed) -> None:
        role = name(inputs["role"])
        option = _grant_option(inputs)
        run(connection, "GRANT {} ON {} TO {}{}", words, _objects(inputs), role, option)

    def _revoke(self, connection: Connection, inputs: Properties) -> None:
        role = name(inputs["role"])
        run(connection, "REVOKE ALL PRIVILEGES ON {} FROM {}", _objects(inputs), role)


class DefaultPrivileges(Driver):
    """What a role may do with objects that another role will create, in one schema or in all.

    Revoked and granted in one transaction; doing it again is the same as doing it once.
    """

    inputs = frozenset(
        {"database", "objectType", "owner", "privileges", "role", "schema", "withGrantOption"}
    )
    replace = inputs - {"privileges"}
    repeatable = True

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        object_type, schema = inputs["objectType"], inputs.get("schema")
        if schema and object_type == "schema":
            raise DriverError("`schema` cannot be given when objectType is schema")
        words = privilege_words(object_type, inputs["privileges"])
        with (
            target.connection(inputs["database"]) as connection,
            transaction(connection),
            acting_as(connection, [inputs["owner"]]),
        ):
            self._revoke(connection, inputs)
            if inputs["privileges"]:
                scope, types, role = self._scope(inputs)
                grant = "ALTER DEFAULT PRIVILEGES {} GRANT {} ON {} TO {}{}"
                run(connection, grant, scope, words, types, role, _grant_option(inputs))
        parts = [inputs["role"], inputs["database"], schema or "noschema", inputs["owner"]]
        return Made(id="_".join([*parts, object_type]))

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        return self.create(target, new)

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        with target.connection(inputs["database"]) as connection, transaction(connection):
            schema = inputs.get("schema")
            roles = (inputs["role"], inputs["owner"])
            if not all(role_exists(connection, role) for role in roles):
                return
            if schema and not schema_exists(connection, schema):
                return
            with acting_as(connection, [inputs["owner"]]):
                self._revoke(connection, inputs)

    def _revoke(self, connection: Connection, inputs: Properties) -> None:
        revoke = "ALTER DEFAULT PRIVILEGES {} REVOKE ALL ON {} FROM {}"
        run(connection, revoke, *self._scope(inputs))

    def _scope(self, inputs: Properties) -> tuple[sql.Composable, sql.Composable, sql.Composable]:
        scope = sql.SQL("FOR ROLE {}").format(name(inputs["owner"]))
        if schema := inputs.get("schema"):
            scope += sql.SQL(" IN SCHEMA {}").format(name(schema))
        return scope, object_word(inputs["objectType"], plural=True), name(inputs["role"])


def _owners(connection: Connection, inputs: Properties) -> list[str]:
    """Return who owns what is granted: only their members may grant it."""
    object_type = inputs["objectType"]
    if object_type == "database":
        return []
    schema = inputs.get("schema")
    if not schema:
        raise DriverError(f"`schema` is needed when objectType is {object_type}")
    owners = [schema_owner(connection, schema)]
    if object_type != "schema":
        query = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = %s"
        owners += [row[0] for row in connection.execute(query, [schema])]
    return list(dict.fromkeys(owners))


def _objects(inputs: Properties) -> sql.Composable:
    """Return what privileges are granted on."""
    object_type, objects = inputs["objectType"], inputs.get("objects") or ()
    if object_type in {"database", "schema"}:
        if objects:
            raise DriverError(f"`objects` cannot be given when objectType is {object_type}")
        return sql.SQL("{} {}").format(object_word(object_type), name(inputs[object_type]))
    schema = inputs["schema"]
    if objects:
        listed = sql.SQL(", ").join(sql.Identifier(schema, one) for one in sorted(objects))
        return sql.SQL("{} {}").format(object_word(object_type), listed)
    every = object_word(object_type, plural=True)
    return sql.SQL("ALL {} IN SCHEMA {}").format(every, name(schema))


def _grant_option(inputs: Properties) -> sql.SQL:
    if not inputs.get("withGrantOption"):
        return sql.SQL("")
    if inputs["role"] == PUBLIC:
        raise DriverError("withGrantOption cannot be given to the role public")
    return sql.SQL(" WITH GRANT OPTION")
