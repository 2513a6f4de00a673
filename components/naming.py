"""Every physical name this project gives: in PostgreSQL, in AWS and in Kubernetes.

Pure functions of the words of the settings. They do not look up what exists, and do not judge
whether two workflows would collide: the settings do, with these functions.
"""

import hashlib
import re
from typing import NamedTuple

POSTGRES_IDENTIFIER_BYTES = 63
"""`NAMEDATALEN - 1`; PostgreSQL truncates longer identifiers silently."""
IAM_ROLE_CHARACTERS = 64
"""`RoleName` of IAM `CreateRole`."""
LAMBDA_FUNCTION_CHARACTERS = 64
"""`FunctionName` of Lambda `CreateFunction`, when it is a name and not an ARN."""
DB_INSTANCE_CHARACTERS = 63
"""`DBInstanceIdentifier` of RDS `CreateDBInstance`; `DBProxyName` has the same limit."""
RDS_GROUP_CHARACTERS = 255
"""Names of RDS subnet groups, parameter groups and event subscriptions."""
SECURITY_GROUP_CHARACTERS = 255
"""`GroupName` of EC2 `CreateSecurityGroup` in a VPC."""
KMS_ALIAS_CHARACTERS = 256
"""`AliasName` of KMS `CreateAlias`, its `alias/` included."""
ALARM_CHARACTERS = 255
"""`AlarmName` of CloudWatch `PutMetricAlarm`."""
SECRET_CHARACTERS = 512
"""`Name` of Secrets Manager `CreateSecret`."""
BUCKET_CHARACTERS = 63
"""`Bucket` of S3 `CreateBucket`."""
KUBERNETES_LABEL_CHARACTERS = 63
"""RFC 1123 label: namespaces; service accounts are held to it too, as they become labels."""

MASTER_USER = "dbmaster"
"""Master user of both instances; RDS advises against the well-known names (RDS.25)."""
PROVISIONER_USER = "provisioner"
"""The login that creates databases, schemas, roles and grants."""
APPLICATION_DATABASE = "application"
"""The database on the application instance that holds the schemas of all workflows."""
METADATA_SCHEMA = "airflow"
"""The schema of a metadata database that holds all of Airflow's tables."""

_HASH_CHARACTERS = 8
_WORDS = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class GroupRoles(NamedTuple):
    """The NOLOGIN roles of a workflow in an environment, shared by the versions of its schema."""

    owner: str
    writer: str
    reader: str


def aws_name(limit: int, stem: str, *words: str) -> str:
    """Join words with dashes into a name of at most `limit` characters.

    A name that is too long loses its tail to a hash of the whole; `stem` survives, because it
    says whose the thing is.

    Raises:
        ValueError: a word is not made of a-z, 0-9 and single dashes, or `stem` and the hash alone
            are longer than `limit`.
    """
    for word in (stem, *words):
        _require_words(word)
    name = "-".join((stem, *words))
    if len(name) <= limit:
        return name
    room = limit - _HASH_CHARACTERS - 1
    if len(stem) > room:
        raise ValueError(
            f"the name {name!r} cannot be shortened to {limit} characters, because {stem!r} alone "
            f"leaves no room for a hash of {_HASH_CHARACTERS}; choose a shorter {stem!r}"
        )
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_CHARACTERS]
    return f"{name[:room].rstrip('-')}-{digest}"


def iam_role_name(stem: str, *words: str) -> str:
    """Name of an IAM role."""
    return aws_name(IAM_ROLE_CHARACTERS, stem, *words)


def db_instance_name(stem: str, *words: str) -> str:
    """Identifier of a DB instance or of an RDS proxy."""
    return aws_name(DB_INSTANCE_CHARACTERS, stem, *words)


def lambda_name(stem: str, *words: str) -> str:
    """Name of a Lambda function."""
    return aws_name(LAMBDA_FUNCTION_CHARACTERS, stem, *words)


def rds_group_name(stem: str, *words: str) -> str:
    """Name of a subnet group, parameter group or event subscription of RDS."""
    return aws_name(RDS_GROUP_CHARACTERS, stem, *words)


def security_group_name(stem: str, *words: str) -> str:
    """Name of a security group; EC2 reserves those that start with `sg-`.

    Raises:
        ValueError: it would start with `sg-`.
    """
    name = aws_name(SECURITY_GROUP_CHARACTERS, stem, *words)
    if name.startswith("sg-"):
        raise ValueError(f"the security group name {name!r} starts with 'sg-', which EC2 reserves")
    return name


def alarm_name(stem: str, *words: str) -> str:
    """Name of a CloudWatch alarm."""
    return aws_name(ALARM_CHARACTERS, stem, *words)


def bucket_name(stem: str, *words: str) -> str:
    """Name of an S3 bucket, which all accounts share: one word has to be the account's id."""
    return aws_name(BUCKET_CHARACTERS, stem, *words)


