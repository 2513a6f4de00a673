"""RDS Proxy in front of an instance: many short connections of pods become few long ones.

Clients log in to it with IAM tokens, and it logs in to the instance with IAM tokens of its own
role, so it holds no secret. Its certificate is signed by Amazon Trust Services, not by RDS: the CA
bundle of its clients has to contain the Amazon root CAs. It does not know of schemas or roles.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pulumi_aws as aws
from pulumi import ComponentResource, Input, Output, ResourceOptions

from components import iam_documents, naming, network
from components.alarms import Alarm, declare_alarm
from components.database_server import DatabaseEndpoint
from components.postgres_instance import PostgresInstance

PROXY_PORT = 5432
"""A proxy for PostgreSQL listens on the engine's default port, whatever the instance's is."""
POOL_PERCENT = 90
"""Share of `max_connections` that the proxy may hold; the rest is for people and the deployment."""
IDLE_POOL_PERCENT = 10
"""Share of `max_connections` that it keeps open while nobody uses them."""
BORROW_SECONDS = 30
"""A client that finds no connection free waits this long; then Airflow tries its task again."""
IDLE_CLIENT_SECONDS = 1800
"""AWS's default; a task that is silent for longer is taken for dead."""

ALARMS = (
    Alarm(
        name="refused-logins",
        description="The proxy refused many clients: a wrong role, or tokens that are too old.",
        metric="ClientConnectionsSetupFailedAuth",
        statistic="Sum",
        comparison="GreaterThanOrEqualToThreshold",
        threshold=10,
    ),
    Alarm(
        name="failed-connections",
        description="The proxy cannot log in to the instance: look at the proxy's role and at the "
        "connection limits of the logins.",
        metric="DatabaseConnectionsSetupFailed",
        statistic="Sum",
        comparison="GreaterThanOrEqualToThreshold",
        threshold=10,
    ),
)


@dataclass(frozen=True, kw_only=True)
class ConnectionProxyArgs:
    """Which instance the proxy stands in front of, and for which logins.

    Raises:
        ValueError: more logins than one role can be allowed.
    """

    prefix: str
    """First words of all physical names, before the component's own name."""
    instance: PostgresInstance
    region: str
    account: str
    vpc_id: Input[str]
    subnet_ids: tuple[str, ...]
    clients: Mapping[str, Input[str]]
    """Security groups that may connect, by a word for each."""
    db_users: tuple[str, ...]
    """Logins in PostgreSQL that may pass."""
    log_retention_days: int
    alarm_topic_arn: str

    def __post_init__(self) -> None:
        size = iam_documents.connect_characters(
            region=self.region, account=self.account, db_users=self.db_users
        )
        if size > iam_documents.INLINE_POLICY_CHARACTERS:
            raise ValueError(
                f"db_users lists {len(self.db_users)} logins, whose policy has {size} characters; "
                f"IAM allows {iam_documents.INLINE_POLICY_CHARACTERS} for a role; split the stack "
                "or do without the proxy"
            )


class ConnectionProxy(ComponentResource):
    """An RDS Proxy that takes IAM tokens and gives IAM tokens."""

    endpoint: DatabaseEndpoint
    """Where clients connect."""

    def __init__(
        self, name: str, args: ConnectionProxyArgs, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("airflow-postgres:components:ConnectionProxy", name, None, opts)
        self._args = args
        self._physical = naming.db_instance_name(args.prefix, name)
        self._child = ResourceOptions(parent=self)

        access = self._access()
        proxy = self._proxy(access)
        for alarm in ALARMS:
            declare_alarm(
                name,
                alarm,
                prefix=args.prefix,
                namespace="AWS/RDS",
                dimensions={"ProxyName": proxy.name},
                topic_arn=args.alarm_topic_arn,
                opts=self._child,
            )

        self.endpoint = DatabaseEndpoint(
            address=proxy.endpoint,
            port=PROXY_PORT,
            # arn:aws:rds:<region>:<account>:db-proxy:prx-...
            resource_id=proxy.arn.apply(lambda arn: arn.rpartition(":")[2]),
            security_group_id=access.id,
            region=args.region,
            account=args.account,
        )
        self.register_outputs({"endpoint": self.endpoint.outputs()})

    def connect_policy(self, db_user: str, ends_at: datetime | None = None) -> Output[str]:
        """IAM policy, as JSON, to log in to the proxy as exactly this user."""
        return self.endpoint.connect_policy(db_user, ends_at=ends_at)

    def _access(self) -> aws.ec2.SecurityGroup:
        name, args = self.pulumi_resource_name, self._args
        group = network.closed_security_group(
            name,
            physical_name=naming.security_group_name(self._physical),
            description=f"Who may open connections to {self._physical}",
            vpc_id=args.vpc_id,
            opts=self._child,
        )
        for client, client_group_id in args.clients.items():
            network.let_in(
                f"{name}-from-{client}",
                source_group_id=client_group_id,
                target_group_id=group.id,
                port=PROXY_PORT,
                description=f"PostgreSQL from {client}",
                opts=self._child,
            )
        network.connect(
            f"{name}-to-database",
            source_group_id=group.id,
            target_group_id=args.instance.endpoint.security_group_id,
            port=args.instance.endpoint.port,
            description="PostgreSQL from the proxy",
            opts=self._child,
        )
        return group

    def _role(self) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        name, args = self.pulumi_resource_name, self._args
        role = aws.iam.Role(
            name,
            name=naming.iam_role_name(self._physical),
            description=f"Logging in to {args.instance.physical_name} for clients of the proxy",
            assume_role_policy=json.dumps(iam_documents.service_trust(service="rds.amazonaws.com")),
            opts=self._child,
        )
        policy = aws.iam.RolePolicy(
            name,
            name="log-in",
            role=role.name,
            policy=args.instance.endpoint.connect_policy(*args.db_users),
            opts=self._child,
        )
        return role, policy

    def _proxy(self, access: aws.ec2.SecurityGroup) -> aws.rds.Proxy:
        name, args = self.pulumi_resource_name, self._args
        role, policy = self._role()
        log_group = aws.cloudwatch.LogGroup(
            name,
            name=naming.proxy_log_group(self._physical),
            retention_in_days=args.log_retention_days,
            kms_key_id=args.instance.key_arn,
            opts=self._child,
        )
        proxy = aws.rds.Proxy(
            name,
            name=self._physical,
            engine_family="POSTGRESQL",
            default_auth_scheme="IAM_AUTH",
            require_tls=True,
            role_arn=role.arn,
            vpc_subnet_ids=list(args.subnet_ids),
            vpc_security_group_ids=[access.id],
            idle_client_timeout=IDLE_CLIENT_SECONDS,
            # It would write the text of every statement, values included.
            debug_logging=False,
            opts=ResourceOptions(parent=self, depends_on=[policy, log_group]),
        )
        pool = aws.rds.ProxyDefaultTargetGroup(
            name,
            db_proxy_name=proxy.name,
            connection_pool_config=aws.rds.ProxyDefaultTargetGroupConnectionPoolConfigArgs(
                max_connections_percent=POOL_PERCENT,
                max_idle_connections_percent=IDLE_POOL_PERCENT,
                connection_borrow_timeout=BORROW_SECONDS,
            ),
            opts=self._child,
        )
        aws.rds.ProxyTarget(
            name,
            db_proxy_name=proxy.name,
            target_group_name=pool.name,
            db_instance_identifier=args.instance.identifier,
            opts=self._child,
        )
        return proxy
