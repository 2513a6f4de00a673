"""The matrix as people read it, and whether every verb of it has a statement."""

from __future__ import annotations

from tests.privileges import matrix, statements
from tests.privileges.render import COMMAND, DOCUMENT, document


def test_the_document_is_the_matrix() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document(), f"run {COMMAND}"


def test_each_verb_has_a_statement_and_each_statement_a_verb() -> None:
    in_schemas = {
        (kind.partition(" ")[0], verb)
        for kind, verbs in matrix.IN_SCHEMAS.items()
        for verb in verbs
    }
    in_databases = {verb for verbs in matrix.IN_DATABASES.values() for verb in verbs}

    tried = {(kind, verb) for kind, verbs in statements.ON_OBJECTS.items() for verb in verbs}
    assert tried == in_schemas
    assert {"CONNECT", *statements.IN_DATABASE} == in_databases
    assert statements.ON_SERVER.keys() == matrix.ON_SERVER.keys()
    assert statements.ON_ROLES.keys() == matrix.ROLE_VERBS.keys()


def test_only_known_standings_are_allowed_anything() -> None:
    tables = (*matrix.IN_SCHEMAS.values(), *matrix.IN_DATABASES.values(), matrix.ON_SERVER)

    assert {letter for verbs in tables for allowed in verbs.values() for letter in allowed} == set(
        matrix.STANDINGS
    )
