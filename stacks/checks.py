"""What the types of the settings cannot say: whether the entries fit each other, and the day.

Each check yields one sentence for each problem. Instances are checked in `stacks.instance_checks`,
Airflow in `stacks.airflow_checks`, the sum of the connections in `stacks.budget`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from components import naming
from components.airflow.names import COMPONENTS, MIGRATION_IDENTITY
from components.rotation_names import rotated_logins
from stacks import airflow_checks, instance_checks
from stacks.sentences import NOUNS, entry, key, nearest, shown

if TYPE_CHECKING:
    from stacks.declarations import Agent, Person, Workflow
    from stacks.settings import Settings


RESERVED_PREFIXES = {"pg_": "PostgreSQL", "rds": "RDS", "airflow_": "Airflow's own logins"}
"""How role and schema names may not start, and who keeps that start."""
_SHOWN = 10
"""How many workflows a sentence names; the others are counted."""


def problems(settings: Settings, today: date) -> Iterator[str]:
    """One sentence for each problem of `settings` as of the day `today`."""
    repetitions = [*_repetitions(settings), *_repeated_names(settings)]
    yield from repetitions
    if not repetitions:  # they would be reported again for every name derived from them
        yield from _collisions(settings)
    yield from _reserved(settings)
    yield from _accounts(settings)
    yield from _reads(settings)
    yield from _versions(settings)
    yield from _intervals(settings)
    yield from _expiry(settings, today)
    yield from _powerful_agents(settings)
    yield from instance_checks.problems(settings)
    yield from airflow_checks.problems(settings)


def _entries(settings: Settings) -> Iterator[tuple[str, int, Workflow | Person | Agent]]:
    groups: Mapping[str, Sequence[Workflow | Person | Agent]] = {
        "workflows": settings.workflows,
        "people": settings.people,
        "agents": settings.agents,
    }
    for group, entries in groups.items():
        for index, each in enumerate(entries):
            yield group, index, each


def _readers(settings: Settings) -> Iterator[tuple[str, int, Person | Agent]]:
    yield from (("people", index, person) for index, person in enumerate(settings.people))
    yield from (("agents", index, agent) for index, agent in enumerate(settings.agents))


def _repeated(where: str, values: Sequence[object]) -> Iterator[str]:
    for index, value in enumerate(values):
        if value in values[:index]:
            yield f"{where} lists {shown(value)} more than once; once is allowed; remove one."


def _repetitions(settings: Settings) -> Iterator[str]:
    yield from _repeated(key("environments"), settings.environments)
    yield from _repeated(key("databaseSubnets"), settings.database_subnets)
    yield from _repeated(key("deployers"), settings.deployers)
    yield from _repeated(key("breakGlass"), settings.break_glass)
    for group, index, each in _entries(settings):
        yield from _repeated(entry(group, index, each.name, "reads"), each.reads)
    for index, workflow in enumerate(settings.workflows):
        where = entry("workflows", index, workflow.name, "schemaVersions")
        yield from _repeated(where, workflow.schema_versions or ())


def _repeated_names(settings: Settings) -> Iterator[str]:
    first: dict[str, str] = {}
    for group, index, each in _entries(settings):
        where = key(group, index, "name")
        if each.name in first:
            yield (
                f"{where} is {shown(each.name)}, which is the name of {first[each.name]} already; "
                "workflows, people and agents may not share a name, as each has a login; "
                "choose another."
            )
        first.setdefault(each.name, where)


def _derived(group: str, environment: str, each: Workflow | Person | Agent) -> Iterator[str]:
    """The names that must be unique and fit; `_writer` is longer than any version of a schema."""
    yield f"PostgreSQL role {naming.login_name(environment, each.name)}"
    if each.interval_days is not None:
        for role in rotated_logins(environment, each.name):
            yield f"PostgreSQL role {role}"
    yield f"IAM role {naming.access_role(environment, NOUNS[group], each.name)}"
    if group == "workflows":
        for role in naming.group_roles(environment, each.name):
            yield f"PostgreSQL role {role}"


def _collisions(settings: Settings) -> Iterator[str]:
    owners: dict[str, list[str]] = defaultdict(list)
    for environment in settings.environments:
        for group, index, each in _entries(settings):
            where = f"{entry(group, index, each.name)} in the environment {environment}"
            try:
                for name in _derived(group, environment, each):
                    owners[name].append(where)
            except ValueError as error:
                yield f"{where} cannot be given its names: {error}."
        for component in (*COMPONENTS, MIGRATION_IDENTITY):
            role = naming.access_role(environment, "component", component)
            owners[f"IAM role {role}"].append(f"Airflow's {component} of {environment}")
    for name, wheres in owners.items():
        if len(wheres) > 1:
            yield (
                f"{' and '.join(wheres)} would both have the {name}; each name may belong to one; "
                "rename one of them."
            )


def _reserved(settings: Settings) -> Iterator[str]:
    for index, environment in enumerate(settings.environments):
        for prefix, keeper in RESERVED_PREFIXES.items():
            if naming.login_name(environment, "x").startswith(prefix):
                yield (
                    f"{key('environments', index)} is {shown(environment)}; all its roles would "
                    f"start with {prefix}, which is reserved for {keeper}; choose another name."
                )


def _accounts(settings: Settings) -> Iterator[str]:
    principals = [(key("deployers", i), arn) for i, arn in enumerate(settings.deployers)]
    principals += [(key("breakGlass", i), arn) for i, arn in enumerate(settings.break_glass)]
    for group, index, each in _readers(settings):
        principals.append((entry(group, index, each.name, "principal"), each.principal))
    for where, arn in principals:
        if arn.split(":")[4] != settings.account:
            yield (
                f"{where} is {shown(arn)}; it must be in this stack's account, {settings.account}, "
                "as one wrong digit would trust strangers; name a role of this account, which "
                "those of another account may be allowed to assume."
            )
    region, account = settings.alarm_topic.split(":")[3:5]
    if (region, account) != (settings.region, settings.account):
        yield (
            f"{key('alarmTopic')} is {shown(settings.alarm_topic)}; it must be in this stack's "
            f"region and account, {settings.region} and {settings.account}; name a topic there."
        )


def _reads(settings: Settings) -> Iterator[str]:
    names = [workflow.name for workflow in settings.workflows]
    for group, index, each in _entries(settings):
        for position, read in enumerate(each.reads):
            where = entry(group, index, each.name, "reads", position)
            if read not in names:
                yield (
                    f"{where} is {shown(read)}; it must be the name of a workflow of this stack; "
                    f"{_meant(read, names)} it, or declare that workflow."
                )
            elif group == "workflows" and read == each.name:
                yield (
                    f"{where} is {shown(read)}, the workflow itself; it reads its own schema "
                    "anyway, and only other workflows are allowed here; remove it."
                )


def _meant(read: str, names: Sequence[str]) -> str:
    """What may have been meant, and the first word of what to do."""
    guess = nearest(read, names)
    if guess:
        return f"did you mean {guess}? Correct"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"there are: {', '.join(names[:_SHOWN]) or 'none'}{more}; correct"


def _versions(settings: Settings) -> Iterator[str]:
    for index, workflow in enumerate(settings.workflows):
        if workflow.schema_version not in workflow.versions:
            yield (
                f"{entry('workflows', index, workflow.name, 'schemaVersions')} is "
                f"{shown(workflow.versions)}; it must contain the live schemaVersion, "
                f"{workflow.schema_version}; add it to the list."
            )


def _intervals(settings: Settings) -> Iterator[str]:
    groups: Mapping[str, Sequence[Workflow | Person]] = {
        "workflows": settings.workflows,
        "people": settings.people,
    }
    for group, entries in groups.items():
        for index, each in enumerate(entries):
            if each.login != "rotated" and each.rotation_days is not None:
                yield (
                    f"{entry(group, index, each.name, 'rotationDays')} is {each.rotation_days}; "
                    "it must stand beside login: rotated, as nothing else has a password; "
                    "remove it, or write login: rotated."
                )


def _expiry(settings: Settings, today: date) -> Iterator[str]:
    longest = settings.longest_access_days
    for group, index, each in _readers(settings):
        days = longest.people if group == "people" else longest.agents
        latest = today + timedelta(days=days)
        where = f"{entry(group, index, each.name, 'expires')} is {each.expires}"
        allowed = f"it must be a day from {today} to {latest}"
        if each.expires < today:
            yield f"{where}, which is past; {allowed}; renew it, or remove the {NOUNS[group]}."
        elif each.expires > latest:
            yield (
                f"{where}, which is too far; {allowed}, by {key('longestAccessDays', group)}; "
                "choose an earlier day, and renew it when it comes."
            )


def _powerful_agents(settings: Settings) -> Iterator[str]:
    powerful = {*settings.deployers, *settings.break_glass}
    for index, agent in enumerate(settings.agents):
        if agent.principal in powerful:
            yield (
                f"{entry('agents', index, agent.name, 'principal')} is {shown(agent.principal)}, "
                "which may deploy or break glass; an agent must have an identity that can do "
                "nothing else; give it a role of its own."
            )
