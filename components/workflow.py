"""One workflow in one environment: its login, its identity, what it may read, its connection.

Its own schemas are an `EnvironmentSchema` beside it, made before any workflow, as workflows may
read each other's. Nothing in Kubernetes or inside Airflow is declared here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

import pulumi_aws as aws
import pulumi_postgresql as postgresql
from pulumi import ComponentResource, Input, Output, ResourceOptions

from components import airflow_connection, iam_documents, naming
from components.connection_secret import connection_secret
from components.database_login import DatabaseLogin, DatabaseLoginArgs
from components.database_server import DatabaseServer
from components.environment_schema import EnvironmentSchema
from components.rendering import rendered
from components.rotated_login import RotatedLogin, RotatedLoginArgs
from components.rotation import RotationSite


@dataclass(frozen=True, kw_only=True)
class Pool:
    """An Airflow pool: as many tasks at once as the login may hold connections."""

    name: str
    slots: int


@dataclass(frozen=True, kw_only=True)
class WorkflowRotation:
    """How the password of a workflow that cannot use IAM changes."""

    instance: DatabaseServer
    """The instance itself, which is connected to even where there is a proxy."""
    interval_days: int
    site: RotationSite


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
    rotation: WorkflowRotation | None = None
    """Absent: it logs in with IAM tokens, and there is no password."""


class _Rights(TypedDict):
    """What both kinds of login are told alike."""

    connection_limit: int
    roles: Sequence[Input[str]]
    assume_role: Input[str] | None
    search_path: Sequence[Input[str]]
    iam_role: str
    trust: Input[str]


class Workflow(ComponentResource):
    """A workflow's way to its data, from the pod's service account to the schema."""

    logins: Output[list[str]]
    """Its login in PostgreSQL; two that take turns when the password is rotated."""
    iam_role_arn: Output[str]
    """IAM role that its service account assumes."""
    connection_secret_name: Output[str]
    """Secret that holds its Airflow connection."""

    def __init__(self, name: str, args: WorkflowArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("airflow-postgres:components:Workflow", name, None, opts)
        self._args = args
        self._act_for_readers()
        secret = self._secret()
        login: DatabaseLogin | RotatedLogin
        if args.rotation:
            login = self._rotated_login(secret, args.rotation)
        else:
            login = self._login()
            self._connection(login, secret)
        self._rights_of_tasks(login, secret)

        self.pool = Pool(name=args.workflow, slots=args.connection_limit)
        self.logins = login.logins
        self.iam_role_arn = login.iam_role_arn
        self.connection_secret_name = secret.name
        self.register_outputs(
            {
                "logins": self.logins,
                "iam_role_arn": self.iam_role_arn,
                "connection_secret_name": self.connection_secret_name,
            }
        )

    def _act_for_readers(self) -> None:
        """Let the writer read other workflows' schemas, for a login that acts as it alone."""
        args = self._args
        if not args.writes:
            return
        # So that all it creates is the writer's. No other workflow's login is a member of it.
        for other, schema in args.reads.items():
            postgresql.GrantRole(
                f"{self.pulumi_resource_name}-reads-{other}",
                role=args.schema.writer,
                grant_role=schema.reader,
                opts=ResourceOptions(parent=self),
            )

    def _rights(self) -> _Rights:
        """What its login may do, of whichever kind that is."""
        args = self._args
        others = args.reads.values()
        own = args.schema.writer if args.writes else args.schema.reader
        return _Rights(
            connection_limit=args.connection_limit,
            roles=[own] if args.writes else [own, *(schema.reader for schema in others)],
            assume_role=args.schema.writer if args.writes else None,
            search_path=[args.schema.live, *(schema.live for schema in others)],
            iam_role=naming.access_role(args.environment, "workflow", args.workflow),
            trust=rendered(
                iam_documents.irsa_trust,
                provider_arn=args.oidc_provider_arn,
                issuer=args.oidc_issuer,
                namespace=naming.namespace(args.environment),
                service_account=naming.service_account(args.workflow),
            ),
        )

    def _login(self) -> DatabaseLogin:
        args = self._args
        return DatabaseLogin(
            self.pulumi_resource_name,
            DatabaseLoginArgs(
                user=naming.login_name(args.environment, args.workflow),
                server=args.server,
                database=args.database,
                **self._rights(),
            ),
            opts=ResourceOptions(parent=self),
        )

    def _rotated_login(
        self, secret: aws.secretsmanager.Secret, rotation: WorkflowRotation
    ) -> RotatedLogin:
        args = self._args
        return RotatedLogin(
            self.pulumi_resource_name,
            RotatedLoginArgs(
                environment=args.environment,
                login=args.workflow,
                server=rotation.instance,
                database=args.database,
                **self._rights(),
                writes=[args.schema.live] if args.writes else [],
                reads=[
                    *([] if args.writes else [args.schema.live]),
                    *(schema.live for schema in args.reads.values()),
                ],
                secret=secret,
                protected=args.protected,
                interval_days=rotation.interval_days,
                site=rotation.site,
            ),
            opts=ResourceOptions(parent=self),
        )

    def _secret(self) -> aws.secretsmanager.Secret:
        args = self._args
        what = "its password changes by itself" if args.rotation else "no password"
        return connection_secret(
            self.pulumi_resource_name,
            physical_name=naming.connection_secret(args.environment, args.workflow),
            description=f"Airflow connection {args.workflow} in {args.environment}; {what}",
            key_arn=args.secrets_key_arn,
            protected=args.protected,
            opts=ResourceOptions(parent=self),
        )

    def _connection(self, login: DatabaseLogin, secret: aws.secretsmanager.Secret) -> None:
        """The value of the secret, which holds host, port and login but no credential.

        That of a login that is rotated must not be tracked here: the program would put an old
        password back. This one follows from the program alone, so that a value put there by hand
        is what has to go.
        """
        args = self._args
        aws.secretsmanager.SecretVersion(
            f"{self.pulumi_resource_name}-connection",
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

    def _rights_of_tasks(
        self, login: DatabaseLogin | RotatedLogin, secret: aws.secretsmanager.Secret
    ) -> None:
        """What its tasks may do on AWS, beside logging in: two things, both of its own."""
        args = self._args
        policies: dict[str, Input[str]] = {"write-task-logs": args.task_logs_policy}
        if args.rotation is None:
            policies["read-connection"] = rendered(
                iam_documents.read_secret,
                region=args.region,
                secret_arn=secret.arn,
                key_arn=args.secrets_key_arn,
            )
        for policy, document in policies.items():
            aws.iam.RolePolicy(
                f"{self.pulumi_resource_name}-{policy}",
                name=policy,
                role=login.iam_role_name,
                policy=document,
                opts=ResourceOptions(parent=self),
            )