def kms_alias(stem: str, *words: str) -> str:
    """Alias of a KMS key, with its `alias/`."""
    return "alias/" + aws_name(KMS_ALIAS_CHARACTERS - len("alias/"), stem, *words)


def rds_log_group(instance: str, log: str) -> str:
    """The log group that RDS writes an instance's `postgresql` or `upgrade` log to."""
    return f"/aws/rds/instance/{instance}/{log}"


def lambda_log_group(function: str) -> str:
    """The log group that Lambda writes a function's output to."""
    return f"/aws/lambda/{function}"


def proxy_log_group(proxy: str) -> str:
    """The log group that RDS writes a proxy's log to."""
    return f"/aws/rds/proxy/{proxy}"


def schema_name(environment: str, workflow: str, version: int) -> str:
    """Schema of one version of a workflow: `<environment>_<workflow>_v<version>`.

    Raises:
        ValueError: longer than PostgreSQL keeps, or the version is below 1.
    """
    if version < 1:
        raise ValueError(
            f"the schema version of {workflow!r} is {version}; a version is a number from 1 on"
        )
    return _identifier(environment, workflow, f"v{version}")


def group_roles(environment: str, workflow: str) -> GroupRoles:
    """The owner, writer and reader roles of a workflow in an environment.

    Raises:
        ValueError: longer than PostgreSQL keeps.
    """
    return GroupRoles(
        owner=_identifier(environment, workflow, "owner"),
        writer=_identifier(environment, workflow, "writer"),
        reader=_identifier(environment, workflow, "reader"),
    )


def login_name(environment: str, name: str) -> str:
    """The login of a workflow, person or agent in an environment.

    Raises:
        ValueError: longer than PostgreSQL keeps.
    """
    return _identifier(environment, name)


def metadata_database(environment: str) -> str:
    """The database that holds an environment's Airflow metadata.

    Raises:
        ValueError: longer than PostgreSQL keeps.
    """
    return _identifier("airflow", environment)


def metadata_role(environment: str, role: str) -> str:
    """A role in an environment's metadata database: `owner`, `writer`, or a component's login.

    Raises:
        ValueError: longer than PostgreSQL keeps.
    """
    return _identifier("airflow", environment, role)


def namespace(environment: str) -> str:
    """The Kubernetes namespace of an environment's Airflow.

    Raises:
        ValueError: longer than a Kubernetes label.
    """
    return _label(f"airflow-{environment}")


def service_account(workflow: str) -> str:
    """The Kubernetes service account that a workflow's tasks run as.

    Raises:
        ValueError: longer than a Kubernetes label.
    """
    return _label(f"workflow-{workflow}")


def access_role(environment: str, kind: str, name: str) -> str:
    """IAM role of a `workflow`, `person`, `agent` or Airflow `component` in an environment."""
    return iam_role_name(f"airflow-{environment}", kind, name)


def connection_secret(environment: str, workflow: str) -> str:
    """Secret that holds a workflow's Airflow connection, where Airflow's backend looks for it.

    Raises:
        ValueError: other characters, or longer than Secrets Manager allows. It is never shortened,
            as its last word is the connection id that DAGs write.
    """
    return _secret(environment, "connections", workflow)


def login_secret(environment: str, name: str) -> str:
    """Secret that holds the rotated login of a person or agent.

    Raises:
        ValueError: other characters, or longer than Secrets Manager allows.
    """
    return _secret(environment, "logins", name)


def key_secret(environment: str, key: str) -> str:
    """Secret that holds one of Airflow's own keys, such as `fernet`.

    Raises:
        ValueError: other characters, or longer than Secrets Manager allows.
    """
    return _secret(environment, "keys", key)


def _secret(environment: str, kind: str, last: str) -> str:
    _require_words(environment)
    _require_words(last)
    name = f"airflow/{environment}/{kind}/{last}"
    if len(name) > SECRET_CHARACTERS:
        raise ValueError(
            f"the secret name {name!r} has {len(name)} characters; Secrets Manager allows "
            f"{SECRET_CHARACTERS}; choose a shorter name"
        )
    return name


def _identifier(*words: str) -> str:
    for word in words:
        _require_words(word)
    name = "_".join(words).replace("-", "_")
    if len(name.encode()) > POSTGRES_IDENTIFIER_BYTES:
        raise ValueError(
            f"the PostgreSQL name {name!r} has {len(name.encode())} bytes; PostgreSQL keeps "
            f"{POSTGRES_IDENTIFIER_BYTES}; choose a shorter name"
        )
    return name


def _label(name: str) -> str:
    _require_words(name)
    if len(name) > KUBERNETES_LABEL_CHARACTERS:
        raise ValueError(
            f"the Kubernetes name {name!r} has {len(name)} characters; Kubernetes allows "
            f"{KUBERNETES_LABEL_CHARACTERS}; choose a shorter name"
        )
    return name


def _require_words(name: str) -> None:
    if _WORDS.fullmatch(name) is None:
        raise ValueError(
            f"the name {name!r} is not allowed; use lower-case letters, digits and single dashes"
        )
