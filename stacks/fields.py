"""The kinds of value that settings are made of: texts with a form, numbers with a range.

Each text carries the words that describe its form (`patternErrorMessage`): editors show them beside
the YAML, and the same words stand in the error. Nothing here knows which setting uses it.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """A group of settings: immutable, no unknown keys, no silent conversion, camelCase in YAML."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=to_camel, validate_default=True
    )


NAME = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"

Name = Annotated[
    str,
    Field(
        pattern=NAME,
        max_length=40,
        json_schema_extra={
            "patternErrorMessage": "lower-case letters and digits, starting with a letter, "
            "with single dashes between words"
        },
    ),
]

AccountId = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{12}$",
        json_schema_extra={"patternErrorMessage": "the 12 digits of an AWS account, in quotes"},
    ),
]

Region = Annotated[
    str,
    Field(
        pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$",
        json_schema_extra={"patternErrorMessage": "an AWS region such as eu-west-1"},
    ),
]

ClusterName = Annotated[
    str,
    Field(
        pattern=r"^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$",
        json_schema_extra={
            "patternErrorMessage": "an EKS cluster name: letters, digits, dashes and underscores, "
            "at most 100 characters"
        },
    ),
]

SubnetId = Annotated[
    str,
    Field(
        pattern=r"^subnet-([0-9a-f]{8}|[0-9a-f]{17})$",
        json_schema_extra={
            "patternErrorMessage": "a subnet id: subnet- and 8 or 17 hexadecimal digits"
        },
    ),
]

Principal = Annotated[
    str,
    Field(
        pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:(user|role)/[A-Za-z0-9+=,.@_/-]+$",
        json_schema_extra={
            "patternErrorMessage": "the ARN of one IAM role or user, such as "
            "arn:aws:iam::123456789012:role/analysts (no wildcard, not a whole account)"
        },
    ),
]

TopicArn = Annotated[
    str,
    Field(
        pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$",
        json_schema_extra={
            "patternErrorMessage": "the ARN of an SNS topic (not a FIFO one), such as "
            "arn:aws:sns:eu-west-1:123456789012:alarms"
        },
    ),
]

RelativePath = Annotated[
    str,
    Field(
        pattern=r"^\.?[A-Za-z0-9_-][A-Za-z0-9._-]*(/\.?[A-Za-z0-9_-][A-Za-z0-9._-]*)*$",
        json_schema_extra={
            "patternErrorMessage": "a path inside the project, relative to its root, without `..`"
        },
    ),
]

Cidr = Annotated[
    str,
    Field(
        pattern=r"^([0-9]{1,3}\.){3}[0-9]{1,3}/[0-9]{1,2}$",
        json_schema_extra={"patternErrorMessage": "an IPv4 range such as 10.0.0.0/16"},
    ),
]

Image = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-zA-Z0-9.-]*(:[0-9]+)?(/[a-z0-9][a-z0-9._-]*)*"
        r"(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}(@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})$",
        json_schema_extra={
            "patternErrorMessage": "a container image with a digest, a tag or both, such as "
            "apache/airflow:3.3.2@sha256:<64 hexadecimal digits>"
        },
    ),
]

ClassPath = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$",
        json_schema_extra={
            "patternErrorMessage": "a Python class with its module, such as package.module.Class"
        },
    ),
]

RepositoryUrl = Annotated[
    str,
    Field(
        pattern=r"^https?://[A-Za-z0-9.-]+(:[1-9][0-9]{0,4})?(/[A-Za-z0-9._~-]+)+$",
        json_schema_extra={
            "patternErrorMessage": "the http(s) URL of a git repository, without a user, such as "
            "https://github.com/example/dags.git"
        },
    ),
]

GitRef = Annotated[
    str,
    Field(
        pattern=r"^[0-9A-Za-z][0-9A-Za-z._/+-]{0,99}$",
        json_schema_extra={"patternErrorMessage": "a commit, a tag or a branch of git"},
    ),
]

EngineVersion = Annotated[
    str,
    Field(
        pattern=r"^[1-9][0-9]?(\.[1-9]?[0-9])?$",
        json_schema_extra={
            "patternErrorMessage": 'a PostgreSQL version in quotes: a major such as "16", '
            'or a minor such as "16.10"'
        },
    ),
]

LogRetentionDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
]  # fmt: skip
"""What CloudWatch's PutRetentionPolicy accepts."""

Port = Annotated[int, Field(ge=1150, le=65535)]
"""RDS accepts 1150 to 65535."""

ConnectionLimit = Annotated[int, Field(ge=1, le=5000)]
"""5000 is where RDS's own formula for `max_connections` stops."""


def _day(value: object) -> object:
    """Parse YYYY-MM-DD; leave what is none to be refused.

    Pulumi turns a day without quotes into "2027-01-31 00:00:00 +0000 UTC", in the program and, when
    it rewrites the stack file, there too.
    """
    text = str(value).removesuffix(" 00:00:00 +0000 UTC")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return value
    return day if day.isoformat() == text else value  # weeks and days without dashes are days too


Day = Annotated[
    date,
    BeforeValidator(_day),
    Field(json_schema_extra={"patternErrorMessage": "a day as YYYY-MM-DD"}),
]
