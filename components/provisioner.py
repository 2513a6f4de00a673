"""The login that creates everything inside one instance, how it comes to be, and who may use it.

A function in the VPC creates it once and retires the master's password; from then on it logs in
with IAM tokens of a role that deployers assume. No password enters the program. What it creates for
workflows (roles, schemas, grants) is declared by other components, with its providers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi_aws as aws
import pulumi_postgresql as postgresql
from pulumi import ComponentResource, Input, Output, Resource, ResourceOptions

from components import iam_documents, naming
from components.bootstrap_function import BootstrapFunctionArgs, bootstrap_function
from components.database_function import FunctionSite
from components.postgres_instance import PostgresInstance

MAINTENANCE_DATABASE = "postgres"
"""Exists on every server; databases are created from there."""
CONNECT_SECONDS = 30
"""Without a way to the database a deployment says so this soon, instead of after three minutes."""
SESSION_SECONDS = 3600
"""The shortest that IAM allows as a maximum; it can be assumed again."""


@dataclass(frozen=True, kw_only=True)
class ProvisionerArgs:
    """Which instance is provisioned, with which databases, by whom.

    Raises:
        ValueError: nobody may deploy or break glass, or the connections do not suffice.
    """

    instance: PostgresInstance
    region: str
    account: str
    vpc_id: Input[str]
    subnet_ids: tuple[str, ...]
    """Subnets that the function runs in: they reach the database and AWS's APIs."""
    databases: tuple[str, ...]
    deployers: tuple[str, ...]
    """ARNs of IAM principals that may assume the provisioner's role."""
    break_glass: tuple[str, ...]
    """ARNs of IAM principals that may log in as the master."""
    package: str
    """Path of the function's zip file."""
    ca_bundle: str
    """Path of the CA certificates that the server's certificate is verified with."""
    connection_limit: int
    """Connections that the login may hold."""
    connections_per_database: int
    """Connections that a provider may open to one database."""
    log_retention_days: int

    def __post_init__(self) -> None:
        for field in ("deployers", "break_glass", "databases"):
            if not getattr(self, field):
                raise ValueError(f"{field} is empty; at least one is needed; add one")
        if self.connections_per_database <= len(self.databases):
            raise ValueError(
                f"connections_per_database is {self.connections_per_database}; more than the "
                f"{len(self.databases)} databases are needed, as the provider holds a connection "
                "for each that it creates while it needs another one; raise it"
            )


