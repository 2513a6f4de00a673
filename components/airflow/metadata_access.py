"""Who may do what in one environment's metadata database: Airflow's components, and nobody else.

Its migrations act as the owner of the schema, everything else only changes what is in its tables.
The tables themselves are Airflow's business, and the database is the provisioner's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi_aws as aws
import pulumi_postgresql as postgresql
from pulumi import ComponentResource, Input, Output, Resource, ResourceOptions

from components import iam_documents, naming
from components.airflow.identity import ComponentIdentity
from components.airflow.names import (
    COMPONENTS,
    MIGRATION_ACCOUNT,
    MIGRATION_IDENTITY,
    object_name,
)
from components.database_login import DatabaseLogin, DatabaseLoginArgs
from components.database_server import DatabaseServer
from components.rendering import rendered

SERVICE_ACCOUNTS: Mapping[str, str] = {
    MIGRATION_IDENTITY: MIGRATION_ACCOUNT,
    **{component: object_name(component) for component in COMPONENTS},
}
"""Who logs in, and the Kubernetes service account that it runs as."""

_CHANGE = ("DELETE", "INSERT", "SELECT", "UPDATE")
_COUNT = ("SELECT", "UPDATE", "USAGE")


@dataclass(frozen=True, kw_only=True)
class MetadataAccessArgs:
    """Which database, and how many connections and which further rights each component has.

    Raises:
        ValueError: a component has no limit, or something else has one.
    """

    environment: str
    server: DatabaseServer
    database: str
    connection_limits: Mapping[str, int]
    """What each may hold, by its name: the four components and `migration`."""
    policies: Mapping[str, Mapping[str, Input[str]]]
    """Rights of their IAM roles on other things: component to name to policy, as JSON."""
    oidc_provider_arn: Input[str]
    """IAM OIDC provider of the Kubernetes cluster."""
    oidc_issuer: Input[str]
    """URL of the cluster's issuer."""
    protected: bool
    """Whether the schema cannot be dropped by accident."""

    def __post_init__(self) -> None:
        if set(self.connection_limits) != set(SERVICE_ACCOUNTS):
            raise ValueError(
                f"connection_limits has {sorted(self.connection_limits)}; needed are exactly "
                f"{sorted(SERVICE_ACCOUNTS)}"
            )
        if unknown := sorted(set(self.policies) - set(SERVICE_ACCOUNTS)):
            raise ValueError(
                f"policies has {unknown[0]!r}; known are {sorted(SERVICE_ACCOUNTS)}; correct it"
            )


class MetadataAccess(ComponentResource):
    """The schema of Airflow's tables, its roles, and one login with one IAM role per component."""

    owner: Output[str]
    """Role that owns the schema and all that is in it."""
    writer: Output[str]
    """Role that may change what is in its tables."""
    schema: Output[str]
    """The schema."""

    def __init__(
        self, name: str, args: MetadataAccessArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("airflow-postgres:components:MetadataAccess", name, None, opts)
        self._args = args

        # All of it in one line, as the plugin would lock roles that are members of each other
        # crosswise; and in this order, as the writer can only be deleted after the owner.
        writer = self._group_role("writer")
        owner = self._group_role("owner", after=writer)
        previous = self._default_privileges(owner, writer)
        schema, usage = self._schema(owner, writer, after=previous)
        self.owner, self.writer = owner.name, writer.name
        # Whoever uses the name comes after the end of the line, and is deleted before it.
        self.schema = Output.all(schema.name, usage.role).apply(lambda both: both[0])
        self._logins = self._all_logins(after=usage)
        self.register_outputs({"owner": self.owner, "writer": self.writer, "schema": self.schema})

    @property
    def identities(self) -> Mapping[str, ComponentIdentity]:
        """The login and the IAM role of the four components and of `migration`."""
        return {
            component: ComponentIdentity(user=login.user, iam_role_arn=login.iam_role_arn)
            for component, login in self._logins.items()
        }

    def _group_role(self, kind: str, *, after: Resource | None = None) -> postgresql.Role:
        return postgresql.Role(
            f"{self.pulumi_resource_name}-{kind}",
            name=naming.metadata_role(self._args.environment, kind),
            login=False,
            opts=ResourceOptions(parent=self, depends_on=[after] if after else None),
        )

    def _default_privileges(self, owner: postgresql.Role, writer: postgresql.Role) -> Resource:
        """Rights on what migrations will create."""
        previous: Resource = owner
        for object_type, grantee, role, privileges in (
            ("table", "writer", writer.name, _CHANGE),
            ("sequence", "writer", writer.name, _COUNT),
            # New functions may be called by everyone unless this is said.
            ("function", "public", "public", ()),
        ):
            previous = postgresql.DefaultPrivileges(
                f"{self.pulumi_resource_name}-owner-{object_type}s-for-{grantee}",
                database=self._args.database,
                owner=owner.name,
                object_type=object_type,
                role=role,
                privileges=list(privileges),
                opts=ResourceOptions(parent=self, depends_on=[previous]),
            )
        return previous

    def _schema(
        self, owner: postgresql.Role, writer: postgresql.Role, *, after: Resource
    ) -> tuple[postgresql.Schema, postgresql.Grant]:
        args = self._args
        schema = postgresql.Schema(
            f"{self.pulumi_resource_name}-schema",
            name=naming.METADATA_SCHEMA,
            database=args.database,
            owner=owner.name,
            if_not_exists=True,
            drop_cascade=not args.protected,
            opts=ResourceOptions(parent=self, protect=args.protected, depends_on=[after]),
        )
        usage = postgresql.Grant(
            f"{self.pulumi_resource_name}-schema-for-writer",
            database=args.database,
            schema=schema.name,
            object_type="schema",
            role=writer.name,
            privileges=["USAGE"],
            opts=ResourceOptions(parent=self),
        )
        return schema, usage

    def _all_logins(self, *, after: Resource) -> Mapping[str, DatabaseLogin]:
        logins: dict[str, DatabaseLogin] = {}
        previous = after
        for component in SERVICE_ACCOUNTS:
            logins[component] = previous = self._login(component, after=previous)
            for policy, document in self._args.policies.get(component, {}).items():
                aws.iam.RolePolicy(
                    f"{self.pulumi_resource_name}-{component}-{policy}",
                    name=policy,
                    role=logins[component].iam_role_name,
                    policy=document,
                    opts=ResourceOptions(parent=self),
                )
        return logins

    def _login(self, component: str, *, after: Resource) -> DatabaseLogin:
        args = self._args
        migrates = component == MIGRATION_IDENTITY
        return DatabaseLogin(
            f"{self.pulumi_resource_name}-{component}",
            DatabaseLoginArgs(
                user=naming.metadata_role(args.environment, component),
                server=args.server,
                database=args.database,
                connection_limit=args.connection_limits[component],
                roles=[self.owner if migrates else self.writer],
                # What migrations create has to be the owner's; nothing else creates anything.
                assume_role=self.owner if migrates else None,
                search_path=[self.schema],
                iam_role=naming.access_role(args.environment, "component", component),
                trust=rendered(
                    iam_documents.irsa_trust,
                    provider_arn=args.oidc_provider_arn,
                    issuer=args.oidc_issuer,
                    namespace=naming.namespace(args.environment),
                    service_account=SERVICE_ACCOUNTS[component],
                ),
            ),
            opts=ResourceOptions(parent=self, depends_on=[after]),
        )
