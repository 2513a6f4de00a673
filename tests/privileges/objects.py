"""Something of everything in each schema, made by whoever makes it in the product."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from tests.privileges.actors import schemas

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stacks.settings import Settings
    from tests.privileges.keys import Keys, Session
    from tests.privileges.matrix import Actor

# ANALYZE samples values of the table, which are kept where all may ask for them.
_OBJECTS = """
    CREATE TABLE {schema}.{maker}_ledger (id int PRIMARY KEY, amount int);
    INSERT INTO {schema}.{maker}_ledger SELECT n, n FROM generate_series(1, 5) AS n;
    ANALYZE {schema}.{maker}_ledger;
    CREATE VIEW {schema}.{maker}_totals AS SELECT sum(amount) FROM {schema}.{maker}_ledger;
    CREATE SEQUENCE {schema}.{maker}_numbers;
    CREATE FUNCTION {schema}.{maker}_answer() RETURNS int LANGUAGE sql AS 'SELECT 42';
    CREATE TYPE {schema}.{maker}_mood AS ENUM ('good')
"""


def make_objects(keys: Keys, settings: Settings, actors: Sequence[Actor]) -> None:
    """Fill every schema of the instance that the actors are of."""
    filled: set[str] = set()
    for actor in actors:
        if actor.standing == "W" and actor.acts_as not in filled:
            # Once for a pair of logins, each of which then tries what is there.
            filled.add(actor.acts_as)
            own = [name for name, standing in actor.schemas.items() if standing == "W"]
            with keys.connect(actor) as session:
                _make(session, own, "workflow")
        elif actor.standing == "O":
            with keys.connect(actor) as session:
                _make(session, list(actor.schemas), "owner")
        elif actor.standing == "P" and actor.instance == "application":
            with keys.connect(actor) as session:
                _make_as_owners(session, actor, list(schemas(settings, actor.database)))


def _make(session: Session, names: list[str], maker: str) -> None:
    for schema in names:
        session.execute(sql.SQL(_OBJECTS.format(schema=schema, maker=maker)))


def _make_as_owners(session: Session, provisioner: Actor, names: list[str]) -> None:
    """As the owners of workflows' schemas, whom nobody can be for longer than it takes."""
    for schema in names:
        owner = f"{schema.rpartition('_v')[0]}_owner"
        for statement in (
            f"GRANT {owner} TO {provisioner.user} WITH INHERIT FALSE, SET TRUE",
            f"SET ROLE {owner}",
            _OBJECTS.format(schema=schema, maker="owner"),
            "RESET ROLE",
            f"REVOKE {owner} FROM {provisioner.user} GRANTED BY {provisioner.user}",
        ):
            session.execute(sql.SQL(statement))
