"""One login of a database, and the IAM role that may use it.

A login is a leaf: it owns nothing, nobody is a member of it, and it has no password. What it may do
comes from the group roles that it is a member of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pulumi_aws as aws
import pulumi_postgresql as postgresql
from pulumi import Alias, ComponentResource, Input, Output, ResourceOptions

from components.database_server import DatabaseServer

DATABASE_LOGIN = "airflow-postgres:components:DatabaseLogin"
ROTATED_LOGIN = "airflow-postgres:components:RotatedLogin"
"""The types of the two kinds of login; a login that changes its kind is known by the other."""
IAM_MEMBERSHIP = "rds_iam"
"""Members of this role log in with an IAM token, and with nothing else. Never grant it to a group
role: all members of that would lose their own way in."""
SESSION_SECONDS = 3600
"""The shortest that IAM allows as a role's maximum; pods and people assume it again."""


@dataclass(frozen=True, kw_only=True)
class DatabaseLoginArgs:
    """Who logs in to what, and with which limits.

    Raises:
        ValueError: the connection limit is no limit.
    """

    user: str
    """Name of the login in PostgreSQL."""
    server: DatabaseServer
    """The server that the login is used on, directly or through a proxy."""
    database: str
    connection_limit: int
    roles: Sequence[Input[str]]
    """Group roles that the login is a member of."""
    assume_role: Input[str] | None = None
    """The one group role whose rights the login acts with, from its first statement on, so that
    all it creates belongs to that role. Absent: it acts for itself, with the rights of all."""
    search_path: Sequence[Input[str]]
    """Schemas in which names without one are looked up, the first also for what is created."""
    statement_timeout_seconds: int = 0
    """The longest that one of its statements runs; 0, also when absent: as long as it takes."""
    iam_role: str
    """Name of the IAM role."""
    trust: Input[str]
    """Trust policy of the IAM role: who may assume it."""
    ends_at: datetime | None = None
    """The first moment (UTC) without access; none when absent."""

    def __post_init__(self) -> None:
        if self.connection_limit < 1:
            raise ValueError(
                f"connection_limit of {self.user!r} is {self.connection_limit}; a login has a "
                "limit of at least 1; raise it, or remove the login"
            )


class DatabaseLogin(ComponentResource):
    """A login that an IAM role, and nobody else, can use."""

    user: Output[str]
    """Name of the login in PostgreSQL."""
    logins: Output[list[str]]
    """The same, as the only one."""
    iam_role_arn: Output[str]
    """IAM role that may log in as it."""
    iam_role_name: Output[str]
    """Its name, for further rights."""

    def __init__(
        self, name: str, args: DatabaseLoginArgs, opts: ResourceOptions | None = None
    ) -> None:
        # One that was rotated until now keeps its IAM role.
        former = ResourceOptions(aliases=[Alias(type_=ROTATED_LOGIN)])
        super().__init__(DATABASE_LOGIN, name, None, ResourceOptions.merge(former, opts))
        login = postgresql.Role(
            f"{name}-login",
            name=args.user,
            login=True,
            inherit=args.assume_role is None,
            roles=[IAM_MEMBERSHIP, *args.roles],
            assume_role=args.assume_role,
            connection_limit=args.connection_limit,
            search_paths=list(args.search_path),
            statement_timeout=args.statement_timeout_seconds * 1000,
            opts=ResourceOptions(parent=self),
        )
        # To the login itself: whether it may connect is decided before it acts for a group role.
        postgresql.Grant(
            f"{name}-connect",
            database=args.database,
            object_type="database",
            role=login.name,
            privileges=["CONNECT"],
            opts=ResourceOptions(parent=self),
        )
        iam_role = aws.iam.Role(
            f"{name}-login",
            name=args.iam_role,
            description=f"Logging in to {args.database} as {args.user}",
            assume_role_policy=args.trust,
            max_session_duration=SESSION_SECONDS,
            opts=ResourceOptions(parent=self),
        )
        aws.iam.RolePolicy(
            f"{name}-login",
            name="log-in",
            role=iam_role.name,
            policy=args.server.connect_policy(args.user, ends_at=args.ends_at),
            opts=ResourceOptions(parent=self),
        )

        self.user = login.name
        self.logins = Output.all(login.name)
        self.iam_role_arn = iam_role.arn
        self.iam_role_name = iam_role.name
        self.register_outputs(
            {
                "user": self.user,
                "logins": self.logins,
                "iam_role_arn": self.iam_role_arn,
                "iam_role_name": self.iam_role_name,
            }
        )
