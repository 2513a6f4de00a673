"""What people declare in one entry of a list: a workflow, a person, an agent.

Whether entries fit each other (unknown schemas, equal names) is decided in `stacks.checks`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field

from stacks.fields import ConnectionLimit, Day, Model, Name, Principal

SchemaVersion = Annotated[int, Field(ge=1, le=9999)]
LoginKind = Literal["iam", "rotated"]
# Secrets Manager allows 1,000; nobody gains by a password that lives longer than a year.
RotationDays = Annotated[int, Field(ge=1, le=365)]
ROTATION_DAYS = 7
"""How often a password is rotated where nothing is said: each week, so that it is routine."""


class _Named(Model):
    """Someone with a login, which is called like it."""

    name: Name = Field(description="Its name. In PostgreSQL its dashes become underscores.")


class _Login(Model):
    """Someone who may be unable to use IAM."""

    login: LoginKind = Field(
        default="iam",
        description="How it logs in. iam, also when absent: with a token of its IAM role that "
        "lives 15 minutes. rotated: for clients that cannot do that, with a password that changes "
        "by itself, in a secret that its IAM role may read.",
    )
    rotation_days: RotationDays | None = Field(
        default=None,
        description="Days from one password to the next, with login: rotated; clients have to read "
        f"the secret at least that often. Absent: {ROTATION_DAYS}.",
    )

    @property
    def interval_days(self) -> int | None:
        """Days from one password to the next; None: there is no password."""
        if self.login != "rotated":
            return None
        return self.rotation_days or ROTATION_DAYS


class Workflow(_Login, _Named):
    """A workflow: its schema in every environment, its login, its limits."""

    writes: bool = Field(
        description="true: it may create and change tables in its own schema; "
        "false: it may only read them."
    )
    reads: tuple[Name, ...] = Field(
        default=(),
        description="Other workflows whose schemas it may read. Absent: only its own.",
    )
    connection_limit: ConnectionLimit = Field(
        description="Most connections its login may hold in one environment; "
        "also the size of its Airflow pool."
    )
    schema_version: SchemaVersion = Field(
        description="The version of its schema that is live: where its search path points. "
        "Going back to the former number is the rollback."
    )
    schema_versions: tuple[SchemaVersion, ...] | None = Field(
        default=None,
        min_length=1,
        description="All versions of its schema that are managed; contains schemaVersion. "
        "Absent: only schemaVersion. A version that is taken off the list is kept in the "
        "database unless drop is true.",
    )
    drop: bool = Field(
        default=False,
        description="true: schemas and tables are dropped when the workflow, or a version, leaves "
        "the settings after this was deployed once. "
        "false, also when absent: they stay, and are adopted again when listed again.",
    )

    @property
    def versions(self) -> tuple[int, ...]:
        """The managed versions of its schema, ascending; never empty."""
        return tuple(sorted(self.schema_versions or (self.schema_version,)))


class _Reader(_Named):
    """Someone who reads schemas until a day, and owns nothing."""

    principal: Principal = Field(
        description="The IAM role or user, in this account, that may use the login."
    )
    reads: tuple[Name, ...] = Field(
        min_length=1, description="The workflows whose schemas it may read."
    )
    expires: Day = Field(
        description="The last day of the access, in UTC, as YYYY-MM-DD.",
    )
    connection_limit: ConnectionLimit = Field(
        description="Most connections the login may hold in one environment."
    )

    @property
    def ends_at(self) -> datetime:
        """The first moment without access: the midnight (UTC) that ends the day `expires`."""
        return datetime.combine(self.expires + timedelta(days=1), datetime.min.time(), tzinfo=UTC)


class Person(_Login, _Reader):
    """A person, a group of people or a tool of theirs, who reads."""


class Agent(_Reader):
    """An AI agent that reads with temporary credentials."""

    @property
    def interval_days(self) -> None:
        """None: an agent never has a password."""


AccessDays = Annotated[int, Field(ge=1, le=36_600)]


class LongestAccess(Model):
    """How far ahead an access may expire, before somebody has to look at it again."""

    people: AccessDays = Field(
        default=366, description="Days ahead for people. Absent: 366, a look once a year."
    )
    agents: AccessDays = Field(
        default=31, description="Days ahead for agents. Absent: 31, a look once a month."
    )
