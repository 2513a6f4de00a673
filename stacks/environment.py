"""What one environment holds on the application instance: schemas, workflows, people and agents.

Its Airflow and the instances themselves are not declared here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypedDict

import pulumi_postgresql as postgresql
from pulumi import ComponentResource, Resource, ResourceOptions

from components import iam_documents, naming
from components.database_login import DatabaseLogin, DatabaseLoginArgs
from components.environment_schema import EnvironmentSchema, EnvironmentSchemaArgs
from components.rendering import rendered
from components.rotated_login import RotatedLogin, RotatedLoginArgs
from components.workflow import Workflow, WorkflowArgs, WorkflowRotation

if TYPE_CHECKING:
    from datetime import datetime

    from pulumi import Input

    from components.airflow.task_logs import TaskLogs
    from components.database_server import DatabaseServer
    from components.rotation import RotationSite
    from stacks import declarations
    from stacks.site import Site

STATEMENT_SECONDS: Mapping[str, int] = {"person": 3600, "agent": 300}
"""The longest statement of someone who asks by hand, and of an agent, which may ask by the
thousand. Workflows have no such limit: Airflow stops their tasks."""

_LOCKING = (
    postgresql.DefaultPrivileges,
    postgresql.Grant,
    postgresql.GrantRole,
    postgresql.Role,
    postgresql.Schema,
)
"""What changes roles, or locks them meanwhile."""


@dataclass(frozen=True, kw_only=True)
class ApplicationData:
    """Where the schemas of all environments are."""

    instance: DatabaseServer
    workflow_server: DatabaseServer
    """What workflows connect to: the instance, or the proxy in front of it."""
    provider: postgresql.Provider
    """The provisioner, connected to the application database."""
    rotation: RotationSite
    task_logs: TaskLogs


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The workflows and readers of one environment."""

    workflows: Mapping[str, Workflow]
    readers: Mapping[str, DatabaseLogin | RotatedLogin]

    def exported_workflows(self) -> Mapping[str, Any]:
        """What the stack exports of each workflow."""
        return {
            name: {
                "logins": workflow.logins,
                "roleArn": workflow.iam_role_arn,
                "connectionSecret": workflow.connection_secret_name,
                "pool": asdict(workflow.pool),
            }
            for name, workflow in self.workflows.items()
        }

    def exported_readers(self) -> Mapping[str, Any]:
        """What the stack exports of each person and agent."""
        return {
            name: {
                "logins": login.logins,
                "roleArn": login.iam_role_arn,
                "secret": login.secret_name if isinstance(login, RotatedLogin) else None,
            }
            for name, login in self.readers.items()
        }


def declare_environment(site: Site, environment: str, data: ApplicationData) -> Environment:
    """Declare the schemas, workflows, people and agents of `environment`."""
    settings = site.settings
    opts = site.options(data.provider)
    # All schemas first: workflows may read each other's. And one component after the other: the
    # roles are members of each other, and the PostgreSQL plugin would lock them crosswise.
    schemas: dict[str, EnvironmentSchema] = {}
    for workflow in settings.workflows:
        schemas[workflow.name] = _schema(environment, workflow, _after(opts, schemas))
    workflows: dict[str, Workflow] = {}
    for workflow in settings.workflows:
        workflows[workflow.name] = _workflow(
            site, environment, workflow, schemas, data, _after(opts, workflows or schemas)
        )
    readers: dict[str, DatabaseLogin | RotatedLogin] = {}
    for kind, group in (("person", settings.people), ("agent", settings.agents)):
        for reader in group:
            readers[reader.name] = _reader(
                site, environment, kind, reader, schemas, data, _after(opts, readers or workflows)
            )
    return Environment(workflows=workflows, readers=readers)


