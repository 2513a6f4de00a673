"""A rotation that nothing disturbs: what it changes, what clients find, what it leaves alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.lambdas.rotating_pair import RotatingPair

pytest_plugins = ["tests.lambdas.rotation_fixtures"]


def test_logins_take_turns(pair: RotatingPair) -> None:
    first, second = pair.rotation.logins
    names, passwords = [pair.credential().username], {pair.credential().password}
    for _ in range(3):
        before = pair.credential()
        token = pair.rotate()
        assert pair.labels["AWSCURRENT"] == pair.labels["AWSPENDING"] == token
        pair.assert_works()
        pair.assert_works(before)
        names.append(pair.credential().username)
        passwords.add(pair.credential().password)
    assert names == [first, second, first, second]
    assert len(passwords) == 4
