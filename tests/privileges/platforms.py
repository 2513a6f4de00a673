"""Two checkouts that are up with everything a settings file can say of logins and schemas.

Each instance is one PostgreSQL version in one of them and the other in the other.
"""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from tests.environment.checkout import copied, declared

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.environment.checkout import Checkout, Declarations

VERSIONS: Mapping[str, tuple[str, str]] = {
    "metadata 16, application 18": ("16", "18"),
    "metadata 18, application 16": ("18", "16"),
}
"""Name of a platform -> the versions of its metadata and its application instance."""


@contextlib.contextmanager
def platforms() -> Iterator[Mapping[str, Checkout]]:
    """Bring both up at the same time; in the end they are taken down."""
    with copied() as one, copied() as other, ThreadPoolExecutor() as pool:
        both = dict(zip(VERSIONS, (one, other), strict=True))
        for name, checkout in both.items():
            checkout.declare(partial(_everything, versions=VERSIONS[name]))
        list(pool.map(lambda checkout: checkout.up(), both.values()))
        yield both
        list(pool.map(lambda checkout: checkout.run("down"), both.values()))


def _everything(settings: Declarations, versions: tuple[str, str]) -> None:
    """Two environments with five kinds of workflow, two people and an agent."""
    metadata, application = versions
    settings["environments"] = ["dev", "qa"]
    settings["metadata"].update(engineVersion=metadata, instanceClass="db.t4g.medium")
    settings["application"].update(engineVersion=application, instanceClass="db.t4g.medium")
    declared(settings, "billing").update(
        reads=["reference", "marketing"], schemaVersion=2, schemaVersions=[1, 2]
    )
    declared(settings, "reference").update(drop=True)
    declared(settings, "marketing").update(login="rotated")
    settings["workflows"].append(
        {
            "name": "forecast",
            "writes": False,
            "reads": ["billing"],
            "connectionLimit": 3,
            "schemaVersion": 1,
        }
    )
