"""The function in the VPC that makes an instance ready: its code, role, network and log.

What it does is its own business (`lambdas/bootstrap_postgres`); when it is invoked, the
provisioner's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import FileArchive, Input, Resource, ResourceOptions

from components import iam_documents, naming, network
from components.postgres_instance import PostgresInstance
from components.rendering import rendered

RUNTIME = "python3.13"
HANDLER = "lambdas.bootstrap_postgres.handler.handle"
TIMEOUT_SECONDS = 180
"""AWS puts the failover of a Multi-AZ instance at 60 to 120 s; the function outlasts one."""
MEMORY_MIB = 256


@dataclass(frozen=True, kw_only=True)
class BootstrapFunctionArgs:
    """Which instance the function is for, and where it runs."""

    instance: PostgresInstance
    region: str
    account: str
    vpc_id: Input[str]
    subnet_ids: tuple[str, ...]
    package: str
    """Path of the zip file."""
    log_retention_days: int

    @property
    def function_name(self) -> str:
        """Its name in Lambda."""
        return naming.lambda_name(self.instance.physical_name, "bootstrap")


def bootstrap_function(
    name: str, args: BootstrapFunctionArgs, opts: ResourceOptions
) -> aws.lambda_.Function:
    """Declare `<name>-function` and what it needs; `opts` go to all of it."""
    log_group = aws.cloudwatch.LogGroup(
        f"{name}-function",
        name=naming.lambda_log_group(args.function_name),
        retention_in_days=args.log_retention_days,
        kms_key_id=args.instance.key_arn,
        opts=opts,
    )
    access, rules = _access(name, args, opts)
    role = aws.iam.Role(
        f"{name}-function",
        name=naming.iam_role_name(args.function_name),
        description=f"Function that prepares {args.instance.physical_name}",
        assume_role_policy=json.dumps(iam_documents.service_trust(service="lambda.amazonaws.com")),
        opts=opts,
    )
    policies = [
        aws.iam.RolePolicy(
            f"{name}-function-{policy}", name=policy, role=role.name, policy=document, opts=opts
        )
        for policy, document in _policies(args).items()
    ]
    return aws.lambda_.Function(
        f"{name}-function",
        name=args.function_name,
        description=f"Creates the login {naming.PROVISIONER_USER} and retires the master's "
        "password; may be invoked again",
        role=role.arn,
        runtime=RUNTIME,
        architectures=["arm64"],
        handler=HANDLER,
        code=FileArchive(args.package),
        timeout=TIMEOUT_SECONDS,
        memory_size=MEMORY_MIB,
        # Two at a time would only wait for each other.
        reserved_concurrent_executions=1,
        vpc_config=aws.lambda_.FunctionVpcConfigArgs(
            subnet_ids=list(args.subnet_ids), security_group_ids=[access.id]
        ),
        # Lambda checks that it may make network interfaces, and makes a log group that it does not
        # find, unencrypted and kept for ever.
        opts=ResourceOptions.merge(
            opts, ResourceOptions(depends_on=[*policies, *rules, log_group])
        ),
    )


def _access(
    name: str, args: BootstrapFunctionArgs, opts: ResourceOptions
) -> tuple[aws.ec2.SecurityGroup, list[Resource]]:
    """The function's security group, and the rules without which it reaches nothing."""
    database = args.instance.endpoint
    group = network.closed_security_group(
        f"{name}-function",
        physical_name=naming.security_group_name(args.function_name),
        description=f"Function that prepares {args.instance.physical_name}",
        vpc_id=args.vpc_id,
        opts=opts,
    )
    to_database = network.connect(
        f"{name}-function-to-database",
        source_group_id=group.id,
        target_group_id=database.security_group_id,
        port=database.port,
        description="PostgreSQL from the bootstrap function",
        opts=opts,
    )
    to_aws = aws.vpc.SecurityGroupEgressRule(
        f"{name}-function-to-aws",
        security_group_id=group.id,
        # AWS's APIs have no fixed addresses. Where the VPC has an endpoint for Secrets Manager, no
        # packet leaves it.
        cidr_ipv4="0.0.0.0/0",
        ip_protocol="tcp",
        from_port=443,
        to_port=443,
        description="AWS APIs",
        opts=opts,
    )
    return group, [*to_database, to_aws]


def _policies(args: BootstrapFunctionArgs) -> Mapping[str, Input[str]]:
    """Name to document of what the function's role may do."""
    return {
        "run-in-vpc": json.dumps(
            iam_documents.run_in_vpc(
                region=args.region,
                account=args.account,
                function=args.function_name,
                log_group=naming.lambda_log_group(args.function_name),
            )
        ),
        "read-master-secret": rendered(
            iam_documents.read_secret,
            region=args.region,
            secret_arn=args.instance.master_secret_arn,
            key_arn=args.instance.key_arn,
        ),
        # For a repair: once the password is retired, the master logs in with a token.
        "log-in-as-master": args.instance.connect_policy(naming.MASTER_USER),
    }
