"""What one login of the pair makes is the other's as well: both act as the role that owns it."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

import psycopg
import pytest

from tests.lambdas.rotating_pair import CURRENT, PREVIOUS

if TYPE_CHECKING:
    from lambdas.rotate_postgres.credential import Credential
    from tests.lambdas.rotating_pair import RotatingPair

pytest_plugins = ["tests.lambdas.rotation_fixtures"]

MAKE: LiteralString = """
    CREATE TABLE {0}_rows (n integer PRIMARY KEY, note text);
    INSERT INTO {0}_rows VALUES (1, 'first');
    CREATE VIEW {0}_view AS SELECT n FROM {0}_rows;
    CREATE MATERIALIZED VIEW {0}_kept AS SELECT n FROM {0}_rows;
    CREATE SEQUENCE {0}_numbers;
    CREATE TYPE {0}_kind AS ENUM ('one');
    CREATE FUNCTION {0}_twice(n integer) RETURNS integer LANGUAGE sql AS 'SELECT 2 * n'
"""
USE: LiteralString = """
    INSERT INTO {0}_rows SELECT max(n) + 1, 'more' FROM {0}_rows;
    UPDATE {0}_rows SET note = 'changed';
    SELECT n FROM {0}_view; SELECT n FROM {0}_kept; SELECT nextval('{0}_numbers');
    SELECT {0}_twice(1), 'one'::{0}_kind
"""
ALTER: LiteralString = """
    ALTER TABLE {0}_rows ADD COLUMN {1} integer; CREATE INDEX ON {0}_rows ({1});
    CREATE OR REPLACE VIEW {0}_view AS SELECT n FROM {0}_rows WHERE n > 0;
    REFRESH MATERIALIZED VIEW {0}_kept;
    ALTER SEQUENCE {0}_numbers INCREMENT 2;
    ALTER TYPE {0}_kind ADD VALUE '{1}';
    CREATE OR REPLACE FUNCTION {0}_twice(n integer) RETURNS integer LANGUAGE sql AS 'SELECT n + n'
"""
DROP: LiteralString = """
    DROP FUNCTION {0}_twice; DROP TYPE {0}_kind; DROP SEQUENCE {0}_numbers;
    DROP MATERIALIZED VIEW {0}_kept; DROP VIEW {0}_view; DROP TABLE {0}_rows
"""


def _run(pair: RotatingPair, who: Credential, statements: LiteralString, *names: str) -> None:
    with pair.open(who) as connection:
        for statement in statements.format(*names).split(";"):
            connection.execute(statement.encode())


def test_objects_of_either_are_the_others_before_and_after_rotations(pair: RotatingPair) -> None:
    pair.rotate()
    kept = {login: f"of_{login}" for login in pair.rotation.logins}
    for turn in range(3):
        one, other = pair.credential(CURRENT), pair.credential(PREVIOUS)
        assert {one.username, other.username} == set(kept)
        for maker, user in ((one, other), (other, one)):
            stem = kept[maker.username]
            if turn == 0:
                _run(pair, maker, MAKE, stem)
            _run(pair, user, USE, stem)
            _run(pair, user, ALTER, stem, f"by_the_other_{turn}")
            _run(pair, maker, USE, stem)
            _run(pair, maker, ALTER, stem, f"by_itself_{turn}")
        pair.rotate()
    one, other = pair.credential(CURRENT), pair.credential(PREVIOUS)
    for maker, user in ((one, other), (other, one)):
        _run(pair, user, DROP, kept[maker.username])


def test_login_owns_nothing(pair: RotatingPair) -> None:
    """Also by asking for it: without the role it may make nothing that could be its own."""
    pair.rotate()
    for label in (CURRENT, PREVIOUS):
        credential = pair.credential(label)
        _run(pair, credential, MAKE, f"made_by_{credential.username}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            _run(pair, credential, "SET ROLE NONE; CREATE TABLE dev_billing_v1.own (n integer)")
    first, second = pair.rotation.logins
    owned = pair.server.execute(
        "SELECT count(*) FROM pg_shdepend WHERE deptype = 'o' AND refobjid IN ("
        f"SELECT oid FROM pg_roles WHERE rolname IN ('{first}', '{second}'))"
    )
    assert owned == [(0,)]
    for login in pair.rotation.logins:
        _run(pair, pair.credential(), DROP, f"made_by_{login}")
