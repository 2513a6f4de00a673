"""The wiring: which components a stack is made of, and what it tells about them afterwards.

Read `declare` as the table of contents. What the parts are made of is in `components`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pulumi import ResourceOptions

from components import iam_documents, naming, rotation_names
from components.audit import AuditTrail, AuditTrailArgs
from components.connection_proxy import ConnectionProxy, ConnectionProxyArgs
from components.database_function import FunctionSite
from components.encryption import encryption_key
from components.postgres_instance import PostgresInstance, PostgresInstanceArgs
from components.provisioner import Provisioner, ProvisionerArgs
from components.rotation import RotationSite
from stacks.airflow import declare_airflow, declare_airflow_foundation
from stacks.environment import ApplicationData, declare_environment
from stacks.instance_classes import MEMORY_GIB
from stacks.site import survey

if TYPE_CHECKING:
    import pulumi_aws as aws

    from components.database_server import DatabaseEndpoint
    from stacks.budget import InstanceBudget
    from stacks.settings import Settings
    from stacks.site import Site
    from stacks.sizes import Instance


def declare(settings: Settings, stack: str) -> Mapping[str, Any]:
    """Declare everything that `settings` describe, and return what the stack exports.

    Exports:
        metadata, application: of each instance `address`, `port` and `resourceId`, its `databases`,
            and the roles to assume to administer it: `deployRoleArn` as the provisioner,
            `breakGlassRoleArn` as the master.
        proxy: `address`, `port` and `resourceId` of RDS Proxy; absent when there is none.
        airflow: by environment the Kubernetes `namespace`, the `service` of the web interface, the
            `image`, and where `taskLogs` are.
        workflows: by environment and name the `logins`, `roleArn`, `connectionSecret` and `pool`.
        readers: by environment and name of a person or an agent the `logins`, `roleArn` and
            `secret`, which is null unless a password is rotated.
        budget: by instance who may hold how many connections.

    Raises:
        SettingsError: before anything is declared, as `stacks.site.survey` says.
    """
    site = survey(settings, stack)
    environments = settings.environments

    metadata = _instance(site, settings.metadata, site.budget.metadata)
    metadata_provisioner = _provisioner(
        site,
        metadata,
        site.budget.metadata,
        tuple(map(naming.metadata_database, environments)),
    )
    application = _instance(site, settings.application, site.budget.application)
    application_provisioner = _provisioner(
        site, application, site.budget.application, (naming.APPLICATION_DATABASE,)
    )
    proxy = _proxy(site, application) if settings.connection_proxy else None

    foundation = declare_airflow_foundation(site, metadata, metadata_provisioner)
    data = ApplicationData(
        instance=application,
        workflow_server=proxy or application,
        provider=application_provisioner.provider(naming.APPLICATION_DATABASE),
        rotation=_rotation_site(site),
        task_logs=foundation.task_logs,
    )
    tenants = {name: declare_environment(site, name, data) for name in environments}
    # A password is the instance's; RDS Proxy would have to know it too.
    rotated = any(workflow.interval_days for workflow in settings.workflows)
    connected = [data.workflow_server, *([application] if rotated else [])]
    airflow = {
        name: declare_airflow(site, name, foundation, tenants[name].workflows, connected)
        for name in environments
    }
    _audit_trail(site, {"metadata": metadata, "application": application})

    return {
        "metadata": _exported(metadata, metadata_provisioner),
        "application": _exported(application, application_provisioner),
        "proxy": _address(proxy.endpoint) if proxy else None,
        "airflow": airflow,
        "workflows": {name: tenant.exported_workflows() for name, tenant in tenants.items()},
        "readers": {name: tenant.exported_readers() for name, tenant in tenants.items()},
        "budget": site.budget.as_dict(),
    }


def _instance(site: Site, size: Instance, budget: InstanceBudget) -> PostgresInstance:
    settings = site.settings
    return PostgresInstance(
        budget.instance,
        PostgresInstanceArgs(
            prefix=site.prefix,
            region=settings.region,
            account=settings.account,
            vpc_id=site.cluster.vpc_id,
            subnet_ids=settings.database_subnets,
            clients=site.clients,
            engine_version=size.engine_version,
            instance_class=size.instance_class,
            memory_gib=MEMORY_GIB[size.instance_class],
            max_connections=budget.max_connections,
            allocated_storage_gib=size.allocated_storage_gib,
            max_allocated_storage_gib=size.max_allocated_storage_gib,
            port=size.port,
            multi_az=size.multi_az,
            protected=size.protected,
            backup_retention_days=size.backup_retention_days,
            backup_window=size.backup_window,
            maintenance_window=size.maintenance_window,
            monitoring_interval_seconds=size.monitoring_interval_seconds,
            performance_insights=size.performance_insights,
            log_retention_days=settings.log_retention_days,
            alarm_topic_arn=settings.alarm_topic,
        ),
        opts=site.options(),
    )


def _provisioner(
    site: Site,
    instance: PostgresInstance,
    budget: InstanceBudget,
    databases: tuple[str, ...],
) -> Provisioner:
    settings = site.settings
    return Provisioner(
        f"{budget.instance}-provisioner",
        ProvisionerArgs(
            instance=instance,
            region=settings.region,
            account=settings.account,
            vpc_id=site.cluster.vpc_id,
            subnet_ids=settings.database_subnets,
            databases=databases,
            deployers=settings.deployers,
            break_glass=settings.break_glass,
            package=f"build/{site.stack}/bootstrap_postgres.zip",
            ca_bundle=settings.ca_bundle,
            connection_limit=budget.provisioner_connections,
            connections_per_database=site.budget.provider_connections,
            log_retention_days=settings.log_retention_days,
        ),
        opts=site.options(),
    )


def _proxy(site: Site, instance: PostgresInstance) -> ConnectionProxy:
    settings = site.settings
    return ConnectionProxy(
        "application-proxy",
        ConnectionProxyArgs(
            prefix=site.prefix,
            instance=instance,
            region=settings.region,
            account=settings.account,
            vpc_id=site.cluster.vpc_id,
            subnet_ids=settings.database_subnets,
            clients=site.clients,
            db_users=settings.workflow_logins,
            log_retention_days=settings.log_retention_days,
            alarm_topic_arn=settings.alarm_topic,
        ),
        opts=site.options(),
    )


def _rotation_site(site: Site) -> RotationSite:
    settings, key = site.settings, _connections_key(site)
    return RotationSite(
        prefix=site.prefix,
        package=f"build/{site.stack}/rotate_postgres.zip",
        functions=FunctionSite(
            vpc_id=site.cluster.vpc_id,
            subnet_ids=settings.database_subnets,
            key_arn=key.arn,
            log_retention_days=settings.log_retention_days,
        ),
        secrets_key_arn=key.arn,
        alarm_topic_arn=settings.alarm_topic,
    )


def _connections_key(site: Site) -> aws.kms.Key:
    """The key of connection secrets: of neither instance, as Airflow reads them for both."""
    settings = site.settings
    rotated = any(each.interval_days for each in (*settings.workflows, *settings.people))
    environments = settings.environments if rotated else ()
    return encryption_key(
        "connections",
        prefix=site.prefix,
        key_policy=iam_documents.key_policy(
            region=settings.region,
            account=settings.account,
            log_groups=[rotation_names.log_groups(each) for each in environments],
        ),
        protected=settings.application.protected,
        opts=ResourceOptions(provider=site.aws),
    )


def _audit_trail(site: Site, instances: Mapping[str, PostgresInstance]) -> AuditTrail:
    return AuditTrail(
        "audit",
        AuditTrailArgs(
            prefix=site.prefix,
            log_groups={name: instance.log_group_name for name, instance in instances.items()},
            alarm_topic_arn=site.settings.alarm_topic,
        ),
        opts=site.options(),
    )


def _exported(instance: PostgresInstance, provisioner: Provisioner) -> Mapping[str, Any]:
    return {
        **_address(instance.endpoint),
        "databases": list(provisioner.databases),
        "deployRoleArn": provisioner.deploy_role_arn,
        "breakGlassRoleArn": provisioner.break_glass_role_arn,
    }


def _address(endpoint: DatabaseEndpoint) -> Mapping[str, Any]:
    return {
        "address": endpoint.address,
        "port": endpoint.port,
        "resourceId": endpoint.resource_id,
    }
