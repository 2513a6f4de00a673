"""Compares where secrets were found with where they belong; it tests nothing.

It names secrets and places, and has no value of any.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from tests.environment.searches import Name, Place, Search
from tests.environment.secret_inventory import ROWS
from tests.environment.secret_rows import ALWAYS, WITH_AIRFLOW, Belongs, Secret


def problems(search: Search, secret: Secret, *, airflow: bool) -> list[str]:
    """What is wrong with one row of the inventory, a sentence each.

    Args:
        search: what was found.
        secret: the row.
        airflow: whether Airflow runs in the environment.
    """
    expected = {ALWAYS, WITH_AIRFLOW} if airflow else {ALWAYS}
    names = [name for name in search.found if name.secret == secret.name]
    found = list(_out_of_place(search, secret, names))
    if secret.seen in expected and not names:
        found.append(f"{secret.name}: this run has none, so nothing was searched for")
    for name in names:
        for belongs in secret.places:
            if belongs.seen in expected and not _there(search.found[name], belongs, name):
                where = belongs.where.format(holder=name.holder)
                found.append(f"{name} is not in {belongs.kind} {where}: the search is blind there")
    return found


def strangers(search: Search, besides: frozenset[Name] = frozenset()) -> list[str]:
    """What looks like a secret and is in no row of the inventory, nor in `besides`."""
    return [
        f"{place} has {name}: it belongs to no secret of the inventory"
        for name, places in sorted(search.found.items())
        if name.secret not in ROWS and name not in besides
        for place in sorted(places)
    ]


def _out_of_place(search: Search, secret: Secret, names: list[Name]) -> Iterator[str]:
    for name in names:
        for place in sorted(search.found[name]):
            if not any(_is(place, belongs, name) for belongs in secret.places):
                yield f"{name} is in {place}, where it does not belong"


def _there(places: set[Place], belongs: Belongs, name: Name) -> bool:
    return any(_is(place, belongs, name) for place in places)


def _is(place: Place, belongs: Belongs, name: Name) -> bool:
    where = belongs.where.format(holder=name.holder)
    return place.kind == belongs.kind and fnmatchcase(place.where, where)
