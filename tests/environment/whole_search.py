"""Searches a running environment for each of its secrets, in all that there is; no test."""

from __future__ import annotations

from tests.environment.checkout import APPLICATION, METADATA, Checkout
from tests.environment.running_airflow import RunningAirflow
from tests.environment.searches import OUTPUT, Search
from tests.environment.secret_owners import SESSION_KEY, Owners
from tests.environment.secret_places import Places
from tests.environment.secret_values import Holders, Values


class WholeSearch:
    """One search, from the moment at which the secrets are known.

    This process's AWS SDK has to be the administrator of the environment's account.

    Args:
        checkout: the environment's.
        airflow: its Airflow, if it has one.
        more: what else to look for, and former values of secrets.
    """

    def __init__(
        self, checkout: Checkout, airflow: RunningAirflow | None = None, more: Values | None = None
    ) -> None:
        self._checkout = checkout
        self._holders = Holders(checkout, airflow)
        values = self._values = self._holders.values()
        for name, forms in (more or {}).items():
            values[name] = values.get(name, frozenset()) | forms
        self._owners = Owners(self._holders, values)
        self._places = Places(checkout)
        self.search = Search(values, self._owners.name_of)

    def secret_of(self, name: str) -> bytes:
        """A form of a secret, for a test that plants it somewhere."""
        return next(min(forms) for one, forms in self._values.items() if one.secret == name)

    def moment(self) -> None:
        """Look at what may be gone in a moment: processes, and the files of pods."""
        checkout = self._checkout
        for process in checkout.processes():
            self.search.process(process)
        self.search.files(self._places.label, *self._places.short_lived())

    def finish(self) -> Search:
        """Look at everything that stays, and at what was seen of all commands so far."""
        checkout, search = self._checkout, self.search
        self.moment()
        for seen in checkout.seen:
            search.look(*seen)
        for run in checkout.runs:
            search.look(OUTPUT, " ".join(run.arguments), run.text.encode())
        search.files(self._places.label, *self._places.folders())
        for instance in (APPLICATION, METADATA):
            for database in self._holders.databases(instance):
                with self._holders.superuser(instance, database) as session:
                    search.tables(instance, session)
        search.answers()
        search.objects()
        search.settle(SESSION_KEY, self._owners.session_keys())
        return search
