"""The connection budget: who may hold how many connections, and whether the instance has them.

Pure arithmetic on the settings. The number of connections an instance accepts is pinned in its
parameter group to what is computed here, so the budget holds exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.rotated_login import ROTATOR_CONNECTIONS
from stacks.errors import SettingsError
from stacks.instance_classes import MEMORY_GIB, family
from stacks.sentences import key, shown

if TYPE_CHECKING:
    from stacks.declarations import Agent, Person, Workflow
    from stacks.settings import Settings
    from stacks.sizes import AirflowComponent

_MIB = 1024**2

ROLLOUT_PODS = 1
"""A rolling update with `maxSurge: 1` runs one pod more than `replicas` for a while."""
ASYNC_CONNECTIONS = 2
"""The pool of the API server's second, asynchronous engine, in each worker. It serves few routes;
what creates that engine has to size it so, as Airflow leaves it at SQLAlchemy's 15."""
MIGRATION_CONNECTIONS = 4
"""`airflow db migrate` of a database that has tables already: the session that holds the lock, the
one that migrates, two to check. A first migration needs three."""
BREAK_GLASS_CONNECTIONS = 2
"""One to look and one to act. The bootstrap function, once, is the master too and needs one."""
PROXY_CONNECTIONS = 5
"""RDS Proxy's own, by which it watches the instance. AWS gives no number; this is an estimate."""
RESERVED_CONNECTIONS = 2 + 3
"""`rds.rds_superuser_reserved_connections` and `superuser_reserved_connections`, RDS's defaults."""
HEADROOM_CONNECTIONS = 10
"""For sessions whose client died unnoticed, and for whoever measures: nobody is promised these."""


