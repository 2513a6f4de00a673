"""Deletes many resources: whatever needs another one goes before it, the rest at the same time."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.deploy.state import Resource


def needed(resources: Mapping[str, Resource], urn: str) -> set[str]:
    """Return the URNs among `resources` that `urn` needs, directly or not."""
    found: set[str] = set()
    new = resources[urn].needs & resources.keys()
    while new:
        found |= new
        new = set[str]().union(*(resources[one].needs for one in new)) & resources.keys() - found
    return found


def remove(
    resources: Mapping[str, Resource], delete: Callable[[Resource], bool], parallel: int
) -> list[Resource]:
    """Call `delete` for each resource once everything that needs it is deleted.

    Args:
        resources: What to delete, by URN.
        delete: Returns whether it is gone; must not raise.
        parallel: How many at the same time.

    Returns:
        Those that were not tried, because something that needs them is still there.
    """
    needed_by = dict.fromkeys(resources, 0)
    for resource in resources.values():
        for urn in resource.needs & resources.keys():
            needed_by[urn] += 1
    untried = dict(resources)
    running: dict[Future[bool], Resource] = {}
    with ThreadPoolExecutor(parallel) as executor:
        while True:
            for urn in [urn for urn in untried if not needed_by[urn]]:
                resource = untried.pop(urn)
                running[executor.submit(delete, resource)] = resource
            if not running:
                return list(untried.values())
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                resource = running.pop(future)
                if future.result():
                    for urn in resource.needs & resources.keys():
                        needed_by[urn] -= 1
