"""Whether a credential opens what it should: by a login, and by statements that are rolled back.

What a login may do is not read from the catalogs but tried; they only say what there is to try.
Of tables that exist it tries a few, and reads no rows.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from lambdas.rotate_postgres.roles import prove_equal, prove_pair, read_pair
from lambdas.shared.errors import NotProvenError, StatementError
from lambdas.shared.sql import compose, quoted

if TYPE_CHECKING:
    from lambdas.rotate_postgres.settings import Rotation
    from lambdas.shared.database import Session

# The newest 20 of those that one of the declared roles may read: a table that its owner keeps to
# himself is no business of a rotation.
_TABLES = """
    SELECT relname FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace AND nspname = :schema
    WHERE relkind IN ('r', 'p') AND EXISTS (
        SELECT FROM json_array_elements_text(CAST(:roles AS json)) AS declared(name)
        JOIN pg_roles ON rolname = declared.name
        WHERE has_table_privilege(pg_roles.oid, pg_class.oid, 'SELECT'))
    ORDER BY pg_class.oid DESC LIMIT 20"""


def prove(session: Session, rotation: Rotation, login: str) -> None:
    """Try what `login`, whose session it is, must be able to do; leave nothing behind.

    Raises:
        NotProvenError: it cannot, or the pair is not as declared.
        TemporaryError: it could not be found out.
    """
    pair = read_pair(session, rotation)
    prove_pair(pair, rotation)
    prove_equal(pair, rotation)
    acting = rotation.role or login
    ((is_now,),) = session.run("SELECT current_user::text")
    if is_now != acting:
        raise NotProvenError(
            f"{login} acts as {is_now} after its login, not as {acting}: run `pulumi up` with "
            "`--refresh`, and rotate again."
        )
    try:
        for schema in rotation.writes:
            _write(session, schema)
        for schema in (*rotation.reads, *rotation.writes):
            _read(session, schema, rotation)
    except StatementError as error:
        raise NotProvenError(
            f"{login} may not do what it must be able to: {error} Run `pulumi up` with "
            "`--refresh`, and rotate again."
        ) from None


def _write(session: Session, schema: str) -> None:
    names = {"schema": schema, "table": f"rotation_probe_{secrets.token_hex(8)}"}
    for sql in (
        "BEGIN",
        "CREATE TABLE {schema}.{table} (n integer)",
        "INSERT INTO {schema}.{table} VALUES (1)",
        "SELECT n FROM {schema}.{table}",
        "DROP TABLE {schema}.{table}",
        "ROLLBACK",
    ):
        session.run(compose(sql, **names))


def _read(session: Session, schema: str, rotation: Rotation) -> None:
    if not session.run("SELECT 1 FROM pg_namespace WHERE nspname = :schema", schema=schema):
        raise NotProvenError(
            f"There is no schema {schema}: run `pulumi up` with `--refresh`, and rotate again."
        )
    # Of a table that does not exist: refused without USAGE on the schema, and no error in the
    # server's log otherwise.
    session.run("SELECT to_regclass(:name)", name=f"{quoted(schema)}.no_such_table")
    roles = json.dumps(rotation.roles)
    for (table,) in session.run(_TABLES, schema=schema, roles=roles):
        session.run(compose("SELECT 1 FROM {schema}.{table} LIMIT 0", schema=schema, table=table))
