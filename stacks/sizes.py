"""How large things are: the two database instances and Airflow's own components.

What the sizes add up to is decided in `stacks.budget`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from stacks.fields import EngineVersion, Model, Port

StorageGib = Annotated[int, Field(ge=20, le=65536)]
"""RDS's range for gp3 storage, in GiB."""


class Instance(Model):
    """One PostgreSQL instance on RDS."""

    instance_class: str = Field(
        description="The RDS instance class, such as db.m7g.large. "
        "Its memory decides how many connections there are.",
        json_schema_extra={"patternErrorMessage": "an RDS instance class such as db.m7g.large"},
    )
    engine_version: EngineVersion = Field(
        description='PostgreSQL version, 16 or later, in quotes. A major such as "16" lets RDS '
        "choose the minor and move it forward in the maintenance window."
    )
    allocated_storage_gib: StorageGib = Field(description="Storage at creation, in GiB.")
    max_allocated_storage_gib: StorageGib = Field(
        description="RDS grows the storage by itself up to this, in GiB; "
        "at least a tenth above allocatedStorageGib."
    )
    multi_az: bool = Field(description="true: a standby in another zone takes over on a failure.")
    backup_retention_days: Annotated[int, Field(ge=0, le=35)] = Field(
        description="Days that automated backups are kept; 0 switches them off."
    )
    protected: bool = Field(
        description="true: cannot be deleted by accident: deletion protection, protected in the "
        "stack, a final snapshot, and 30 days before a key or a secret is gone. "
        "false: may be destroyed without trace."
    )
    port: Port = Field(description="TCP port of the endpoint.")
    backup_window: str = Field(
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$",
        description="When the daily backup may start, in UTC, as hh:mm-hh:mm; at least 30 minutes.",
        json_schema_extra={"patternErrorMessage": "a daily window in UTC such as 02:00-03:00"},
    )
    maintenance_window: str = Field(
        pattern=r"^(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]"
        r"-(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]$",
        description="When RDS may apply changes that interrupt, in UTC, as ddd:hh:mm-ddd:hh:mm; "
        "at least 30 minutes, and not during the backup.",
        json_schema_extra={
            "patternErrorMessage": "a weekly window in UTC such as sun:04:00-sun:05:00"
        },
    )
    monitoring_interval_seconds: Literal[0, 1, 5, 10, 15, 30, 60] = Field(
        description="How often enhanced monitoring measures, in seconds; 0 switches it off."
    )
    performance_insights: bool = Field(
        description="true: RDS records which statements take the time."
    )


class AirflowComponent(Model):
    """The size of one of Airflow's own components, in each environment."""

    replicas: Annotated[int, Field(ge=1, le=100)] = Field(description="Pods.")
    workers: Annotated[int, Field(ge=1, le=64)] = Field(
        description="Processes in each pod that hold a pool of their own."
    )
    pool_size: Annotated[int, Field(ge=1, le=500)] = Field(
        description="Connections to the metadata database that a process keeps open."
    )
    max_overflow: Annotated[int, Field(ge=0, le=500)] = Field(
        description="Connections a process may open beyond its pool for a moment."
    )