def _after(opts: ResourceOptions, made: Mapping[str, ComponentResource]) -> ResourceOptions:
    """`opts` for a component that comes after what the last one of `made` has in PostgreSQL.

    It does not wait for the component itself: for each resource the SDK follows such a line back to
    its beginning, looking for a circle, and with some hundred components in a line it would end in
    a RecursionError. Nor for what that one has on AWS: should it fail, the others go on.
    """
    last = list(made.values())[-1:]
    return ResourceOptions.merge(opts, ResourceOptions(depends_on=[*_in_postgresql(*last)]))


def _in_postgresql(*components: ComponentResource) -> Iterator[Resource]:
    for component in components:
        for child in component._childResources:  # noqa: SLF001  # where the SDK itself looks for them
            if isinstance(child, ComponentResource):
                yield from _in_postgresql(child)
            elif isinstance(child, _LOCKING):
                yield child


def _schema(
    environment: str, workflow: declarations.Workflow, opts: ResourceOptions
) -> EnvironmentSchema:
    return EnvironmentSchema(
        f"{environment}-{workflow.name}",
        EnvironmentSchemaArgs(
            environment=environment,
            workflow=workflow.name,
            versions=workflow.versions,
            live=workflow.schema_version,
            database=naming.APPLICATION_DATABASE,
            drop=workflow.drop,
        ),
        opts=opts,
    )


def _workflow(
    site: Site,
    environment: str,
    workflow: declarations.Workflow,
    schemas: Mapping[str, EnvironmentSchema],
    data: ApplicationData,
    opts: ResourceOptions,
) -> Workflow:
    return Workflow(
        f"{environment}-{workflow.name}",
        WorkflowArgs(
            environment=environment,
            workflow=workflow.name,
            schema=schemas[workflow.name],
            writes=workflow.writes,
            reads={other: schemas[other] for other in workflow.reads},
            server=data.workflow_server,
            database=naming.APPLICATION_DATABASE,
            connection_limit=workflow.connection_limit,
            oidc_provider_arn=site.cluster.oidc_provider_arn,
            oidc_issuer=site.cluster.oidc_issuer,
            secrets_key_arn=data.rotation.secrets_key_arn,
            task_logs_policy=data.task_logs.write_policy(environment, workflow.name),
            region=site.settings.region,
            protected=site.settings.application.protected,
            rotation=WorkflowRotation(
                instance=data.instance, interval_days=workflow.interval_days, site=data.rotation
            )
            if workflow.interval_days is not None
            else None,
        ),
        opts=opts,
    )


def _reader(
    site: Site,
    environment: str,
    kind: str,
    reader: declarations.Person | declarations.Agent,
    schemas: Mapping[str, EnvironmentSchema],
    data: ApplicationData,
    opts: ResourceOptions,
) -> DatabaseLogin | RotatedLogin:
    name = f"{environment}-{reader.name}"
    read = [schemas[workflow] for workflow in reader.reads]
    rights = _Rights(
        server=data.instance,
        database=naming.APPLICATION_DATABASE,
        connection_limit=reader.connection_limit,
        roles=[schema.reader for schema in read],
        search_path=[schema.live for schema in read],
        statement_timeout_seconds=STATEMENT_SECONDS[kind],
        iam_role=naming.access_role(environment, kind, reader.name),
        trust=rendered(
            iam_documents.principal_trust, principals=[reader.principal], ends_at=reader.ends_at
        ),
        ends_at=reader.ends_at,
    )
    if reader.interval_days is None:
        user = naming.login_name(environment, reader.name)
        return DatabaseLogin(name, DatabaseLoginArgs(user=user, **rights), opts=opts)
    return RotatedLogin(
        name,
        RotatedLoginArgs(
            environment=environment,
            login=reader.name,
            writes=[],
            reads=rights["search_path"],
            protected=site.settings.application.protected,
            interval_days=reader.interval_days,
            site=data.rotation,
            **rights,
        ),
        opts=opts,
    )


class _Rights(TypedDict):
    """What both kinds of login are told alike."""

    server: DatabaseServer
    database: str
    connection_limit: int
    roles: Sequence[Input[str]]
    search_path: Sequence[Input[str]]
    statement_timeout_seconds: int
    iam_role: str
    trust: Input[str]
    ends_at: datetime
