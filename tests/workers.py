"""Who runs what when pytest has several workers (`-n 2`): a folder is run by one of them, in order.

The tests of a folder share what takes long to start: environments, servers, recordings. What takes
longest begins first, so that the workers end at about the same time. Nothing here starts workers.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

AIRFLOW = "environment with its Airflow"
LONGEST_FIRST = (
    AIRFLOW,
    "environment",
    "local",
    "lambdas",
    "airflow",
    "privileges",
    "faults",
    "engine",
    "unit",
)


def part_of(nodeid: str) -> str:
    """The part of the suite to which a test belongs: its folder, or a half of `environment`."""
    path = PurePath(nodeid.partition("::")[0])
    folder = path.parts[1]
    return AIRFLOW if folder == "environment" and path.name.startswith("test_airflow_") else folder


class ByPart(LoadScopeScheduling):
    """Gives a worker that has nothing to do the longest part that nobody has begun."""

    def _split_scope(self, nodeid: str) -> str:
        return part_of(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        first = min(self.workqueue, key=_place)
        self.workqueue.move_to_end(first, last=False)
        super()._assign_work_unit(node)


def _place(part: str) -> int:
    return LONGEST_FIRST.index(part) if part in LONGEST_FIRST else len(LONGEST_FIRST)
