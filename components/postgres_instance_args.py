"""What a `PostgresInstance` is made of, and which of it is refused at once.

Checked here is what RDS or this project would refuse in every environment, as far as it is plain
values; what an environment has to look like is decided by the settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pulumi import Input

from components.parameters import MIN_MAX_CONNECTIONS

MIN_MAJOR_VERSION = 16
"""In 15 a role that may create roles can reset anyone's password."""
DEFAULT_PORT = 5432
"""PostgreSQL's own, which RDS.23 tells not to use."""
STORAGE_HEADROOM = 1.1
"""RDS wants the limit of storage autoscaling at least a tenth above what is allocated."""


@dataclass(frozen=True, kw_only=True)
class PostgresInstanceArgs:
    """What an instance is made of.

    Raises:
        ValueError: a value that RDS, or this project, does not accept.
    """

    prefix: str
    """First words of all physical names, before the component's own name."""
    region: str
    account: str
    vpc_id: Input[str]
    subnet_ids: tuple[str, ...]
    """Private subnets in at least two zones."""
    clients: Mapping[str, Input[str]]
    """Security groups that may connect, by a word for each."""
    engine_version: str
    """A major such as "16", or a minor such as "16.10"."""
    instance_class: str
    memory_gib: float
    """Memory of the class, for the alarm."""
    max_connections: int
    allocated_storage_gib: int
    max_allocated_storage_gib: int
    port: int
    multi_az: bool
    protected: bool
    """Deletion protection, Pulumi's protect, a final snapshot and long waits: all or none."""
    backup_retention_days: int
    backup_window: str
    maintenance_window: str
    monitoring_interval_seconds: int
    """0: no enhanced monitoring, and no role for it."""
    performance_insights: bool
    log_retention_days: int
    alarm_topic_arn: str

    def __post_init__(self) -> None:
        if len(self.subnet_ids) < 2:
            raise ValueError(
                f"subnet_ids is {list(self.subnet_ids)}; RDS needs subnets in two zones; add one"
            )
        if self.major_version < MIN_MAJOR_VERSION:
            raise ValueError(
                f"engine_version is {self.engine_version!r}; {MIN_MAJOR_VERSION} or later is "
                "allowed, as before it a role that may create roles can reset any password"
            )
        if self.port == DEFAULT_PORT:
            raise ValueError(
                f"port is {DEFAULT_PORT}, which every scanner tries first; choose another"
            )
        if self.max_connections < MIN_MAX_CONNECTIONS:
            raise ValueError(
                f"max_connections is {self.max_connections}; at least {MIN_MAX_CONNECTIONS} are "
                "needed; choose a larger instance class"
            )
        if self.max_allocated_storage_gib < self.allocated_storage_gib * STORAGE_HEADROOM:
            raise ValueError(
                f"max_allocated_storage_gib is {self.max_allocated_storage_gib}; RDS wants "
                f"a tenth more than allocated_storage_gib, {self.allocated_storage_gib}; raise it"
            )

    @property
    def major_version(self) -> int:
        """The major version of PostgreSQL, which names the parameter group's family."""
        return int(self.engine_version.partition(".")[0])
