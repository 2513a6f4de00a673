"""The function in the VPC that makes an instance ready: what it may do, and how it is built.

What it does is its own business (`lambdas/bootstrap_postgres`); when it is invoked, the
provisioner's.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import ResourceOptions

from components import iam_documents, naming
from components.database_function import DatabaseFunctionArgs, FunctionSite, database_function
from components.postgres_instance import PostgresInstance
from components.rendering import rendered

HANDLER = "lambdas.bootstrap_postgres.handler.handle"


@dataclass(frozen=True, kw_only=True)
class BootstrapFunctionArgs:
    """Which instance the function is for, and where it runs."""

    instance: PostgresInstance
    region: str
    package: str
    """Path of the zip file."""
    site: FunctionSite


def bootstrap_function(
    name: str, args: BootstrapFunctionArgs, opts: ResourceOptions
) -> aws.lambda_.Function:
    """Declare `<name>-function` and what it needs; `opts` go to all of it."""
    instance = args.instance
    return database_function(
        name,
        DatabaseFunctionArgs(
            name=naming.lambda_name(instance.physical_name, "bootstrap"),
            noun="bootstrap",
            purpose=f"prepares {instance.physical_name}",
            description=f"Creates the login {naming.PROVISIONER_USER} and retires the master's "
            "password; may be invoked again",
            handler=HANDLER,
            package=args.package,
            rights={
                "read-master-secret": rendered(
                    iam_documents.read_secret,
                    region=args.region,
                    secret_arn=instance.master_secret_arn,
                    key_arn=instance.key_arn,
                ),
                # For a repair: once the password is retired, the master logs in with a token.
                "log-in-as-master": instance.connect_policy(naming.MASTER_USER),
            },
            # Two at a time would only wait for each other.
            at_once=1,
            database=instance.endpoint,
            site=args.site,
        ),
        opts,
    )
