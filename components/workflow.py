"""One workflow in one environment: its login, its identity, what it may read, its connection.

Its own schemas are an `EnvironmentSchema` beside it, made before any workflow, as workflows may
read each other's. Nothing in Kubernetes or inside Airflow is declared here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi_aws as aws
import pulumi_postgresql as postgresql
from pulumi import ComponentResource, Input, Output, ResourceOptions

from components import airflow_connection, iam_documents, naming
from components.database_login import DatabaseLogin, DatabaseLoginArgs
from components.database_server import DatabaseServer
from components.environment_schema import EnvironmentSchema
from components.rendering import rendered

RECOVERY_DAYS_PROTECTED = 30
"""The longest that Secrets Manager keeps what is deleted; until then its name is taken."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """An Airflow pool: as many tasks at once as the login may hold connections."""

    name: str
    slots: int


@dataclass(frozen=True, kw_only=True)
class WorkflowArgs:
    """What a workflow is, and where."""

    environment: str
    workflow: str
    schema: EnvironmentSchema
    """Its own schemas."""
    writes: bool
    """Whether it may write to them, or only read."""
    reads: Mapping[str, EnvironmentSchema]
    """Schemas of other workflows that it may read, by their names."""
    server: DatabaseServer
    database: str
    connection_limit: int
    oidc_provider_arn: Input[str]
    """IAM OIDC provider of the Kubernetes cluster."""
    oidc_issuer: Input[str]
    """URL of the cluster's issuer."""
    secrets_key_arn: Input[str]
    """KMS key that connection secrets are encrypted with."""
    task_logs_policy: Input[str]
    """IAM policy, as JSON, to write the logs of its own tasks."""
    region: str
    protected: bool
    """Whether a deleted secret is kept for a while."""


class Workflow(ComponentResource):
    """A workflow's way to its data, from the pod's service account to the schema."""

    user: Output[str]
    """Its login in PostgreSQL."""
    iam_role_arn: Output[str]
    """IAM role that its service account assumes."""
    connection_secret_name: Output[str]
    """Secret that holds its Airflow connection."""

    def __init__(self, name: str, args: WorkflowArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("airflow-postgres:components:Workflow", name, None, opts)
        self._args = args
        login = self._login()
        secret = self._connection_secret(login)
        self._rights_of_tasks(login, secret)

        self.pool = Pool(name=args.workflow, slots=args.connection_limit)
        self.user = login.user
        self.iam_role_arn = login.iam_role_arn
        self.connection_secret_name = secret.name
        self.register_outputs(
            {
                "user": self.user,
                "iam_role_arn": self.iam_role_arn,
                "connection_secret_name": self.connection_secret_name,
            }
        )

    def _login(self) -> DatabaseLogin:
        args = self._args
        others = {name: schema.reader for name, schema in args.reads.items()}
        if args.writes:
            # It acts as its writer alone, so that all it creates is the writer's; so the writer
            # has to be able to read for it. No other workflow's login is a member of the writer.
            for other, reader in others.items():
                postgresql.GrantRole(
                    f"{self.pulumi_resource_name}-reads-{other}",
                    role=args.schema.writer,
                    grant_role=reader,
                    opts=ResourceOptions(parent=self),
                )
        return DatabaseLogin(
            self.pulumi_resource_name,
            DatabaseLoginArgs(
                user=naming.login_name(args.environment, args.workflow),
                server=args.server,
                database=args.database,
                connection_limit=args.connection_limit,
                roles=[args.schema.writer]
                if args.writes
                else [args.schema.reader, *others.values()],
                assume_role=args.schema.writer if args.writes else None,
                search_path=[args.schema.live, *(schema.live for schema in args.reads.values())],
                iam_role=naming.access_role(args.environment, "workflow", args.workflow),
                trust=rendered(
                    iam_documents.irsa_trust,
                    provider_arn=args.oidc_provider_arn,
                    issuer=args.oidc_issuer,
                    namespace=naming.namespace(args.environment),
                    service_account=naming.service_account(args.workflow),
                ),
            ),
            opts=ResourceOptions(parent=self),
        )

    def _connection_secret(self, login: DatabaseLogin) -> aws.secretsmanager.Secret:
        args, name = self._args, self.pulumi_resource_name
        secret = aws.secretsmanager.Secret(
            f"{name}-connection",
            name=naming.connection_secret(args.environment, args.workflow),
            description=f"Airflow connection {args.workflow} in {args.environment}; no password",
            kms_key_id=args.secrets_key_arn,
            # Zero frees the name at once, for a workflow that comes back.
            recovery_window_in_days=RECOVERY_DAYS_PROTECTED if args.protected else 0,
            opts=ResourceOptions(parent=self),
        )
        # A secret whose value someone rotates must not be tracked here: the program would put the
        # old value back. This one holds host, port and login but no credential, and follows from
        # the program alone, so that a value put there by hand is what has to go.
        aws.secretsmanager.SecretVersion(
            f"{name}-connection",
            secret_id=secret.id,
            secret_string=rendered(
                airflow_connection.postgres_connection,
                host=args.server.endpoint.address,
                port=args.server.endpoint.port,
                login=login.user,
                database=args.database,
            ),
            opts=ResourceOptions(parent=self),
        )
        return secret

    def _rights_of_tasks(self, login: DatabaseLogin, secret: aws.secretsmanager.Secret) -> None:
        """What its tasks may do on AWS, beside logging in: two things, both of its own."""
        args = self._args
        for policy, document in {
            "read-connection": rendered(
                iam_documents.read_secret,
                region=args.region,
                secret_arn=secret.arn,
                key_arn=args.secrets_key_arn,
            ),
            "write-task-logs": args.task_logs_policy,
        }.items():
            aws.iam.RolePolicy(
                f"{self.pulumi_resource_name}-{policy}",
                name=policy,
                role=login.iam_role_name,
                policy=document,
                opts=ResourceOptions(parent=self),
            )
