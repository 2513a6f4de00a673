"""Rules for the instances themselves: reachability, encryption, who logs in and how.

What they are made of is in `separation`, how they are kept and changed in `databases_upkeep`, what
is recorded of them in `databases_watch`. Where RDS's or the provider's default for an absent
property is what a rule wants, absent is right: the engine fills it in before it asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies.resources import Resource
from policies.rule import Config, Severity, rule

INSTANCE = "aws:rds/instance:Instance"

# The first things that a scanner tries.
DEFAULT_PORT = 5432
ADMIN_NAMES = frozenset({"admin", "administrator", "awsuser", "master", "postgres", "root"})
# What RDS takes as a port.
PORTS = range(1150, 65536)

_KEY_ARN = re.compile(r"arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key/.+")


def key_problems(resource: Resource, path: str) -> Iterator[str]:
    """Say what is wrong with a property that names a KMS key.

    Raises:
        NotYetKnownError: it is not yet known.
    """
    value = resource.value(path)
    if not isinstance(value, str) or not _KEY_ARN.fullmatch(value):
        yield f"{path} is {value!r}, not the ARN of a key: nobody here writes AWS's own policies"


@rule(
    "rds-not-public",
    of=(INSTANCE,),
    severity=Severity.CRITICAL,
    says="An instance has no public address.",
    mend="Set publiclyAccessible to false.",
    controls=("FSBP RDS.2", "CIS AWS 3.2.3", "CKV_AWS_17"),
)
def rds_not_public(instance: Resource, _config: Config) -> Iterator[str]:
    """Absent is false: the provider's default."""
    if instance.value("publiclyAccessible") not in (None, False):
        yield "publiclyAccessible is not false: the instance gets an address in the internet"


@rule(
    "rds-encrypted",
    of=(INSTANCE,),
    severity=Severity.CRITICAL,
    says="The storage of an instance is encrypted.",
    mend="Set storageEncrypted to true; an instance that exists is restored from a snapshot.",
    controls=("FSBP RDS.3", "CIS AWS 3.2.1", "CKV_AWS_16"),
)
def rds_encrypted(instance: Resource, _config: Config) -> Iterator[str]:
    """Absent is false: RDS encrypts nothing unless it is told to."""
    if instance.value("storageEncrypted") is not True:
        yield "storageEncrypted is not true: disk and snapshots can be read by whoever gets them"


@rule(
    "rds-cmk",
    of=(INSTANCE,),
    severity=Severity.HIGH,
    says="The storage of an instance is encrypted with a key of one's own.",
    mend="Set kmsKeyId to the ARN of a key; an instance that exists is restored from a snapshot.",
    controls=("FSBP RDS.3",),
    later=("kmsKeyId",),
)
def rds_cmk(instance: Resource, _config: Config) -> Iterator[str]:
    """Who may read snapshots is then decided by a policy that this project writes."""
    yield from key_problems(instance, "kmsKeyId")


@rule(
    "rds-iam-auth",
    of=(INSTANCE,),
    severity=Severity.HIGH,
    says="Clients log in with IAM tokens.",
    mend="Set iamDatabaseAuthenticationEnabled to true.",
    controls=("FSBP RDS.10", "CKV_AWS_161"),
)
def rds_iam_auth(instance: Resource, _config: Config) -> Iterator[str]:
    """Absent is false: RDS's default."""
    if instance.value("iamDatabaseAuthenticationEnabled") is not True:
        yield "iamDatabaseAuthenticationEnabled is not true: only passwords would open it"


@rule(
    "rds-managed-master-password",
    of=(INSTANCE,),
    severity=Severity.CRITICAL,
    says="RDS makes and rotates the master's password; nobody gives it one.",
    mend="Set manageMasterUserPassword to true, and no password.",
    controls=("FSBP SecretsManager.1",),
)
def rds_managed_master_password(instance: Resource, _config: Config) -> Iterator[str]:
    """Absent, somebody has to give one; a password that is not yet known is one too."""
    if instance.value("manageMasterUserPassword") is not True:
        yield "manageMasterUserPassword is not true: somebody has to make and keep a password"
    for path in ("password", "passwordWo"):
        if instance.is_set(path):
            yield f"{path} is set: the program knows the master's password"


@rule(
    "rds-master-secret-cmk",
    of=(INSTANCE,),
    severity=Severity.HIGH,
    says="The secret with the master's password is encrypted with a key of one's own.",
    mend="Set masterUserSecretKmsKeyId to the ARN of a key.",
    controls=("CKV_AWS_149",),
    later=("masterUserSecretKmsKeyId",),
)
def rds_master_secret_cmk(instance: Resource, _config: Config) -> Iterator[str]:
    """Absent is aws/secretsmanager, which the whole account may use."""
    yield from key_problems(instance, "masterUserSecretKmsKeyId")


@rule(
    "rds-admin-name",
    of=(INSTANCE,),
    severity=Severity.HIGH,
    says="The master has a name of its own.",
    mend="Set username to a name that no list has; a new instance is needed.",
    controls=("FSBP RDS.25",),
)
def rds_admin_name(instance: Resource, _config: Config) -> Iterator[str]:
    """Absent is refused, as RDS does."""
    name = instance.value("username")
    if not isinstance(name, str) or not name or name.lower() in ADMIN_NAMES:
        yield f"username is {name!r}: it has to be a name that nobody guesses first"


@rule(
    "rds-nondefault-port",
    of=(INSTANCE,),
    severity=Severity.HIGH,
    says="An instance does not listen on PostgreSQL's default port.",
    mend=f"Set port to one from {PORTS[0]} to {PORTS[-1]} other than {DEFAULT_PORT}.",
    controls=("FSBP RDS.23",),
)
def rds_nondefault_port(instance: Resource, _config: Config) -> Iterator[str]:
    """Absent is the default port."""
    port = instance.number("port")
    if port == DEFAULT_PORT or port not in PORTS:
        shown = instance.value("port")
        yield f"port is {shown!r}: scanners try {DEFAULT_PORT}, which is also the default"


@rule(
    "rds-ca-current",
    of=(INSTANCE,),
    severity=Severity.HIGH,
    says="An instance's certificate is signed by a current authority of RDS.",
    mend="Set caCertIdentifier to an authority that is allowed here.",
    parameters={
        "authorities": {
            "type": "array",
            "items": {"type": "string"},
            "default": ["rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"],
        }
    },
)
def rds_ca_current(instance: Resource, config: Config) -> Iterator[str]:
    """Absent is the account's default, which nobody sees here."""
    authority = instance.value("caCertIdentifier")
    if authority not in config["authorities"]:
        yield f"caCertIdentifier is {authority!r}: clients verify it, and rds-ca-2019 has expired"
