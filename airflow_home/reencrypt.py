"""Encrypts with the newest fernet key what Airflow has encrypted with an older one, and proves it.

    kubectl exec deploy/airflow-scheduler -- python /opt/airflow/config/reencrypt.py

It runs in a pod that holds the fernet keys, the newest first, and a login to the metadata database.
The last line that it prints is the proof that the newest key alone reads everything; without that,
the older ones cannot be retired. It may be run again at any time.

`airflow rotate-fernet-key` does the same in one transaction that writes back whatever it has read,
and fails when a row is deleted meanwhile. Here a row that somebody changes at the same moment keeps
what they gave it, and one that goes is gone.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
from collections.abc import Iterator
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import select, update

PROOF = b"airflow: nothing is encrypted with an older key"
"""What the newest key signs once it alone reads everything; the function for keys knows it too."""
_BATCH = 200
# What changes while it is read is looked at again; a row that never rests is an error.
_ROUNDS = 5


class ReencryptError(Exception):
    """Something is still encrypted with another key; the text says what."""


def encrypted_columns() -> list[tuple[Any, str, str | None]]:
    """Models and columns that Airflow encrypts, and the column that says whether it has."""
    from airflow.models import Connection, Trigger, Variable  # noqa: PLC0415  takes seconds
    from airflow.models.connection_test import ConnectionTestRequest  # noqa: PLC0415

    return [
        (Connection, "password", "is_encrypted"),
        (Connection, "extra", "is_extra_encrypted"),
        (Variable, "val", "is_encrypted"),
        (Trigger, "kwargs", None),
        (ConnectionTestRequest, "password", "is_encrypted"),
        (ConnectionTestRequest, "extra", "is_extra_encrypted"),
    ]


def reencrypt(engine: Any, keys: list[str], columns: list[tuple[Any, str, str | None]]) -> int:  # noqa: ANN401  SQLAlchemy's
    """Encrypt everything with the first of the keys; return how many values are encrypted with it.

    Args:
        engine: of the metadata database.
        keys: the newest first.
        columns: see `encrypted_columns`.

    Raises:
        ReencryptError: no key reads a value, or one has changed again and again.
    """
    newest, every = Fernet(keys[0]), MultiFernet([Fernet(key) for key in keys])
    for _ in range(_ROUNDS):
        good, changed, unreadable = 0, 0, []
        for table, name, identity, value in _values(engine, columns):
            try:
                newest.decrypt(value)
                good += 1
            except InvalidToken:
                try:
                    new = every.rotate(value.encode()).decode()
                except InvalidToken:
                    unreadable.append(f"{table.name}.{name} of id {identity}")
                    continue
                _replace(engine, table, name, identity, value, new)
                changed += 1
        if unreadable:
            raise ReencryptError(
                f"No key reads {', '.join(unreadable)}: set them anew or delete them, and run this "
                "again."
            )
        if not changed:
            return good
    raise ReencryptError("Values kept changing while they were encrypted: run this again.")


def _values(
    engine: Any,  # noqa: ANN401  SQLAlchemy's
    columns: list[tuple[Any, str, str | None]],
) -> Iterator[tuple[Any, str, Any, str]]:
    """Table, column, primary key and value of everything encrypted, a batch at a time."""
    for model, name, flag in columns:
        table = model.__table__
        identity, column = table.c.id, table.c[name]
        query = select(identity, column).where(column.is_not(None), column != "")
        if flag is not None:
            query = query.where(table.c[flag])
        last = None
        while True:
            batch = query.order_by(identity).limit(_BATCH)
            if last is not None:
                batch = batch.where(identity > last)
            with engine.connect() as connection:
                rows = connection.execute(batch).all()
            for key, value in rows:
                yield table, name, key, value
            if not rows:
                break
            last = rows[-1][0]


def _replace(engine: Any, table: Any, name: str, identity: Any, old: str, new: str) -> None:  # noqa: ANN401  SQLAlchemy's
    """Put the new text where the old one still is."""
    column = table.c[name]
    with engine.begin() as connection:
        connection.execute(
            update(table).where(table.c.id == identity, column == old).values({name: new})
        )


def main() -> int:
    """Do it with the keys and the database of the pod; print the proof."""
    from airflow import settings  # noqa: PLC0415
    from airflow.configuration import conf  # noqa: PLC0415

    keys = [key.strip() for key in conf.get("core", "fernet_key").split(",")]
    try:
        values = reencrypt(settings.engine, keys, encrypted_columns())
    except ReencryptError as error:
        print(error, file=sys.stderr)
        return 1
    proof = hmac.new(keys[0].encode(), PROOF, hashlib.sha256).hexdigest()
    print(json.dumps({"values": values, "proof": proof}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
