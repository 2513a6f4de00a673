"""How much CPU, memory and disk the containers may have.

Memory was measured on Airflow 3.3.2 as PSS, at rest: 267 MB for an API server of one process,
316 MB for a scheduler with its four, 164 MB for a DAG processor, 322 MB for a triggerer, 140 to
155 MB for the two processes of a task that does nothing. Requests are above that, limits twice the
requests. CPU is for start-up, most of which is importing: with less, probes fail.
"""

from __future__ import annotations

from dataclasses import dataclass

from components.airflow.names import API_SERVER, DAG_PROCESSOR, SCHEDULER, TRIGGERER


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a container is given for sure, and what it may take."""

    cpu_millis: int
    cpu_limit_millis: int
    memory_mib: int
    memory_limit_mib: int
    disk_mib: int
    """Its log, and the pod's volumes that are neither in memory nor read-only."""
    disk_limit_mib: int
    """The kubelet evicts a pod that takes more."""

    @property
    def requests(self) -> dict[str, str]:
        """As a manifest has them."""
        return _quantities(self.cpu_millis, self.memory_mib, self.disk_mib)

    @property
    def limits(self) -> dict[str, str]:
        """As a manifest has them."""
        return _quantities(self.cpu_limit_millis, self.memory_limit_mib, self.disk_limit_mib)


FETCHING_KEYS = Resources(
    cpu_millis=50,
    cpu_limit_millis=500,
    memory_mib=64,
    memory_limit_mib=256,
    disk_mib=16,
    disk_limit_mib=64,
)
MIGRATION = Resources(
    cpu_millis=250,
    cpu_limit_millis=1000,
    memory_mib=512,
    memory_limit_mib=1024,
    disk_mib=64,
    disk_limit_mib=512,
)
TASK = Resources(
    cpu_millis=250,
    cpu_limit_millis=1000,
    memory_mib=384,
    memory_limit_mib=1024,
    # A checkout of the DAGs, the task's log, and what it puts into its temporary folder.
    disk_mib=256,
    disk_limit_mib=4096,
)
"""Unless its author asks for more."""


def component_resources(component: str, workers: int) -> Resources:
    """What one pod of an Airflow component is given, with `workers` processes in it."""
    if component == API_SERVER:
        return Resources(
            cpu_millis=250 * workers,
            cpu_limit_millis=1000 * workers,
            memory_mib=128 + 384 * workers,
            memory_limit_mib=256 + 768 * workers,
            disk_mib=64,
            disk_limit_mib=512,
        )
    return {
        SCHEDULER: Resources(
            cpu_millis=500,
            cpu_limit_millis=1000,
            memory_mib=512,
            memory_limit_mib=1024,
            disk_mib=64,
            disk_limit_mib=512,
        ),
        # Two files are parsed at once, each in a process of its own; the checkout is on disk.
        DAG_PROCESSOR: Resources(
            cpu_millis=500,
            cpu_limit_millis=2000,
            memory_mib=512,
            memory_limit_mib=1024,
            disk_mib=256,
            disk_limit_mib=2048,
        ),
        TRIGGERER: Resources(
            cpu_millis=250,
            cpu_limit_millis=1000,
            memory_mib=512,
            memory_limit_mib=1024,
            disk_mib=64,
            disk_limit_mib=512,
        ),
    }[component]


def _quantities(cpu_millis: int, memory_mib: int, disk_mib: int) -> dict[str, str]:
    return {
        "cpu": f"{cpu_millis}m",
        "memory": f"{memory_mib}Mi",
        "ephemeral-storage": f"{disk_mib}Mi",
    }
