"""What `psql` does with a command of the runbook, where none with TLS is installed; tests nothing.

It is libpq as well, and takes the place and the password from the same variables. Statements come
by -c, or from its input with a semicolon at the end of the line; the first that fails ends it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import psycopg

FAILED, WRONG = 3, 2


def main(words: Sequence[str]) -> int:
    """Run the statements; return psql's status."""
    if words and words[::2] != ["-c"] * (len(words) // 2):
        print(f"psql: unknown words among {' '.join(words)}", file=sys.stderr)
        return WRONG
    statements = list(words[1::2]) or [one for one in sys.stdin.read().split(";\n") if one.strip()]
    try:
        with psycopg.connect("", autocommit=True, connect_timeout=10) as session:
            for statement in statements:
                _print(session.execute(statement.encode()))
    except psycopg.Error as error:
        print(f"psql: {error}", file=sys.stderr)
        return FAILED
    return 0


def _print(cursor: psycopg.Cursor[tuple[object, ...]]) -> None:
    if cursor.description is None:
        print(cursor.statusmessage)
        return
    for row in ([one.name for one in cursor.description], *cursor.fetchall()):
        print(" | ".join(map(str, row)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
