"""One instance, and what is built on it, for the tests of components."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import pytest

from components.postgres_instance import PostgresInstance, PostgresInstanceArgs
from components.provisioner import ProvisionerArgs
from local.deploy.registration import Registration

Names: TypeAlias = Callable[[Iterable[Registration]], set[tuple[str, str]]]

SUBNETS = ("subnet-a", "subnet-b")
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"


@pytest.fixture
def names() -> Names:
    """Type and logical name of each registration, none of which may be there twice."""

    def of(registrations: Iterable[Registration]) -> set[tuple[str, str]]:
        found = [(one.type, one.name) for one in registrations]
        assert len(set(found)) == len(found)
        return set(found)

    return of


@pytest.fixture
def instance_args() -> PostgresInstanceArgs:
    """An instance with everything switched on."""
    return PostgresInstanceArgs(
        prefix="airflow-prod",
        region="eu-west-1",
        account="123456789012",
        vpc_id="vpc-1",
        subnet_ids=SUBNETS,
        clients={"cluster": "sg-cluster"},
        engine_version="16",
        instance_class="db.m7g.large",
        memory_gib=8,
        max_connections=700,
        allocated_storage_gib=100,
        max_allocated_storage_gib=400,
        port=5433,
        multi_az=True,
        protected=True,
        backup_retention_days=35,
        backup_window="01:00-02:00",
        maintenance_window="sun:02:30-sun:03:30",
        monitoring_interval_seconds=15,
        performance_insights=True,
        log_retention_days=400,
        alarm_topic_arn=TOPIC,
    )


@pytest.fixture
def provisioner_args() -> Callable[[PostgresInstance], ProvisionerArgs]:
    """Make the arguments of a provisioner of an instance."""

    def of(instance: PostgresInstance) -> ProvisionerArgs:
        return ProvisionerArgs(
            instance=instance,
            region="eu-west-1",
            account="123456789012",
            vpc_id="vpc-1",
            subnet_ids=SUBNETS,
            databases=("application",),
            deployers=("arn:aws:iam::123456789012:role/deployer",),
            break_glass=("arn:aws:iam::123456789012:role/break-glass",),
            package="build/prod/bootstrap_postgres.zip",
            ca_bundle="certificates/eu-west-1-bundle.pem",
            connection_limit=9,
            connections_per_database=3,
            log_retention_days=400,
        )

    return of
