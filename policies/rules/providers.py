"""Rules for the providers: how PostgreSQL is reached, which tags everything in AWS has.

Who the deployment is in AWS and in the cluster is decided outside of the program.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.resources import Resource
from policies.rule import Config, Severity, rule
from policies.values import Json

AWS = "pulumi:providers:aws"
POSTGRESQL = "pulumi:providers:postgresql"


@rule(
    "pg-provider-verify-full",
    of=(POSTGRESQL,),
    severity=Severity.CRITICAL,
    says="The deployment logs in to PostgreSQL with an IAM token, over TLS that it verifies.",
    mend="Set sslmode to verify-full, sslrootcert to the authorities of RDS, awsRdsIamAuth to "
    "true and superuser to false; give no password.",
)
def pg_provider_verify_full(provider: Resource, _config: Config) -> Iterator[str]:
    """Absent, TLS is not verified, and it expects a superuser with a password.

    The engine writes what a provider is configured with as texts.
    """
    if provider.value("sslmode") != "verify-full" or provider.is_set("sslMode"):
        yield f"sslmode is {provider.value('sslmode')!r}: anybody in between could read the token"
    if not provider.is_set("sslrootcert"):
        yield "sslrootcert is not set: the certificate is verified against this machine's own list"
    for path, wanted in (("awsRdsIamAuth", "true"), ("superuser", "false")):
        if str(provider.value(path)).lower() != wanted:
            yield f"{path} is {provider.value(path)!r}, not {wanted}"
    for path in ("password", "clientcert"):
        if provider.is_set(path):
            yield f"{path} is set: the deployment would keep a credential"


@rule(
    "tags-required",
    of=(AWS,),
    severity=Severity.MEDIUM,
    says="Everything in AWS tells which project and which stack it belongs to.",
    mend="Set defaultTags of the provider.",
    parameters={
        "tags": {
            "type": "array",
            "items": {"type": "string"},
            "default": ["project", "stack"],
        }
    },
)
def tags_required(provider: Resource, config: Config) -> Iterator[str]:
    """Absent and empty are no tag. What is not AWS's, such as a database, has no tags."""
    given = provider.document("defaultTags")
    tags: Json = given.get("tags") if isinstance(given, Mapping) else None
    for tag in config["tags"]:
        if not isinstance(tags, Mapping) or not tags.get(tag):
            yield f"defaultTags has no {tag}: nobody can tell whose costs these are"


@rule(
    "aws-own-account",
    of=(AWS,),
    severity=Severity.HIGH,
    says="A deployment changes one account and no other.",
    mend="Set allowedAccountIds of the provider to the account of the settings.",
)
def aws_own_account(provider: Resource, _config: Config) -> Iterator[str]:
    """Absent and empty allow any account that the deployer's login happens to be of."""
    accounts = provider.document("allowedAccountIds")
    if not isinstance(accounts, list) or len(accounts) != 1 or not str(accounts[0]).isdigit():
        yield "allowedAccountIds is not one account: a wrong login would deploy there"