class Provisioner(ComponentResource):
    """The bootstrap of an instance, its databases, and the providers that log in to them."""

    deploy_role_arn: Output[str]
    """IAM role that deployers assume to log in as the provisioner."""
    break_glass_role_arn: Output[str]
    """IAM role to assume to log in as the master, when nothing else helps."""

    def __init__(
        self, name: str, args: ProvisionerArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("airflow-postgres:components:Provisioner", name, None, opts)
        self._args = args
        self._child = ResourceOptions(parent=self)

        bootstrap = self._bootstrap()
        deploy, may_log_in = self._role("deploy", naming.PROVISIONER_USER, args.deployers)
        break_glass, _ = self._role("break-glass", naming.MASTER_USER, args.break_glass)
        maintenance = self._connect(MAINTENANCE_DATABASE, deploy, after=[bootstrap, may_log_in])
        self._connected = {
            database: self._database(database, deploy, maintenance) for database in args.databases
        }

        self.deploy_role_arn = deploy.arn
        self.break_glass_role_arn = break_glass.arn
        self.register_outputs(
            {
                "deploy_role_arn": self.deploy_role_arn,
                "break_glass_role_arn": self.break_glass_role_arn,
            }
        )

    @property
    def databases(self) -> tuple[str, ...]:
        """The databases that it provisions."""
        return self._args.databases

    def provider(self, database: str) -> postgresql.Provider:
        """The provider that is connected to `database` as the provisioner.

        Raises:
            ValueError: the database is none of this provisioner's.
        """
        if database not in self._connected:
            raise ValueError(
                f"database {database!r} is not provisioned here; there are: "
                f"{', '.join(self._connected)}"
            )
        return self._connected[database]

    def _bootstrap(self) -> aws.lambda_.Invocation:
        args = self._args
        function = bootstrap_function(
            self.pulumi_resource_name,
            BootstrapFunctionArgs(
                instance=args.instance,
                region=args.region,
                package=args.package,
                site=FunctionSite(
                    vpc_id=args.vpc_id,
                    subnet_ids=args.subnet_ids,
                    key_arn=args.instance.key_arn,
                    log_retention_days=args.log_retention_days,
                ),
            ),
            self._child,
        )
        event = {
            "host": args.instance.endpoint.address,
            "port": args.instance.endpoint.port,
            "region": args.region,
            "masterSecretArn": args.instance.master_secret_arn,
            "masterUsername": naming.MASTER_USER,
            "provisioner": naming.PROVISIONER_USER,
            "connectionLimit": args.connection_limit,
        }
        return aws.lambda_.Invocation(
            f"{self.pulumi_resource_name}-bootstrap",
            function_name=function.name,
            input=Output.json_dumps(event),
            # Invoked at creation and when one of these changes; never by a refresh.
            lifecycle_scope="CREATE_ONLY",
            triggers={
                "instance": args.instance.endpoint.resource_id,
                "package": function.code_sha256,
            },
            opts=self._child,
        )

    def _role(
        self, purpose: str, db_user: str, principals: tuple[str, ...]
    ) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        instance = self._args.instance
        role = aws.iam.Role(
            f"{self.pulumi_resource_name}-{purpose}",
            name=naming.iam_role_name(instance.physical_name, purpose),
            description=f"Logging in to {instance.physical_name} as {db_user}",
            assume_role_policy=json.dumps(iam_documents.principal_trust(principals=principals)),
            max_session_duration=SESSION_SECONDS,
            opts=self._child,
        )
        policy = aws.iam.RolePolicy(
            f"{self.pulumi_resource_name}-{purpose}",
            name="log-in",
            role=role.name,
            policy=instance.connect_policy(db_user),
            opts=self._child,
        )
        return role, policy

    def _connect(
        self, database: str, role: aws.iam.Role, *, after: list[Resource]
    ) -> postgresql.Provider:
        args = self._args
        return postgresql.Provider(
            f"{self.pulumi_resource_name}-{database}",
            host=args.instance.endpoint.address,
            port=args.instance.endpoint.port,
            database=database,
            username=naming.PROVISIONER_USER,
            aws_rds_iam_auth=True,
            aws_rds_iam_region=args.region,
            aws_rds_iam_provider_role_arn=role.arn,
            sslmode="verify-full",
            sslrootcert=args.ca_bundle,
            # Otherwise the plugin reads password hashes, which only a superuser can.
            superuser=False,
            max_connections=args.connections_per_database,
            connect_timeout=CONNECT_SECONDS,
            opts=ResourceOptions(parent=self, depends_on=after),
        )

    def _database(
        self, database: str, role: aws.iam.Role, maintenance: postgresql.Provider
    ) -> postgresql.Provider:
        name = f"{self.pulumi_resource_name}-{database}"
        created = postgresql.Database(
            name,
            name=database,
            # Schemas can only be made for others by the owner of their database.
            owner=naming.PROVISIONER_USER,
            opts=ResourceOptions(
                parent=self, provider=maintenance, protect=self._args.instance.protected
            ),
        )
        provider = self._connect(database, role, after=[created])
        # What a login that was granted nothing can do: connect and make temporary tables; name the
        # objects of schema public.
        for object_type, schema in (("database", None), ("schema", "public")):
            postgresql.Grant(
                f"{name}-public-{object_type}",
                role="public",
                database=database,
                schema=schema,
                object_type=object_type,
                privileges=[],
                opts=ResourceOptions(parent=self, provider=provider),
            )
        return provider
