"""What `make up` proves before it says that it is done: real logins, real statements.

Each login of the settings gets in with its own identity's token and tries what it was promised and
what it must not do. Nothing is asked of the catalogs: the answer of the server counts. It is a
sample, one foreign schema a login; the tests hold every combination.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import errors, sql

from components import naming
from local.login import Access, Instance, Login
from stacks.settings import Agent, Person, Settings, Workflow

MARKER = sql.Identifier("proof_of_access")
"""A table that exists only while the proof runs."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One thing that one login tried."""

    login: str
    action: str
    target: str
    promised: bool
    allowed: bool
    answer: str

    @property
    def kept(self) -> bool:
        """Whether what happened is what the settings promise."""
        return self.promised == self.allowed


class Proof:
    """Tries the promises of the settings on the local databases."""

    def __init__(self, access: Access, settings: Settings) -> None:
        self._access = access
        self._settings = settings
        self._application = access.instance("application")
        self._metadata = access.instance("metadata")

    def run(self, progress: Callable[[Attempt], None]) -> list[Attempt]:
        """Try everything; `progress` is told each attempt as it is made."""
        attempts: list[Attempt] = []
        for attempt in self._attempts():
            attempts.append(attempt)
            progress(attempt)
        return attempts

    def _attempts(self) -> Iterator[Attempt]:
        logins = self._access.logins()
        sessions: list[tuple[Login, psycopg.Connection[tuple[Any, ...]]]] = []
        try:
            for login in logins:
                connection, entry = self._log_in(login, self._application, promised=True)
                if connection is None:
                    yield entry
                else:
                    sessions.append((login, connection))
            for login, connection in sessions:
                yield from self._own_schema(login, connection)
            for login, connection in sessions:
                yield from self._others(login, connection)
            for login in logins:
                connection, entry = self._log_in(login, self._metadata, promised=False)
                yield entry
                if connection is not None:
                    connection.close()
        finally:
            for login, connection in sessions:
                self._clean_up(login, connection)
                connection.close()

    def _log_in(
        self, login: Login, instance: Instance, *, promised: bool
    ) -> tuple[psycopg.Connection[tuple[Any, ...]] | None, Attempt]:
        connection, answer = None, "logged in"
        try:
            connection = self._access.connect(login, instance, autocommit=True)
        except psycopg.OperationalError as error:
            answer = str(error).strip().splitlines()[-1].rpartition("FATAL:  ")[2]
        return connection, Attempt(
            login=login.user,
            action="log in to",
            target=instance.identifier,
            promised=promised,
            allowed=connection is not None,
            answer=answer,
        )

    def _own_schema(
        self, login: Login, connection: psycopg.Connection[tuple[Any, ...]]
    ) -> Iterator[Attempt]:
        workflow = self._workflow(login.name)
        if workflow is None:
            return
        schema = live_schema(login.environment, workflow)
        create = sql.SQL("CREATE TABLE IF NOT EXISTS {}.{} (seen timestamptz DEFAULT now())")
        insert = sql.SQL("INSERT INTO {}.{} DEFAULT VALUES")
        target = sql.Identifier(schema)
        allowed, answer = attempt(
            connection, create.format(target, MARKER), insert.format(target, MARKER)
        )
        yield Attempt(
            login=login.user,
            action="write",
            target=schema,
            promised=workflow.writes,
            allowed=allowed,
            answer=answer,
        )

    def _others(
        self, login: Login, connection: psycopg.Connection[tuple[Any, ...]]
    ) -> Iterator[Attempt]:
        granted = self._reads(login)
        foreign = [
            one for one in self._settings.workflows if one.name not in {*granted, login.name}
        ]
        for workflow in [
            *(one for one in self._settings.workflows if one.name in granted),
            *foreign[:1],
        ]:
            schema = live_schema(login.environment, workflow)
            target = sql.Identifier(schema)
            select = sql.SQL("SELECT count(*) FROM {}.{}").format(target, MARKER)
            insert = sql.SQL("INSERT INTO {}.{} DEFAULT VALUES").format(target, MARKER)
            for action, statement, promised in (
                ("read", select, workflow.name in granted),
                ("write", insert, False),
            ):
                allowed, answer = attempt(connection, statement)
                yield Attempt(
                    login=login.user,
                    action=action,
                    target=schema,
                    promised=promised,
                    allowed=allowed,
                    answer=answer,
                )

    def _clean_up(self, login: Login, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        workflow = self._workflow(login.name)
        if workflow is not None and workflow.writes and not connection.closed:
            schema = sql.Identifier(live_schema(login.environment, workflow))
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}.{}").format(schema, MARKER))

    def _workflow(self, name: str) -> Workflow | None:
        return next((one for one in self._settings.workflows if one.name == name), None)

    def _reads(self, login: Login) -> tuple[str, ...]:
        settings = self._settings
        declared: list[Workflow | Person | Agent] = [
            *settings.workflows,
            *settings.people,
            *settings.agents,
        ]
        return next(one.reads for one in declared if one.name == login.name)


def live_schema(environment: str, workflow: Workflow) -> str:
    """Return the schema that a workflow's search path points at."""
    return naming.schema_name(environment, workflow.name, workflow.schema_version)


def attempt(
    connection: psycopg.Connection[tuple[Any, ...]], *statements: sql.Composed
) -> tuple[bool, str]:
    """Execute the statements; return whether PostgreSQL allowed them, and what it answered.

    A table that is missing in a schema one may look into counts as allowed: a workflow that
    does not write has none.
    """
    try:
        for statement in statements:
            connection.execute(statement)
    except errors.UndefinedTable:
        return True, "no table there yet"
    except errors.InsufficientPrivilege as error:
        return False, str(error).splitlines()[0]
    return True, "done"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Logins of one kind in an endpoint's log, counted."""

    instance: str
    event: str
    user: str
    method: str
    identity: str
    reason: str
    count: int


def entries(log_folder: Path, since: datetime) -> list[Entry]:
    """Return who came in and who was refused since then, as the endpoints wrote it."""
    seen: Counter[tuple[str, ...]] = Counter()
    keys = ("instance", "event", "user", "method", "identity", "reason")
    for path in sorted(log_folder.glob("*.log")):
        for line in path.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            if record["event"] not in {"in", "refused"}:
                continue
            if datetime.fromisoformat(record["time"]) >= since:
                seen[tuple(str(record.get(key) or "") for key in keys)] += 1
    return [Entry(**dict(zip(keys, key, strict=True)), count=count) for key, count in seen.items()]
