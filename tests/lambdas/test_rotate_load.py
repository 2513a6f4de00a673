"""Rotations under clients that read the secret when they connect: nobody who is up to date notices.

A client is up to date as long as no more than one rotation has begun since its version was the
newest one. After that the password of its login is the one that changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.lambdas.rotation_load import Load, rotate_under

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lambdas.rotating_server import RotatingServer

pytest_plugins = ["tests.lambdas.rotation_fixtures"]

LIMIT = 60
"""Of connections, of each of the two logins."""


def _hold(server: RotatingServer, rotations: int, clients: int) -> Load:
    pair = server.pair(connection_limit=LIMIT)
    pair.take("first")
    load = Load(pair)

    seen = rotate_under(load, rotations, clients)

    print(seen)
    assert (load.failed, load.broken) == ([], []), seen
    assert load.logins.total() > rotations
    assert load.stale > 0
    assert len(load.versions) == rotations + 1
    assert pair.labels["AWSCURRENT"] == load.versions[-1]
    pair.assert_works()
    return load


def test_no_client_that_is_up_to_date_is_refused(server: RotatingServer) -> None:
    _hold(server, rotations=20, clients=12)


@pytest.mark.faults
@pytest.mark.parametrize(("major", "rotations"), [(18, 1000), (16, 100)])
def test_fifty_clients_notice_none_of_many_rotations(
    rotating_servers: Callable[[int], RotatingServer], major: int, rotations: int
) -> None:
    _hold(rotating_servers(major), rotations, clients=50)


def test_client_that_is_two_behind_is_seen(server: RotatingServer) -> None:
    """What the count of failed logins rests on: such a client is refused, and not one."""
    pair = server.pair(connection_limit=LIMIT)
    pair.take("first")
    load = Load(pair)
    version, credential = load._read()
    for refused in (0, 0, 1):
        connection = load._log_in(version, credential)
        assert (len(load.failed), len(load.late)) == (0, refused)
        if connection:
            connection.close()
        load.rotate()
    assert load.logins == {0: 1, 1: 1}
    assert load.stale == 1
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        pair.open(credential)
