"""Sixteen appliers at once on one instance, each with a workflow of its own: nobody fails.

Each has sessions of its own, as if sixteen programs ran; what they do is what the drivers do for
the example workflow, under sixteen other names. The connection limit of the login that they share
is lifted for them: sixteen programs are more than the settings' budget plans for.
"""

from __future__ import annotations

import dataclasses
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from psycopg import sql

from local.deploy import state, wire
from local.deploy.drivers import DRIVERS
from local.deploy.drivers.base import Made
from local.deploy.target import Targets, provider_settings
from tests.environment.checkout import master, provisioner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.deploy.state import Resource
    from local.deploy.wire import Properties
    from local.login import Access
    from tests.environment.checkout import Checkout

APPLIERS = 16
EXAMPLE = "billing"


class Applier:
    """Creates and deletes what one workflow has in the database, in sessions of its own."""

    def __init__(self, checkout: Checkout, remembered: dict[str, Resource], number: int) -> None:
        def settings(urn: str) -> Properties:
            return provider_settings(wire.plain(remembered[urn].inputs))

        self._targets = Targets(checkout.folder, settings)
        self._example = [
            one
            for one in remembered.values()
            if one.type.startswith("postgresql:") and EXAMPLE in one.name
        ]
        self._name = f"applier{number}"
        self.made: list[tuple[Resource, Made]] = []

    def create(self, begin: threading.Barrier) -> int:
        """Create all of it, as soon as everybody is ready."""
        begin.wait(60)
        for one in self._example:
            driver, target = DRIVERS[one.type], self._targets.of(one.provider_urn)
            self.made.append((one, driver.create(target, self._inputs(one))))
        return len(self.made)

    def delete(self, begin: threading.Barrier) -> None:
        """Delete all that was created, in the reverse order."""
        begin.wait(60)
        for one, made in reversed(self.made):
            driver, target = DRIVERS[one.type], self._targets.of(one.provider_urn)
            driver.delete(target, made, self._inputs(one))
        self._targets.close()

    def _inputs(self, one: Resource) -> Properties:
        text = json.dumps(wire.plain(one.inputs)).replace(EXAMPLE, self._name)
        inputs: Properties = json.loads(text)
        return inputs


@contextmanager
def unlimited(access: Access) -> Iterator[None]:
    """Let the provisioner have more sessions than the budget of the settings gives it."""
    at = dataclasses.replace(access.instance("application"), default_database="postgres")
    with access.connect(master(), at, autocommit=True) as session:
        row = session.execute("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'provisioner'")
        (limit,) = row.fetchone() or (None,)
        session.execute("ALTER ROLE provisioner CONNECTION LIMIT -1")
        try:
            yield
        finally:
            session.execute(sql.SQL("ALTER ROLE provisioner CONNECTION LIMIT {}").format(limit))


def roles(access: Access) -> int:
    with access.connect(provisioner(), access.instance("application")) as session:
        row = session.execute("SELECT count(*) FROM pg_roles WHERE rolname ~ 'applier'").fetchone()
    return int(row[0]) if row else 0


def test_sixteen_appliers_at_once(environment: Checkout) -> None:
    remembered = state.load(environment.paths.state, "airflow-postgres", "local").resources
    begin = threading.Barrier(APPLIERS)
    with (
        environment.account() as access,
        unlimited(access),
        ThreadPoolExecutor(APPLIERS) as pool,
    ):
        appliers = [Applier(environment, remembered, number) for number in range(APPLIERS)]

        created = list(pool.map(lambda one: one.create(begin), appliers))

        assert min(created) == max(created) > 10
        # Owner, writer, reader and login of each; and of its rotated login a reader and a pair.
        assert roles(access) == (4 + 3) * APPLIERS

        list(pool.map(lambda one: one.delete(begin), appliers))

        assert roles(access) == 0
