"""PostgreSQL: roles and memberships."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from psycopg import sql
from typing_extensions import override

from local.deploy.drivers.base import Driver, Made, changed
from local.deploy.drivers.postgresql_sql import (
    acting_as,
    name,
    names,
    role_exists,
    run,
    transaction,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.deploy.servers import Connection
    from local.deploy.target import Target
    from local.deploy.wire import Properties


class Role(Driver):
    """A role, its attributes, its memberships and its session settings.

    Roles are created in one transaction: a killed run leaves all of one or nothing. It is found by
    its name. Deleting one gives what it owns to the provisioner and takes its privileges away, both
    in the provider's database only.
    """

    flags: ClassVar[Mapping[str, tuple[str, str, bool]]] = {
        "createDatabase": ("CREATEDB", "NOCREATEDB", False),
        "createRole": ("CREATEROLE", "NOCREATEROLE", False),
        "inherit": ("INHERIT", "NOINHERIT", True),
        "login": ("LOGIN", "NOLOGIN", False),
    }
    """Words for true and false, and what holds when nothing is said."""
    restricted: ClassVar[Mapping[str, tuple[str, str]]] = {
        "bypassRowLevelSecurity": ("BYPASSRLS", "NOBYPASSRLS"),
        "replication": ("REPLICATION", "NOREPLICATION"),
        "superuser": ("SUPERUSER", "NOSUPERUSER"),
    }
    """Off when nothing is said; only a superuser may alter them, even to what they are."""
    settings: ClassVar[Mapping[str, str]] = {
        "idleInTransactionSessionTimeout": "idle_in_transaction_session_timeout",
        "statementTimeout": "statement_timeout",
    }
    """In milliseconds; 0 resets."""
    inputs = frozenset(
        {
            *flags,
            *restricted,
            *settings,
            "assumeRole",
            "connectionLimit",
            "encryptedPassword",
            "name",
            "password",
            "roles",
            "searchPaths",
            "skipDropRole",
            "skipReassignOwned",
            "validUntil",
        }
    )

    @override
    def adopt(self, target: Target, inputs: Properties) -> Made | None:
        with target.connection() as connection:
            exists = role_exists(connection, inputs["name"])
        return Made(id=inputs["name"]) if exists else None

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        role = inputs["name"]
        with target.connection() as connection, transaction(connection):
            options = [*self._options({}, inputs), *self._restricted({}, inputs, all_of=True)]
            every = sql.SQL(" ").join(options)
            run(connection, "CREATE ROLE {} WITH {}", name(role), every)
            self._settle(connection, {}, inputs)
        return Made(id=role)

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        role = new["name"]
        with target.connection() as connection, transaction(connection):
            if made.id != role:
                run(connection, "ALTER ROLE {} RENAME TO {}", name(made.id), name(role))
            for option in (*self._options(old, new), *self._restricted(old, new)):
                run(connection, "ALTER ROLE {} WITH {}", name(role), option)
            self._settle(connection, old, new)
        return Made(id=role)

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        role = made.id
        with target.connection() as connection, transaction(connection):
            if not role_exists(connection, role):
                return
            if not inputs.get("skipReassignOwned"):
                with acting_as(connection, [role]):
                    run(connection, "REASSIGN OWNED BY {} TO CURRENT_USER", name(role))
                    run(connection, "DROP OWNED BY {}", name(role))
            if not inputs.get("skipDropRole"):
                run(connection, "DROP ROLE {}", name(role))

    def _options(self, old: Properties, new: Properties) -> Iterator[sql.Composable]:
        """Yield what differs from `old`, which is everything for a new role."""
        if changed(old, new, "password") and new.get("password"):
            yield sql.SQL("ENCRYPTED PASSWORD {}").format(sql.Literal(new["password"]))
        if not old or changed(old, new, "validUntil"):
            until = new.get("validUntil") or "infinity"
            yield sql.SQL("VALID UNTIL {}").format(sql.Literal(until))
        if not old or changed(old, new, "connectionLimit"):
            limit = new.get("connectionLimit", -1)
            yield sql.SQL("CONNECTION LIMIT {}").format(sql.Literal(limit))
        for key, (on, off, default) in self.flags.items():
            before, after = old.get(key, default), new.get(key, default)
            if not old or before != after:
                yield sql.SQL(on if after else off)

    def _restricted(
        self, old: Properties, new: Properties, *, all_of: bool = False
    ) -> Iterator[sql.Composable]:
        for key, (on, off) in self.restricted.items():
            before, after = bool(old.get(key)), bool(new.get(key))
            if all_of or before != after:
                yield sql.SQL(on if after else off)

    def _settle(self, connection: Connection, old: Properties, new: Properties) -> None:
        role = name(new["name"])
        self._set_memberships(connection, new["name"], set(new.get("roles") or ()))
        paths = new.get("searchPaths") or ()
        path = names(paths) if paths else sql.SQL("DEFAULT")
        run(connection, "ALTER ROLE {} SET search_path TO {}", role, path)
        for key, setting in self.settings.items():
            if new.get(key):
                number = sql.Literal(new[key])
                run(connection, "ALTER ROLE {} SET {} TO {}", role, name(setting), number)
            elif old.get(key):
                run(connection, "ALTER ROLE {} RESET {}", role, name(setting))
        if new.get("assumeRole"):
            run(connection, "ALTER ROLE {} SET ROLE TO {}", role, name(new["assumeRole"]))
        elif old.get("assumeRole"):
            run(connection, "ALTER ROLE {} RESET ROLE", role)

    def _set_memberships(self, connection: Connection, role: str, wanted: set[str]) -> None:
        query = """
            SELECT DISTINCT pg_get_userbyid(roleid) FROM pg_auth_members
            WHERE pg_get_userbyid(member) = %s
        """
        current = {row[0] for row in connection.execute(query, [role])}
        for other in sorted(current - wanted):
            run(connection, "REVOKE {} FROM {}", name(other), name(role))
        for other in sorted(wanted - current):
            run(connection, "GRANT {} TO {}", name(other), name(role))


class GrantRole(Driver):
    """One membership. Granting it again is the same as granting it once."""

    inputs = frozenset({"grantRole", "role", "withAdminOption"})
    replace = inputs
    repeatable = True

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        role, granted = inputs["role"], inputs["grantRole"]
        admin = inputs.get("withAdminOption", False)
        option = sql.SQL(" WITH ADMIN OPTION" if admin else "")
        with target.connection() as connection, transaction(connection):
            run(connection, "REVOKE {} FROM {}", name(granted), name(role))
            run(connection, "GRANT {} TO {}{}", name(granted), name(role), option)
        return Made(id=f"{role}_{granted}_{str(admin).lower()}")

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        return made

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        role, granted = inputs["role"], inputs["grantRole"]
        with target.connection() as connection, transaction(connection):
            if role_exists(connection, role) and role_exists(connection, granted):
                run(connection, "REVOKE {} FROM {}", name(granted), name(role))
