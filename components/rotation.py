"""What rotates one login: the function, when it is called, and who hears when it fails.

The logins and their secret are declared by `RotatedLogin`; what the function does is in
`lambdas/rotate_postgres`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pulumi_aws as aws
from pulumi import ComponentResource, Input, Output, ResourceOptions

from components import rotation_documents, rotation_names
from components.database_function import DatabaseFunctionArgs, FunctionSite, database_function
from components.database_server import DatabaseServer
from components.rendering import rendered
from components.rotation_alarms import declare_rotation_alarms
from components.rotation_names import RotatedLogins

HANDLER = "lambdas.rotate_postgres.handler.handle"
DEAD_LETTER_SECONDS = 14 * 24 * 3600
"""The longest that SQS keeps a message."""
LOOKS = "rate(1 day)"
"""How often the function sees that the login works, and is not older than it should be."""


@dataclass(frozen=True, kw_only=True)
class RotationSite:
    """What all rotations of a stack share."""

    prefix: str
    """First words of the alarms' names."""
    package: str
    """Path of the function's zip file."""
    functions: FunctionSite
    secrets_key_arn: Input[str]
    """KMS key of the secrets."""
    alarm_topic_arn: str


@dataclass(frozen=True, kw_only=True)
class RotationArgs:
    """What is rotated, and how a new password is tried before anyone gets it."""

    environment: str
    login: str
    """What it is called in the settings."""
    secret: aws.secretsmanager.Secret
    server: DatabaseServer
    database: str
    logins: RotatedLogins
    connection_limit: int
    settings: Mapping[str, Input[str] | Sequence[Input[str]]]
    """What PostgreSQL sets at the start of each session of either login."""
    roles: Sequence[Input[str]]
    writes: Sequence[Input[str]]
    reads: Sequence[Input[str]]
    ends_at: datetime | None
    interval_days: int
    site: RotationSite


