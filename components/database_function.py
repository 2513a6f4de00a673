"""A function in the VPC that works on one database: its code, role, network and log.

What it does is its own business (`lambdas/`); when it is invoked, that of the component it is for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import FileArchive, Input, Resource, ResourceOptions

from components import iam_documents, naming, network
from components.database_server import DatabaseEndpoint

RUNTIME = "python3.13"
TIMEOUT_SECONDS = 180
"""AWS puts the failover of a Multi-AZ instance at 60 to 120 s; the function outlasts one."""
MEMORY_MIB = 256


@dataclass(frozen=True, kw_only=True)
class FunctionSite:
    """Where functions run, and what becomes of their logs."""

    vpc_id: Input[str]
    subnet_ids: tuple[str, ...]
    """Subnets that reach the database and AWS's APIs."""
    key_arn: Input[str]
    """KMS key of the log."""
    log_retention_days: int


@dataclass(frozen=True, kw_only=True)
class DatabaseFunctionArgs:
    """What a function is, and which database it reaches."""

    name: str
    """Its name in Lambda."""
    noun: str
    """What it is called in descriptions of others: "the <noun> function"."""
    purpose: str
    """What it is for, after "Function that"."""
    description: str
    handler: str
    package: str
    """Path of the zip file."""
    rights: Mapping[str, Input[str]]
    """What its code may do: IAM policies, as JSON, by name."""
    variables: Mapping[str, Input[str]] | None = None
    """Its environment, which holds no secret."""
    dead_letters_arn: Input[str] | None = None
    """Queue for events that came asynchronously and failed for good."""
    at_once: int | None = None
    """How many of it may run at a time, set apart from the account's quota; as many as there are
    events when absent."""
    database: DatabaseEndpoint
    site: FunctionSite


def database_function(
    name: str, args: DatabaseFunctionArgs, opts: ResourceOptions
) -> aws.lambda_.Function:
    """Declare `<name>-function` and what it needs; `opts` go to all of it."""
    log_group = aws.cloudwatch.LogGroup(
        f"{name}-function",
        name=naming.lambda_log_group(args.name),
        retention_in_days=args.site.log_retention_days,
        kms_key_id=args.site.key_arn,
        opts=opts,
    )
    group, rules = _access(name, args, opts)
    role = aws.iam.Role(
        f"{name}-function",
        name=naming.iam_role_name(args.name),
        description=f"Function that {args.purpose}",
        assume_role_policy=json.dumps(iam_documents.service_trust(service="lambda.amazonaws.com")),
        opts=opts,
    )
    policies = [
        aws.iam.RolePolicy(
            f"{name}-function-{right}", name=right, role=role.name, policy=document, opts=opts
        )
        for right, document in {"run-in-vpc": _run_in_vpc(args), **args.rights}.items()
    ]
    return aws.lambda_.Function(
        f"{name}-function",
        name=args.name,
        description=args.description,
        role=role.arn,
        runtime=RUNTIME,
        architectures=["arm64"],
        handler=args.handler,
        code=FileArchive(args.package),
        timeout=TIMEOUT_SECONDS,
        memory_size=MEMORY_MIB,
        environment=aws.lambda_.FunctionEnvironmentArgs(variables=args.variables)
        if args.variables
        else None,
        dead_letter_config=aws.lambda_.FunctionDeadLetterConfigArgs(
            target_arn=args.dead_letters_arn
        )
        if args.dead_letters_arn
        else None,
        reserved_concurrent_executions=args.at_once,
        vpc_config=aws.lambda_.FunctionVpcConfigArgs(
            subnet_ids=list(args.site.subnet_ids), security_group_ids=[group.id]
        ),
        # Lambda checks that it may make network interfaces, and makes a log group that it does not
        # find, unencrypted and kept for ever.
        opts=ResourceOptions.merge(
            opts, ResourceOptions(depends_on=[*policies, *rules, log_group])
        ),
    )


def _access(
    name: str, args: DatabaseFunctionArgs, opts: ResourceOptions
) -> tuple[aws.ec2.SecurityGroup, list[Resource]]:
    """The function's security group, and the rules without which it reaches nothing."""
    group = network.closed_security_group(
        f"{name}-function",
        physical_name=naming.security_group_name(args.name),
        description=f"Function that {args.purpose}",
        vpc_id=args.site.vpc_id,
        opts=opts,
    )
    to_database = network.connect(
        f"{name}-function-to-database",
        source_group_id=group.id,
        target_group_id=args.database.security_group_id,
        port=args.database.port,
        description=f"PostgreSQL from the {args.noun} function",
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


def _run_in_vpc(args: DatabaseFunctionArgs) -> str:
    return json.dumps(
        iam_documents.run_in_vpc(
            region=args.database.region,
            account=args.database.account,
            function=args.name,
            log_group=naming.lambda_log_group(args.name),
        )
    )
