"""The schemas of one workflow in one environment, their group roles, and what those may do.

Owner, writer and reader cannot log in; logins become members of writer or reader elsewhere. The
roles belong to the workflow and serve all versions of its schema.

When a workflow is removed, so are its roles, and the plugin makes what they own the provisioner's.
Listed again, the workflow may read those tables, but not change them: their triggers would now run
as the provisioner. Whoever has looked at them hands them back, with ALTER ... OWNER TO the writer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi_postgresql as postgresql
from pulumi import ComponentResource, Input, Output, Resource, ResourceOptions

from components import naming

_READ = ("SELECT",)
_CHANGE = ("DELETE", "INSERT", "SELECT", "UPDATE")
_COUNT = ("SELECT", "UPDATE", "USAGE")


@dataclass(frozen=True, kw_only=True)
class EnvironmentSchemaArgs:
    """Which schemas there are, and what becomes of one that is taken off the list.

    Raises:
        ValueError: the live version is not among the versions, or a name does not fit PostgreSQL.
    """

    environment: str
    workflow: str
    versions: tuple[int, ...]
    """Versions of the schema that exist side by side."""
    live: int
    """The version that search paths point at."""
    database: str
    drop: bool
    """Whether a version that is taken off the list is dropped with its tables. Otherwise it stays,
    out of everyone's reach, and is taken up again when it is back on the list."""

    def __post_init__(self) -> None:
        if self.live not in self.versions:
            raise ValueError(
                f"versions is {list(self.versions)}; the live version, {self.live}, must be one of "
                "them; add it"
            )
        for version in self.versions:
            naming.schema_name(self.environment, self.workflow, version)


class EnvironmentSchema(ComponentResource):
    """A workflow's versioned schemas in an environment, and the roles that own and use them."""

    owner: Output[str]
    """Role that owns the schemas."""
    writer: Output[str]
    """Role that creates tables in them and changes what is in any."""
    reader: Output[str]
    """Role that reads all tables in them."""
    live: Output[str]
    """Name of the schema that is live."""

    def __init__(
        self, name: str, args: EnvironmentSchemaArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("airflow-postgres:components:EnvironmentSchema", name, None, opts)
        self._args = args

        names = naming.group_roles(args.environment, args.workflow)
        # Deleted in the opposite order. The plugin hands what a role owns to the provisioner; with
        # the owner's schemas it may take over the writer's functions in them, and with those of
        # the writer it may take back what was granted to the reader. PostgreSQL refuses any other
        # order as soon as there is such a function or grant.
        reader = self._group_role("reader", names.reader)
        writer = self._group_role("writer", names.writer, after=reader)
        # A member of the writer, as the plugin grants rights on what is in a schema with those of
        # the schema's owner: it could not on what the writer has made.
        owner = self._group_role("owner", names.owner, after=writer, roles=[writer.name])
        writer_reads = postgresql.GrantRole(
            f"{name}-writer-reads",
            role=writer.name,
            grant_role=reader.name,
            opts=ResourceOptions(parent=self, depends_on=[owner]),
        )
        # All of it in one line. The plugin locks a role and then its members, in no certain order:
        # two changes to roles that are members of each other at the same time end in a deadlock.
        previous = self._default_privileges(owner, writer, reader, after=writer_reads)
        schemas: dict[int, postgresql.Schema] = {}
        grants: list[postgresql.Grant] = []
        for version in sorted(args.versions):
            schemas[version] = self._schema(version, owner, after=previous)
            grants = self._grants(version, schemas[version], writer, reader)
            previous = grants[-1]

        self.owner = owner.name
        self.writer = writer.name
        self.reader = reader.name
        # Whoever uses the name comes after the end of the line, and is deleted before it.
        self.live = Output.all(schemas[args.live].name, grants[-1].role).apply(lambda both: both[0])
        self.register_outputs(
            {
                "owner": self.owner,
                "writer": self.writer,
                "reader": self.reader,
                "live": self.live,
            }
        )

    def _group_role(
        self,
        kind: str,
        role: str,
        *,
        after: Resource | None = None,
        roles: Sequence[Input[str]] | None = None,
    ) -> postgresql.Role:
        return postgresql.Role(
            f"{self.pulumi_resource_name}-{kind}",
            name=role,
            login=False,
            roles=roles,
            opts=ResourceOptions(
                parent=self,
                depends_on=[after] if after else None,
                # What a writer reads is granted by resources of their own, which the plugin would
                # see here as memberships too many.
                ignore_changes=["roles"] if roles is None else None,
            ),
        )

    def _default_privileges(
        self,
        owner: postgresql.Role,
        writer: postgresql.Role,
        reader: postgresql.Role,
        *,
        after: Resource,
    ) -> Resource:
        """Rights on what is created later, by whom: they are kept for each creator apart."""
        # What a writer itself creates is the writer's. A grant to itself would first take all
        # rights away, among them those that are not given back: TRUNCATE, REFERENCES, TRIGGER.
        rules = (
            ("owner", owner, "table", "writer", writer.name, _CHANGE),
            ("owner", owner, "sequence", "writer", writer.name, _COUNT),
            ("owner", owner, "table", "reader", reader.name, _READ),
            ("writer", writer, "table", "reader", reader.name, _READ),
            # New functions may be called by everyone unless this is said for the creator as a
            # whole: said for a schema it has no effect.
            ("owner", owner, "function", "public", "public", ()),
            ("writer", writer, "function", "public", "public", ()),
        )
        previous = after
        for kind, creator, object_type, grantee_kind, grantee, privileges in rules:
            previous = postgresql.DefaultPrivileges(
                f"{self.pulumi_resource_name}-{kind}-{object_type}s-for-{grantee_kind}",
                database=self._args.database,
                owner=creator.name,
                object_type=object_type,
                role=grantee,
                privileges=list(privileges),
                opts=ResourceOptions(parent=self, depends_on=[previous]),
            )
        return previous

    def _schema(
        self, version: int, owner: postgresql.Role, *, after: Resource
    ) -> postgresql.Schema:
        args = self._args
        return postgresql.Schema(
            f"{self.pulumi_resource_name}-v{version}",
            name=naming.schema_name(args.environment, args.workflow, version),
            database=args.database,
            owner=owner.name,
            if_not_exists=True,
            drop_cascade=args.drop,
            opts=ResourceOptions(parent=self, retain_on_delete=not args.drop, depends_on=[after]),
        )

    def _grants(
        self,
        version: int,
        schema: postgresql.Schema,
        writer: postgresql.Role,
        reader: postgresql.Role,
    ) -> list[postgresql.Grant]:
        """Rights on one schema, made one after the other."""
        grants: list[postgresql.Grant] = []
        for kind, role, object_type, privileges in (
            ("writer", writer.name, "schema", ("CREATE", "USAGE")),
            ("reader", reader.name, "schema", ("USAGE",)),
            # On what is in the schema already: nothing in a new one, all in one that was kept.
            ("reader", reader.name, "table", _READ),
            ("public", "public", "routine", ()),
        ):
            grant = postgresql.Grant(
                f"{self.pulumi_resource_name}-v{version}-{object_type}-for-{kind}",
                database=self._args.database,
                schema=schema.name,
                object_type=object_type,
                role=role,
                privileges=list(privileges),
                opts=ResourceOptions(parent=self, depends_on=[grants[-1] if grants else schema]),
            )
            grants.append(grant)
        return grants