class Rotation(ComponentResource):
    """A function that Secrets Manager calls every few days, and alarms on what may go wrong."""

    function_name: Output[str]
    """Name of the function."""

    def __init__(self, name: str, args: RotationArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("airflow-postgres:components:Rotation", name, None, opts)
        self._args = args
        self._child = ResourceOptions(parent=self)
        dead_letters = aws.sqs.Queue(
            f"{name}-dead-letters",
            name=rotation_names.dead_letters_name(args.environment, args.login),
            message_retention_seconds=DEAD_LETTER_SECONDS,
            sqs_managed_sse_enabled=True,
            opts=self._child,
        )
        function = self._function(dead_letters)
        self._schedule(function)
        look = Output.json_dumps({"step": "check"})
        self._call(function, "look", schedule=LOOKS, event=look)
        self._call(function, "news", pattern=self._bad_news())
        declare_rotation_alarms(
            name,
            prefix=args.site.prefix,
            function_name=rotation_names.function_name(args.environment, args.login),
            dead_letters=dead_letters,
            topic_arn=args.site.alarm_topic_arn,
            # Its log group is there by then.
            opts=ResourceOptions(parent=self, depends_on=[function]),
        )

        self.function_name = function.name
        self.register_outputs({"function_name": self.function_name})

    def _function(self, dead_letters: aws.sqs.Queue) -> aws.lambda_.Function:
        args = self._args
        return database_function(
            self.pulumi_resource_name,
            DatabaseFunctionArgs(
                name=rotation_names.function_name(args.environment, args.login),
                noun="rotation",
                purpose=f"rotates {args.login} in {args.environment}",
                description=f"Gives {args.logins.first} and {args.logins.second} new passwords in "
                "turn; may be invoked again",
                handler=HANDLER,
                package=args.site.package,
                rights={
                    "rotate-secret": rendered(
                        rotation_documents.rotate_secret,
                        region=args.server.endpoint.region,
                        secret_arn=args.secret.arn,
                        key_arn=args.site.secrets_key_arn,
                    ),
                    "log-in-as-rotator": args.server.connect_policy(args.logins.rotator),
                    "send-dead-letters": rendered(
                        rotation_documents.send_messages, queue_arn=dead_letters.arn
                    ),
                },
                variables={"ROTATION": Output.json_dumps(self._declared())},
                dead_letters_arn=dead_letters.arn,
                database=args.server.endpoint,
                site=args.site.functions,
            ),
            self._child,
        )

    def _declared(self) -> dict[str, object]:
        """What the function is told of the logins; nothing of it is secret."""
        args = self._args
        endpoint = args.server.endpoint
        return {
            "region": endpoint.region,
            "secret": args.secret.arn,
            "host": endpoint.address,
            "port": endpoint.port,
            "database": args.database,
            "rotator": args.logins.rotator,
            "logins": [args.logins.first, args.logins.second],
            "connectionLimit": args.connection_limit,
            "settings": args.settings,
            "roles": args.roles,
            "writes": args.writes,
            "reads": args.reads,
            "validUntil": args.ends_at.isoformat() if args.ends_at else None,
            "intervalDays": args.interval_days,
        }

    def _schedule(self, function: aws.lambda_.Function) -> None:
        """The first value, which the program never sees, and from then on the rotation."""
        args, name = self._args, self.pulumi_resource_name
        first = aws.lambda_.Invocation(
            f"{name}-first-value",
            function_name=function.name,
            input=Output.json_dumps({"step": "first"}),
            # Invoked at creation, and for another secret; one that has a password keeps it.
            lifecycle_scope="CREATE_ONLY",
            triggers={"secret": args.secret.arn},
            opts=self._child,
        )
        permission = self._permission("rotation", "secretsmanager", args.secret.arn, function)
        aws.secretsmanager.SecretRotation(
            name,
            secret_id=args.secret.id,
            rotation_lambda_arn=function.arn,
            rotation_rules=aws.secretsmanager.SecretRotationRotationRulesArgs(
                automatically_after_days=args.interval_days
            ),
            # A deployment that changes the interval is no reason to change the password.
            rotate_immediately=False,
            opts=ResourceOptions(parent=self, depends_on=[first, permission]),
        )

    def _bad_news(self) -> Output[str]:
        """The events by which Secrets Manager tells that it has failed, or has given up."""
        return Output.json_dumps(
            {
                "source": ["aws.secretsmanager"],
                "detail-type": ["AWS Service Event via CloudTrail"],
                "detail": {
                    "eventName": ["RotationAbandoned", "RotationFailed"],
                    "additionalEventData": {"SecretId": [self._args.secret.arn]},
                },
            }
        )

    def _call(
        self,
        function: aws.lambda_.Function,
        kind: str,
        *,
        schedule: str | None = None,
        pattern: Input[str] | None = None,
        event: Input[str] | None = None,
    ) -> None:
        """Let EventBridge call the function, with `event` instead of its own if there is one."""
        args, name = self._args, f"{self.pulumi_resource_name}-{kind}"
        rule = aws.cloudwatch.EventRule(
            name,
            name=rotation_names.event_rule_name(args.environment, args.login, kind),
            description=f"Calls the function that rotates {args.login} in {args.environment}",
            schedule_expression=schedule,
            event_pattern=pattern,
            opts=self._child,
        )
        permission = self._permission(kind, "events", rule.arn, function)
        aws.cloudwatch.EventTarget(
            name,
            rule=rule.name,
            target_id="function",
            arn=function.arn,
            input=event,
            opts=ResourceOptions(parent=self, depends_on=[permission]),
        )

    def _permission(
        self, kind: str, service: str, source_arn: Input[str], function: aws.lambda_.Function
    ) -> aws.lambda_.Permission:
        return aws.lambda_.Permission(
            f"{self.pulumi_resource_name}-{kind}",
            statement_id=kind,
            action="lambda:InvokeFunction",
            function=function.name,
            principal=f"{service}.amazonaws.com",
            source_arn=source_arn,
            source_account=self._args.server.endpoint.account,
            opts=self._child,
        )
