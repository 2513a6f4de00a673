"""A login whose password changes by itself, for clients that cannot use IAM.

Two logins with the same rights take turns: while clients use the one, the other gets a new
password, which is proven and put into the secret; so what a client read last works until the turn
after. No password is an input or an output of anything here: the function makes it, in the account.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pulumi_aws as aws
import pulumi_postgresql as postgresql
from pulumi import Alias, ComponentResource, Input, Output, Resource, ResourceOptions

from components import iam_documents, naming
from components.connection_secret import connection_secret
from components.database_login import (
    DATABASE_LOGIN,
    IAM_MEMBERSHIP,
    ROTATED_LOGIN,
    SESSION_SECONDS,
)
from components.database_server import DatabaseServer
from components.rendering import rendered
from components.rotation import Rotation, RotationArgs, RotationSite
from components.rotation_names import RotatedLogins, rotated_logins

PASSWORD_MEMBERSHIP = "rds_password"  # noqa: S105  the name of a role
"""With `rds.restrict_password_commands` on, its members alone may change passwords."""
ROTATOR_CONNECTIONS = 4
"""A step, the daily look beside it, and one of each that was cut off."""


@dataclass(frozen=True, kw_only=True)
class RotatedLoginArgs:
    """Who logs in to what, with which limits, and how often the password changes.

    Raises:
        ValueError: the connection limit or the interval is none.
    """

    environment: str
    login: str
    """What it is called in the settings."""
    server: DatabaseServer
    """The instance itself: a proxy would have to know the passwords too."""
    database: str
    connection_limit: int
    """Connections of each of the two, as sessions outlive their turn."""
    roles: Sequence[Input[str]]
    """Group roles that both are members of."""
    assume_role: Input[str] | None = None
    """The one group role whose rights both act with, so that what either creates is of both.
    Absent: they act for themselves, with the rights of all."""
    search_path: Sequence[Input[str]]
    """Schemas in which names without one are looked up, the first also for what is created."""
    statement_timeout_seconds: int = 0
    """The longest that one statement runs; 0, also when absent: as long as it takes."""
    writes: Sequence[Input[str]]
    """Schemas that a new password is tried on by creating a table, which is rolled back."""
    reads: Sequence[Input[str]]
    """Schemas that it is tried on by reading."""
    secret: aws.secretsmanager.Secret | None = None
    """Where the value goes; a secret of its own when absent."""
    protected: bool
    """Whether that one is kept for a while when it is deleted."""
    iam_role: str
    """Name of the IAM role that may read the secret."""
    trust: Input[str]
    """Trust policy of that role."""
    ends_at: datetime | None = None
    """The first moment (UTC) without access, to the secret and with the passwords; none when
    absent."""
    interval_days: int
    """Days from one password to the next."""
    site: RotationSite

    def __post_init__(self) -> None:
        for field in ("connection_limit", "interval_days"):
            value = getattr(self, field)
            if value < 1:
                raise ValueError(f"{field} of {self.login!r} is {value}; it must be at least 1")


class RotatedLogin(ComponentResource):
    """A pair of logins that take turns, and the IAM role that may read the current one."""

    logins: Output[list[str]]
    """Names of the two in PostgreSQL."""
    secret_name: Output[str]
    """Secret with the one that is current: RDS's fields, a URI, and Airflow's connection."""
    iam_role_arn: Output[str]
    """IAM role that may read the secret."""
    iam_role_name: Output[str]
    """Its name, for further rights."""

    def __init__(
        self, name: str, args: RotatedLoginArgs, opts: ResourceOptions | None = None
    ) -> None:
        # A login that is rotated from now on, as of the former kind: its IAM role stays the same.
        former = ResourceOptions(aliases=[Alias(type_=DATABASE_LOGIN)])
        super().__init__(ROTATED_LOGIN, name, None, ResourceOptions.merge(former, opts))
        self._args = args
        names = rotated_logins(args.environment, args.login)
        secret = args.secret or self._secret()
        declared = self._declare(names)
        self._rotate(names, secret, after=declared)
        role = self._reader(secret)

        self.logins = Output.from_input([names.first, names.second])
        self.secret_name = secret.name
        self.iam_role_arn = role.arn
        self.iam_role_name = role.name
        self.register_outputs(
            {
                "logins": self.logins,
                "secret_name": self.secret_name,
                "iam_role_arn": self.iam_role_arn,
                "iam_role_name": self.iam_role_name,
            }
        )

    def _secret(self) -> aws.secretsmanager.Secret:
        args = self._args
        return connection_secret(
            self.pulumi_resource_name,
            physical_name=naming.login_secret(args.environment, args.login),
            description=f"Login {args.login} of {args.environment}; it changes by itself",
            key_arn=args.site.secrets_key_arn,
            protected=args.protected,
            opts=ResourceOptions(parent=self),
        )

    def _declare(self, names: RotatedLogins) -> list[Resource]:
        """The pair and its rotator, in a line: the plugin would lock their members crosswise."""
        name, line = self.pulumi_resource_name, list[Resource]()

        def after() -> ResourceOptions:
            return ResourceOptions(parent=self, depends_on=line[-1:])

        pair = {"a": names.first, "b": names.second}
        for turn, login in pair.items():
            line.append(self._login(turn, login, after()))
        rotator = postgresql.Role(
            f"{name}-rotator",
            name=names.rotator,
            login=True,
            # Changing a password takes this, and the ADMIN option on that very role.
            create_role=True,
            # It never acts with the rights of the logins that it changes.
            inherit=False,
            connection_limit=ROTATOR_CONNECTIONS,
            # The plugin would see the grants below as memberships too many.
            opts=ResourceOptions.merge(after(), ResourceOptions(ignore_changes=["roles"])),
        )
        line.append(rotator)
        for what, role in (
            ("logs-in-by-iam", IAM_MEMBERSHIP),
            ("sets-passwords", PASSWORD_MEMBERSHIP),
            *((f"rotates-{turn}", login) for turn, login in pair.items()),
        ):
            line.append(
                postgresql.GrantRole(
                    f"{name}-{what}",
                    role=rotator.name,
                    grant_role=role,
                    with_admin_option=what.startswith("rotates"),
                    opts=after(),
                )
            )
        for kind, login in {**pair, "rotator": names.rotator}.items():
            line.append(
                postgresql.Grant(
                    f"{name}-{kind}-connect",
                    database=self._args.database,
                    object_type="database",
                    role=login,
                    privileges=["CONNECT"],
                    opts=after(),
                )
            )
        return line

    def _login(self, turn: str, login: str, opts: ResourceOptions) -> postgresql.Role:
        args = self._args
        return postgresql.Role(
            f"{self.pulumi_resource_name}-{turn}",
            name=login,
            login=True,
            inherit=args.assume_role is None,
            roles=args.roles,
            assume_role=args.assume_role,
            connection_limit=args.connection_limit,
            search_paths=list(args.search_path),
            statement_timeout=args.statement_timeout_seconds * 1000,
            # As PostgreSQL writes it, so that it never seems to differ.
            valid_until=args.ends_at.strftime("%Y-%m-%d %H:%M:%S+00") if args.ends_at else None,
            opts=opts,
        )

    def _settings(self) -> Mapping[str, Input[str] | Sequence[Input[str]]]:
        """What `_login` sets for the sessions of either, as the function keeps it so."""
        args = self._args
        settings: dict[str, Input[str] | Sequence[Input[str]]] = {"search_path": args.search_path}
        if args.assume_role is not None:
            settings["role"] = args.assume_role
        if args.statement_timeout_seconds:
            settings["statement_timeout"] = str(args.statement_timeout_seconds * 1000)
        return settings

    def _rotate(
        self, names: RotatedLogins, secret: aws.secretsmanager.Secret, *, after: list[Resource]
    ) -> None:
        args = self._args
        Rotation(
            self.pulumi_resource_name,
            RotationArgs(
                environment=args.environment,
                login=args.login,
                secret=secret,
                server=args.server,
                database=args.database,
                logins=names,
                connection_limit=args.connection_limit,
                settings=self._settings(),
                roles=args.roles,
                writes=args.writes,
                reads=args.reads,
                ends_at=args.ends_at,
                interval_days=args.interval_days,
                site=args.site,
            ),
            opts=ResourceOptions(parent=self, depends_on=after[-1:]),
        )

    def _reader(self, secret: aws.secretsmanager.Secret) -> aws.iam.Role:
        args, name = self._args, self.pulumi_resource_name
        role = aws.iam.Role(
            f"{name}-login",
            name=args.iam_role,
            description=f"Reading the login {args.login} of {args.environment}",
            assume_role_policy=args.trust,
            max_session_duration=SESSION_SECONDS,
            opts=ResourceOptions(parent=self),
        )
        aws.iam.RolePolicy(
            f"{name}-read-login",
            # Unlike the policy of a workflow that is not rotated: should that become one that is,
            # the old one goes last.
            name="read-login",
            role=role.name,
            policy=rendered(
                iam_documents.read_secret,
                region=args.server.endpoint.region,
                secret_arn=secret.arn,
                key_arn=args.site.secrets_key_arn,
                ends_at=args.ends_at,
            ),
            opts=ResourceOptions(parent=self),
        )
        return role
