"""Trying every cell of the matrix on the servers, and what was seen."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import psycopg
from psycopg import errors, sql

from tests.privileges.statements import Statement, statement_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tests.privileges.keys import Keys, Session
    from tests.privileges.matrix import Actor, Cell

_BEGIN = "BEGIN; SAVEPOINT cell"
ALLOWED, DENIED = "allowed", "denied"
_REFUSED = re.compile(
    r'FATAL:  (permission denied for database "\w+"\nDETAIL:  User does not have CONNECT privilege'
    r"|pg_hba\.conf rejects connection for )"
)
"""What a server says to a login that is known to it and may not enter the database."""
_UNKNOWN = re.compile(r'FATAL:  (PAM|password) authentication failed for user "\w+"$')
"""What a server says to a token that does not open a login, and to one for a login it has not."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What came of one cell."""

    cell: Cell
    outcome: str
    """Allowed, denied, or the error that says neither."""

    @property
    def expected(self) -> str:
        """What should have come of it."""
        return ALLOWED if self.cell.allowed else DENIED

    def __str__(self) -> str:
        return f"{self.cell.place} | expected {self.expected} | seen {self.outcome}"


def try_all(keys: Keys, cells: Sequence[Cell]) -> list[Seen]:
    """Try every cell, each login in one session for each database."""
    with Peers(keys, cells) as peers:
        return [
            Seen(cell=cell, outcome=outcome)
            for (actor, database), some in groupby(cells, lambda one: (one.actor, one.database))
            for cell, outcome in _try_in(keys, actor, database, list(some), peers)
        ]


def try_logins(keys: Keys, cells: Sequence[Cell]) -> list[Seen]:
    """Try every login with every IAM role's token."""
    return [Seen(cell=cell, outcome=_login(keys, cell)) for cell in cells]


def _login(keys: Keys, cell: Cell) -> str:
    try:
        keys.try_login(cell.actor, cell.kind, cell.target, cell.database).close()
    except psycopg.OperationalError as error:
        return DENIED if _UNKNOWN.search(str(error)) else str(error)
    return ALLOWED


def _try_in(
    keys: Keys, actor: Actor, database: str, cells: list[Cell], peers: Peers
) -> Iterator[tuple[Cell, str]]:
    """Try the cells of one login in one database, all in one session."""
    try:
        session = keys.connect(actor, database)
    except psycopg.OperationalError as error:
        seen = DENIED if _REFUSED.search(str(error)) else str(error)
        yield from ((cell, seen) for cell in cells)
        return
    with contextlib.closing(session):
        if actor.standing == "A":
            session.execute("SET ROLE NONE")
        session.execute(_BEGIN)
        for cell in cells:
            if cell.verb == "CONNECT":
                yield cell, ALLOWED
            else:
                names = {**_names(cell), **peers.names(actor)}
                yield cell, _seen(session, statement_of(cell).filled(names))


def _names(cell: Cell) -> Mapping[str, str]:
    own = [schema for schema, standing in cell.actor.schemas.items() if standing in "WO"]
    return {
        "schema": cell.target,
        "role": cell.target,
        "maker": cell.kind.rpartition(" ")[2],
        # A table that refers to another one is made where the login can make tables.
        "home": own[0] if own else cell.target,
        "database": cell.database,
        "login": cell.actor.user,
    }


def _seen(session: Session, statement: Statement) -> str:
    """Try a statement and take back what it did."""
    if statement.alone:
        session.execute("ROLLBACK")
    try:
        seen = _outcome(session, statement)
        if seen == ALLOWED and statement.undo:
            session.execute(sql.SQL(statement.undo))
    finally:
        if statement.alone:
            session.execute(_BEGIN)
    return seen


def _outcome(session: Session, statement: Statement) -> str:
    # Together with the statement before it, as the way to the server takes longer than most do.
    back = "" if statement.alone else "ROLLBACK TO cell; "
    try:
        if statement.acl:
            before = _value(session, back + statement.acl)
            return (
                DENIED
                if _value(session, statement.sql + "; " + statement.acl) == before
                else ALLOWED
            )
        answer = _value(session, back + statement.sql)
    except errors.InsufficientPrivilege:
        return DENIED
    except psycopg.DatabaseError as error:
        if error.sqlstate and error.sqlstate in (statement.beyond, statement.quirk):
            return ALLOWED if error.sqlstate == statement.beyond else DENIED
        return f"{error.sqlstate} {error.diag.message_primary}"
    return DENIED if statement.answers and answer is not True else ALLOWED


def _value(session: Session, statements: str) -> object:
    """Execute statements and return the first value of the last one, if it has one."""
    cursor = session.execute(sql.SQL(statements))
    while cursor.nextset():
        pass
    row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None


class Peers:
    """Idle sessions of two logins of the instance, for others to spy on and to end."""

    def __init__(self, keys: Keys, cells: Iterable[Cell]) -> None:
        self._keys = keys
        logins = {cell.actor.user: cell.actor for cell in cells if cell.actor.standing in "RC"}
        self._actors = [*logins.values()][:1] + [*logins.values()][-1:]
        self._sessions: dict[str, Session] = {}

    def __enter__(self) -> Peers:
        return self

    def __exit__(self, *_: object) -> None:
        for session in self._sessions.values():
            session.close()

    def names(self, actor: Actor) -> Mapping[str, object]:
        """The login and process of a session that is not the actor's."""
        other = next(one for one in self._actors if one.user != actor.user)
        session = self._sessions.get(other.user)
        if session is None or session.closed:
            session = self._sessions[other.user] = self._keys.connect(other)
            session.execute("SELECT 'a query of somebody else'")
        return {"peer": other.user, "peer_pid": session.info.backend_pid}
