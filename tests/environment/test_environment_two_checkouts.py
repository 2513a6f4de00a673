"""Two checkouts are up at once and know nothing of each other; one ends and the other goes on."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.environment.checkout import copied
from tests.environment.traces import answers

if TYPE_CHECKING:
    from tests.environment.checkout import Checkout


def answer(checkout: Checkout, statement: str) -> object:
    """Execute a statement as billing."""
    with (
        checkout.account() as access,
        access.connect(access.login("billing"), access.instance("application")) as session,
    ):
        cursor = session.execute(psycopg.sql.SQL(statement))
        return (cursor.fetchone() or [None])[0] if cursor.description else None


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux has more than one loopback address"
)
def test_two_checkouts_at_once(environment: Checkout) -> None:
    answer(environment, "CREATE TABLE only_here (id int)")
    with copied() as second:
        before = second.files()
        second.up()
        mine, others = environment.traces(), second.traces()

        assert not {place[0] for place in mine.sockets} & {place[0] for place in others.sockets}
        assert not set(mine.files) & set(others.files)
        question = "SELECT to_regclass('only_here') IS NULL"
        assert (answer(environment, question), answer(second, question)) == (False, True)
        with environment.account() as access:
            login, instance = access.login("billing"), access.instance("application")
            token = access.token(login, instance)
        with second.account() as access:
            given = second.libpq(access.instance("application"), login.user, token)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(**given)

        down = second.run("down")

        assert (down.status, others.left()) == (0, []), down.text
        assert second.files() == before
        assert list(second.scratch.iterdir()) == []
        assert all(map(answers, mine.sockets))
    assert answer(environment, "DROP TABLE only_here") is None
