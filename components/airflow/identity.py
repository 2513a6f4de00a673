"""Who one of Airflow's own components is, to PostgreSQL and to AWS."""

from __future__ import annotations

from dataclasses import dataclass

from pulumi import Input


@dataclass(frozen=True, kw_only=True)
class ComponentIdentity:
    """The login in the metadata database, and the IAM role that alone may use it."""

    user: Input[str]
    iam_role_arn: Input[str]
