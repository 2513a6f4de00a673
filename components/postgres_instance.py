"""One PostgreSQL instance on RDS, with everything that belongs to it alone.

Two of these share no key, security group, parameter group, log, secret or role, so that what
happens to one stays with it. What is inside (logins, schemas, grants) is not declared here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import pulumi_aws as aws
from pulumi import ComponentResource, Output, ResourceOptions

from components import iam_documents, instance_monitoring, naming, network
from components.alarms import declare_alarm
from components.database_server import DatabaseEndpoint
from components.encryption import encryption_key
from components.instance_monitoring import Capacity, MonitoringRole
from components.parameters import server_parameters
from components.postgres_instance_args import PostgresInstanceArgs

__all__ = ["PostgresInstance", "PostgresInstanceArgs"]

CA_CERTIFICATE = "rds-ca-rsa2048-g1"
"""Signs the server's certificate until 2061; every RDS bundle since 2024 contains it."""
LOGS = ("postgresql", "upgrade")
"""All logs that RDS for PostgreSQL can export."""
PERFORMANCE_INSIGHTS_DAYS = 7
"""The retention that costs nothing."""


class PostgresInstance(ComponentResource):
    """A PostgreSQL instance that only IAM tokens open, and what guards and watches it."""

    endpoint: DatabaseEndpoint
    """Where clients connect."""
    identifier: Output[str]
    """The instance's name in RDS."""
    master_secret_arn: Output[str]
    """Secret with the master's password, which RDS makes and rotates; only its name is known."""
    key_arn: Output[str]
    """The KMS key of all that belongs to this instance."""
    log_group_name: Output[str]
    """Log group of PostgreSQL's own log."""

    @property
    def physical_name(self) -> str:
        """The instance's name; those of other things that belong to it start with it."""
        return naming.db_instance_name(self._args.prefix, self.pulumi_resource_name)

    @property
    def protected(self) -> bool:
        """Whether it and what is inside are protected from deletion."""
        return self._args.protected

    def __init__(
        self, name: str, args: PostgresInstanceArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("airflow-postgres:components:PostgresInstance", name, None, opts)
        self._args = args
        self._child = ResourceOptions(parent=self)

        key = self._encryption_key()
        logs = self._log_groups(key)
        access = self._access()
        parameters = self._parameter_group()
        instance = self._instance(key, logs, access, parameters)
        self._watch(instance, parameters)

        self.endpoint = DatabaseEndpoint(
            address=instance.address,
            port=args.port,
            resource_id=instance.resource_id,
            security_group_id=access.id,
            region=args.region,
            account=args.account,
        )
        self.identifier = instance.identifier
        self.master_secret_arn = instance.master_user_secrets[0].secret_arn
        self.key_arn = key.arn
        self.log_group_name = logs["postgresql"].name
        self.register_outputs(
            {
                "endpoint": self.endpoint.outputs(),
                "identifier": self.identifier,
                "master_secret_arn": self.master_secret_arn,
                "key_arn": self.key_arn,
                "log_group_name": self.log_group_name,
            }
        )

    def connect_policy(self, db_user: str, ends_at: datetime | None = None) -> Output[str]:
        """IAM policy, as JSON, to log in as exactly this user, until `ends_at` (UTC) if given."""
        return self.endpoint.connect_policy(db_user, ends_at=ends_at)

    def _encryption_key(self) -> aws.kms.Key:
        log_groups = [
            naming.rds_log_group(self.physical_name, "*"),
            # Of a function and a proxy that belong to this instance, whose names start with its.
            naming.lambda_log_group(f"{self.physical_name}-*"),
            naming.proxy_log_group(f"{self.physical_name}-*"),
        ]
        return encryption_key(
            self.pulumi_resource_name,
            prefix=self._args.prefix,
            key_policy=iam_documents.key_policy(
                region=self._args.region, account=self._args.account, log_groups=log_groups
            ),
            protected=self._args.protected,
            opts=self._child,
        )

    def _log_groups(self, key: aws.kms.Key) -> Mapping[str, aws.cloudwatch.LogGroup]:
        return {
            log: aws.cloudwatch.LogGroup(
                f"{self.pulumi_resource_name}-{log}",
                name=naming.rds_log_group(self.physical_name, log),
                retention_in_days=self._args.log_retention_days,
                kms_key_id=key.arn,
                opts=self._child,
            )
            for log in LOGS
        }

    def _access(self) -> aws.ec2.SecurityGroup:
        name = self.pulumi_resource_name
        group = network.closed_security_group(
            name,
            physical_name=naming.security_group_name(self.physical_name),
            description=f"Who may open connections to {self.physical_name}",
            vpc_id=self._args.vpc_id,
            opts=self._child,
        )
        for client, client_group_id in self._args.clients.items():
            network.let_in(
                f"{name}-from-{client}",
                source_group_id=client_group_id,
                target_group_id=group.id,
                port=self._args.port,
                description=f"PostgreSQL from {client}",
                opts=self._child,
            )
        return group

    def _parameter_group(self) -> aws.rds.ParameterGroup:
        family = f"postgres{self._args.major_version}"
        return aws.rds.ParameterGroup(
            f"{self.pulumi_resource_name}-parameters",
            # The family is part of the name: at a major upgrade the new group exists beside the
            # old one until the instance has moved.
            name=naming.rds_group_name(self.physical_name, family),
            family=family,
            description=f"Parameters of {self.physical_name}",
            parameters=[
                aws.rds.ParameterGroupParameterArgs(
                    name=parameter.name, value=parameter.value, apply_method=parameter.apply_method
                )
                for parameter in server_parameters(self._args.max_connections)
            ],
            opts=self._child,
        )

    def _instance(
        self,
        key: aws.kms.Key,
        logs: Mapping[str, aws.cloudwatch.LogGroup],
        access: aws.ec2.SecurityGroup,
        parameters: aws.rds.ParameterGroup,
    ) -> aws.rds.Instance:
        args = self._args
        subnets = aws.rds.SubnetGroup(
            f"{self.pulumi_resource_name}-subnets",
            name=naming.rds_group_name(self.physical_name),
            description=f"Subnets of {self.physical_name}",
            subnet_ids=list(args.subnet_ids),
            opts=self._child,
        )
        monitoring = self._monitoring()
        # RDS makes log groups that it does not find, unencrypted and kept for ever, and refuses a
        # monitoring role that may not do its work yet.
        beforehand = [*logs.values(), *(monitoring.policies if monitoring else [])]
        return aws.rds.Instance(
            self.pulumi_resource_name,
            identifier=self.physical_name,
            engine="postgres",
            engine_version=args.engine_version,
            # A major upgrade is a decision, taken by setting this for one deployment.
            allow_major_version_upgrade=False,
            auto_minor_version_upgrade=True,
            instance_class=args.instance_class,
            multi_az=args.multi_az,
            # --- storage
            storage_type="gp3",
            allocated_storage=args.allocated_storage_gib,
            max_allocated_storage=args.max_allocated_storage_gib,
            storage_encrypted=True,
            kms_key_id=key.arn,
            # --- logging in
            username=naming.MASTER_USER,
            manage_master_user_password=True,
            master_user_secret_kms_key_id=key.arn,
            iam_database_authentication_enabled=True,
            ca_cert_identifier=CA_CERTIFICATE,
            # --- network
            port=args.port,
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[access.id],
            publicly_accessible=False,
            # --- keeping it
            deletion_protection=args.protected,
            skip_final_snapshot=not args.protected,
            final_snapshot_identifier=f"{self.physical_name}-final" if args.protected else None,
            backup_retention_period=args.backup_retention_days,
            backup_window=args.backup_window,
            delete_automated_backups=not args.protected,
            copy_tags_to_snapshot=True,
            # --- changing it
            parameter_group_name=parameters.name,
            maintenance_window=args.maintenance_window,
            apply_immediately=False,
            # --- watching it
            enabled_cloudwatch_logs_exports=list(LOGS),
            monitoring_interval=args.monitoring_interval_seconds,
            monitoring_role_arn=monitoring.role.arn if monitoring else None,
            performance_insights_enabled=args.performance_insights,
            performance_insights_kms_key_id=key.arn if args.performance_insights else None,
            performance_insights_retention_period=(
                PERFORMANCE_INSIGHTS_DAYS if args.performance_insights else None
            ),
            opts=ResourceOptions(parent=self, protect=args.protected, depends_on=beforehand),
        )

    def _monitoring(self) -> MonitoringRole | None:
        if self._args.monitoring_interval_seconds == 0:
            return None
        return instance_monitoring.monitoring_role(
            self.pulumi_resource_name,
            physical_name=self.physical_name,
            region=self._args.region,
            account=self._args.account,
            opts=self._child,
        )

    def _watch(self, instance: aws.rds.Instance, parameters: aws.rds.ParameterGroup) -> None:
        name, args = self.pulumi_resource_name, self._args
        instance_monitoring.event_subscriptions(
            name,
            physical_name=self.physical_name,
            sources={"db-instance": [instance.identifier], "db-parameter-group": [parameters.name]},
            topic_arn=args.alarm_topic_arn,
            opts=self._child,
        )
        capacity = Capacity(
            max_connections=args.max_connections,
            memory_gib=args.memory_gib,
            allocated_storage_gib=args.allocated_storage_gib,
        )
        for alarm in instance_monitoring.alarms(capacity):
            declare_alarm(
                name,
                alarm,
                prefix=args.prefix,
                namespace="AWS/RDS",
                dimensions={"DBInstanceIdentifier": instance.identifier},
                topic_arn=args.alarm_topic_arn,
                opts=self._child,
            )
