"""Who may reach what, as the settings declare it: in words, and as values that can be compared.

It is computed from the settings alone, and says what will be granted, not what was measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

from components import naming
from components.rotation_names import rotated_logins

if TYPE_CHECKING:
    from stacks.declarations import Agent, Person, Workflow
    from stacks.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What one workflow, person or agent may reach in one environment."""

    environment: str
    kind: Literal["workflow", "person", "agent"]
    name: str
    principal: str
    """Who may use the login: an IAM principal, or a workflow's Kubernetes service account."""
    logins: tuple[str, ...]
    """The PostgreSQL login on the application instance; two that take turns if it is rotated."""
    rotation_days: int | None
    """How often the password changes; None: there is none, but IAM tokens."""
    writes: tuple[str, ...]
    """Schemas it may create and change tables in, the live version first."""
    reads: tuple[str, ...]
    """Schemas it may only read."""
    connection_limit: int
    expires: date | None
    """The last day (UTC); None: until it is taken off the settings."""

    def sentence(self) -> str:
        """The grant in words."""
        rights = []
        if self.writes:
            rights.append(f"may read and write {listed(self.writes)}")
        if self.reads:
            rights.append(f"may read {listed(self.reads)}")
        who = self.name
        if self.kind != "workflow":
            who = f"{self.name} ({self.kind}, {self.principal})"
        until = f" until {self.expires}" if self.expires else ""
        rotated = ""
        if self.rotation_days:
            rotated = f", with a password that changes every {days(self.rotation_days)}"
        return f"{who} {', '.join(rights)}{until}{rotated}"


@dataclass(frozen=True, kw_only=True)
class Administrator:
    """Someone who may administer both instances, in all environments of the stack."""

    kind: Literal["deployer", "break glass"]
    principal: str
    login: str

    def sentence(self) -> str:
        """The power in words."""
        if self.kind == "deployer":
            return (
                f"{self.principal} may deploy: may log in as {self.login} on both instances, which "
                "creates databases, schemas and roles and may grant itself any of them"
            )
        return (
            f"{self.principal} may break glass: may log in as {self.login}, the master user of "
            "both instances"
        )


@dataclass(frozen=True, kw_only=True)
class Access:
    """All that the settings declare. Two of them are equal if they declare the same."""

    environments: tuple[str, ...]
    grants: tuple[Grant, ...]
    administrators: tuple[Administrator, ...]

    def sentences(self, environment: str) -> tuple[str, ...]:
        """Who may reach what in `environment`: workflows, people and agents, in that order."""
        return tuple(grant.sentence() for grant in self.grants if grant.environment == environment)

    def administrator_sentences(self) -> tuple[str, ...]:
        """Who may administer the instances."""
        return tuple(each.sentence() for each in self.administrators)

    def as_dict(self) -> dict[str, object]:
        """The same for machines; days as YYYY-MM-DD."""
        return {
            "grants": [
                {
                    **asdict(grant),
                    "expires": grant.expires.isoformat() if grant.expires else None,
                    "sentence": grant.sentence(),
                }
                for grant in self.grants
            ],
            "administrators": [
                {**asdict(each), "sentence": each.sentence()} for each in self.administrators
            ],
        }


def declared_access(settings: Settings) -> Access:
    """Who may reach what once `settings` are deployed."""
    return Access(
        environments=settings.environments,
        grants=tuple(_grants(settings)),
        administrators=(
            *(
                Administrator(kind="deployer", principal=arn, login=naming.PROVISIONER_USER)
                for arn in settings.deployers
            ),
            *(
                Administrator(kind="break glass", principal=arn, login=naming.MASTER_USER)
                for arn in settings.break_glass
            ),
        ),
    )


def _grants(settings: Settings) -> Iterator[Grant]:
    for environment in settings.environments:
        schemas = {each.name: _schemas(environment, each) for each in settings.workflows}
        for workflow in settings.workflows:
            yield _workflow(environment, workflow, schemas)
        for person in settings.people:
            yield _reader("person", environment, person, schemas)
        for agent in settings.agents:
            yield _reader("agent", environment, agent, schemas)


def _schemas(environment: str, workflow: Workflow) -> tuple[str, ...]:
    """The managed schemas of a workflow, the live one first; the rights cover all of them."""
    live = workflow.schema_version
    versions = [live, *(each for each in workflow.versions if each != live)]
    return tuple(naming.schema_name(environment, workflow.name, each) for each in versions)


def _workflow(environment: str, workflow: Workflow, schemas: dict[str, tuple[str, ...]]) -> Grant:
    own = schemas[workflow.name]
    others = tuple(schema for name in workflow.reads for schema in schemas[name])
    account = naming.service_account(workflow.name)
    return Grant(
        environment=environment,
        kind="workflow",
        name=workflow.name,
        principal=f"system:serviceaccount:{naming.namespace(environment)}:{account}",
        logins=_logins(environment, workflow.name, workflow.interval_days),
        rotation_days=workflow.interval_days,
        writes=own if workflow.writes else (),
        reads=others if workflow.writes else own + others,
        connection_limit=workflow.connection_limit,
        expires=None,
    )


def _logins(environment: str, name: str, interval_days: int | None) -> tuple[str, ...]:
    if interval_days is None:
        return (naming.login_name(environment, name),)
    return rotated_logins(environment, name)[:2]


def _reader(
    kind: Literal["person", "agent"],
    environment: str,
    reader: Person | Agent,
    schemas: dict[str, tuple[str, ...]],
) -> Grant:
    return Grant(
        environment=environment,
        kind=kind,
        name=reader.name,
        principal=reader.principal,
        logins=_logins(environment, reader.name, reader.interval_days),
        rotation_days=reader.interval_days,
        writes=(),
        reads=tuple(schema for name in reader.reads for schema in schemas[name]),
        connection_limit=reader.connection_limit,
        expires=reader.expires,
    )


def days(number: int) -> str:
    """A number of days in words."""
    return "day" if number == 1 else f"{number} days"


def listed(schemas: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *some, last = schemas
    return f"{', '.join(some)} and {last}" if some else last
