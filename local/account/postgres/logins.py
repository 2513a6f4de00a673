"""Looks up logins in a running server: who is an IAM user, and which verifier a password meets.

One connection of the superuser per instance, opened again when it broke.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import psycopg

# Membership as pg_hba.conf's `+rds_iam` has it, NOINHERIT and SET-only members included, except
# that PostgreSQL 16+ makes the creator of a role its ADMIN-only member. RDS spares members of
# rds_superuser that, so such an edge does not count for them.
# rds_iam is found by what it owns, because the master may rename it.
_QUERY = """
WITH RECURSIVE login AS (SELECT * FROM pg_authid WHERE rolname = %s),
held(role) AS (
    SELECT oid FROM login
    UNION
    SELECT m.roleid FROM pg_auth_members m JOIN held ON m.member = held.role
    WHERE m.inherit_option OR m.set_option OR NOT EXISTS (
        SELECT FROM pg_roles s
        WHERE s.rolname = 'rds_superuser' AND pg_has_role(m.member, s.oid, 'MEMBER'))
)
SELECT EXISTS (
        SELECT FROM held JOIN pg_namespace n ON n.nspowner = held.role WHERE n.nspname = 'rds_iam'),
    rolpassword,
    coalesce(rolvaliduntil < now(), false)
FROM login
"""


class ServerDownError(Exception):
    """The server does not answer; the text is the driver's."""


@dataclass(frozen=True, kw_only=True)
class Login:
    """What the endpoint has to know of a login.

    Attributes:
        iam: it is a member of `rds_iam`.
        verifier: the stored password verifier; None when there is none, or no such login.
        expired: its VALID UNTIL has passed.
    """

    iam: bool
    verifier: str | None = field(repr=False)
    expired: bool


class Logins:
    """The logins of one server.

    Args:
        conninfo: how the superuser connects to the service's database.
    """

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._lock = asyncio.Lock()
        self._connection: psycopg.AsyncConnection | None = None

    async def find(self, user: str) -> Login:
        """Look up `user`; a login that does not exist has no verifier.

        Raises:
            ServerDownError: the server does not answer.
        """
        async with self._lock:
            try:
                row = await self._query(user)
            except psycopg.OperationalError:  # it restarted since: once more, on a new connection
                try:
                    row = await self._query(user)
                except psycopg.OperationalError as cause:
                    raise ServerDownError(str(cause)) from cause
        iam, verifier, expired = row or (False, None, False)
        return Login(iam=iam, verifier=verifier, expired=expired)

    async def close(self) -> None:
        """Close the connection."""
        async with self._lock:
            await self._drop()

    async def _query(self, user: str) -> tuple[bool, str | None, bool] | None:
        if self._connection is None:
            self._connection = await psycopg.AsyncConnection.connect(
                self._conninfo, autocommit=True, prepare_threshold=0
            )
        try:
            cursor = await self._connection.execute(_QUERY, (user,))
            return await cursor.fetchone()
        except BaseException:  # cancelled half-way too: the answer would be the next one's
            await self._drop()
            raise

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