def max_connections(instance_class: str) -> int:
    """The `max_connections` of an instance class: RDS's default, on the safe side.

    RDS computes LEAST({DBInstanceClassMemory/9531392}, 5000). DBInstanceClassMemory is the nominal
    memory less what the operating system and RDS's own processes use; AWS does not publish how much
    ("DB parameter formula variables" in the RDS user guide). Here 256 MiB and an eighth are taken
    off: a db.t4g.small, whose nominal 2 GiB would be 225 connections, has been seen with 181, and
    gets 168.

    Raises:
        KeyError: the class is not in `stacks.instance_classes`.
    """
    nominal = MEMORY_GIB[instance_class] * 1024 * _MIB
    memory = nominal - nominal // 8 - 256 * _MIB
    return min(memory // 9_531_392, 5000)


@dataclass(frozen=True, kw_only=True)
class Line:
    """What one consumer may hold, and how that was computed."""

    consumer: str
    arithmetic: str
    connections: int


@dataclass(frozen=True, kw_only=True)
class InstanceBudget:
    """The budget of one database instance."""

    instance: str
    instance_class: str
    max_connections: int
    lines: tuple[Line, ...]
    provisioner_connections: int
    """What the provisioner's login may hold: its connection limit."""

    @property
    def total(self) -> int:
        """All that consumers may hold together."""
        return sum(line.connections for line in self.lines)

    @property
    def left(self) -> int:
        """Connections that nobody may hold; negative when the budget is exceeded."""
        return self.max_connections - self.total

    def table(self) -> str:
        """The sum, line by line, for people."""
        rows = [
            *((line.consumer, line.arithmetic, line.connections) for line in self.lines),
            ("total", "", self.total),
            ("left", f"of {self.max_connections}, max_connections here", self.left),
        ]
        first = max(len(row[0]) for row in rows)
        second = max(len(row[1]) for row in rows)
        head = f"{self.instance}: {self.instance_class}"
        return "\n".join(
            [head, *(f"  {name:{first}}  {how:{second}}  {n:>5}" for name, how, n in rows)]
        )

    def as_dict(self) -> dict[str, object]:
        """The same, for machines."""
        return {
            "instance": self.instance,
            "instanceClass": self.instance_class,
            "maxConnections": self.max_connections,
            "total": self.total,
            "left": self.left,
            "lines": [
                {
                    "consumer": line.consumer,
                    "arithmetic": line.arithmetic,
                    "connections": line.connections,
                }
                for line in self.lines
            ],
        }


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The budgets of both instances; neither is exceeded."""

    metadata: InstanceBudget
    application: InstanceBudget
    provider_connections: int
    """What the provisioner's provider may open to one database: its `max_connections`."""

    def table(self) -> str:
        """Both sums, for people."""
        return f"{self.metadata.table()}\n\n{self.application.table()}"

    def as_dict(self) -> dict[str, object]:
        """Both sums, for machines."""
        return {
            "metadata": self.metadata.as_dict(),
            "application": self.application.as_dict(),
        }


def connection_budget(settings: Settings) -> Budget:
    """Add up who may hold connections to which instance.

    Raises:
        SettingsError: more than an instance has; its text shows the sum and what to do.
    """
    budget = Budget(
        metadata=_metadata(settings),
        application=_application(settings),
        provider_connections=_provider_connections(settings),
    )
    problems = [_exceeded(each) for each in (budget.metadata, budget.application) if each.left < 0]
    if problems:
        raise SettingsError(*problems)
    return budget


def airflow_connections(component: AirflowComponent, *, api_server: bool) -> int:
    """What one of Airflow's components may hold in one environment: the limit of its login."""
    pods = component.replicas + ROLLOUT_PODS
    process = component.pool_size + component.max_overflow
    if api_server:
        process += ASYNC_CONNECTIONS
    return pods * component.workers * process


def _metadata(settings: Settings) -> InstanceBudget:
    environments = len(settings.environments)
    lines = [
        *_airflow(settings),
        Line(
            consumer="migration job",
            arithmetic=f"{_many(environments, 'environment')} x {MIGRATION_CONNECTIONS}",
            connections=environments * MIGRATION_CONNECTIONS,
        ),
    ]
    return _instance(settings, "metadata", lines, databases=environments)


def _airflow(settings: Settings) -> Iterator[Line]:
    environments = len(settings.environments)
    for name, component in (
        ("API server", settings.airflow.api_server),
        ("scheduler", settings.airflow.scheduler),
        ("DAG processor", settings.airflow.dag_processor),
        ("triggerer", settings.airflow.triggerer),
    ):
        api_server = name == "API server"
        pool = f"{component.pool_size} pool + {component.max_overflow} overflow"
        pod = f"{component.workers} x ({pool}{f' + {ASYNC_CONNECTIONS} async' * api_server})"
        yield Line(
            consumer=name,
            arithmetic=f"{_many(environments, 'environment')} x "
            f"({component.replicas} + {ROLLOUT_PODS} in a rollout) x {pod}",
            connections=environments * airflow_connections(component, api_server=api_server),
        )


def _application(settings: Settings) -> InstanceBudget:
    environments = len(settings.environments)
    holders: list[tuple[str, Workflow | Person | Agent]] = [
        *(("workflow", each) for each in settings.workflows),
        *(("person", each) for each in settings.people),
        *(("agent", each) for each in settings.agents),
    ]
    lines = [_holder(environments, kind, each) for kind, each in holders]
    if settings.connection_proxy:
        lines.append(_fixed("RDS Proxy", "its own, estimated", PROXY_CONNECTIONS))
    return _instance(settings, "application", lines, databases=1)


def _holder(environments: int, kind: str, each: Workflow | Person | Agent) -> Line:
    connections, how = each.connection_limit, str(each.connection_limit)
    if each.interval_days is not None:
        connections = 2 * each.connection_limit + ROTATOR_CONNECTIONS
        how = f"(2 logins x {each.connection_limit} + {ROTATOR_CONNECTIONS} to rotate)"
    return Line(
        consumer=f"{kind} {each.name}",
        arithmetic=f"{_many(environments, 'environment')} x {how}",
        connections=environments * connections,
    )


def _instance(
    settings: Settings, instance: str, lines: list[Line], *, databases: int
) -> InstanceBudget:
    """The lines that both instances have, added to an instance's own."""
    instance_class = getattr(settings, instance).instance_class
    # A provider keeps a pool for each database it works in: the one for `postgres` works in that
    # and, to create and guard them, in all others; each of those has a provider of its own as well.
    pools = 1 + 2 * databases
    pool = _provider_connections(settings)
    provisioner = Line(
        consumer="provisioner",
        arithmetic=f"(1 + 2 x {_many(databases, 'database')}) pools x {pool}",
        connections=pools * pool,
    )
    return InstanceBudget(
        instance=instance,
        instance_class=instance_class,
        max_connections=max_connections(instance_class),
        lines=(
            *lines,
            provisioner,
            _fixed("break glass", "the master user", BREAK_GLASS_CONNECTIONS),
            _fixed("reserved by RDS", "2 for rds_superuser + 3 for rdsadmin", RESERVED_CONNECTIONS),
            _fixed("headroom", "promised to nobody", HEADROOM_CONNECTIONS),
        ),
        provisioner_connections=provisioner.connections,
    )


def _provider_connections(settings: Settings) -> int:
    """What the provisioner's provider may open to one database at once.

    While it creates a database it holds one connection and needs another, and it creates all
    databases of an instance at once: with no more connections than databases it would wait for
    itself forever. One more lets the rest of the work go on meanwhile.
    """
    return len(settings.environments) + 2


def _fixed(consumer: str, arithmetic: str, connections: int) -> Line:
    return Line(consumer=consumer, arithmetic=arithmetic, connections=connections)


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _exceeded(budget: InstanceBudget) -> str:
    large_enough = [
        name for name in family(budget.instance_class) if max_connections(name) >= budget.total
    ]
    remedy = (
        f"choose {large_enough[0]}, which has {max_connections(large_enough[0])}"
        if large_enough
        else "choose a family with larger classes"
    )
    return (
        f"{key(budget.instance, 'instanceClass')} is {shown(budget.instance_class)}, which has "
        f"{budget.max_connections} connections; {budget.total} are promised, as shown below; "
        f"{remedy}, or lower a limit.\n{budget.table()}"
    )
