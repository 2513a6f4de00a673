"""Errors as sentences: the key as the YAML has it, the value, what is allowed, what to do.

What is allowed is read off the JSON schema of the settings, so that an editor and an error say the
same. This module judges nothing itself.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

NAMESPACE = "airflow-postgres"
"""The project's name in Pulumi.yaml: the namespace of all its keys."""

NOUNS = {"workflows": "workflow", "people": "person", "agents": "agent"}
"""Lists whose entries have a name, and what an entry is called."""
_LONGEST_VALUE = 80
_WORD = re.compile(r"[A-Za-z0-9_:-]{1,80}")
_CREDENTIAL = re.compile(r"(?<=://)[^/\s]*@|(?<=[?&])[^=&\s]*=[^&\s\"]*")
"""What a URL may hold that nobody else should read: a user with a password, and a query."""


def key(*path: str | int) -> str:
    """The key at `path` as the YAML spells it, such as `airflow-postgres:workflows[2].name`."""
    first, *rest = path
    return f"{NAMESPACE}:{word(str(first))}" + "".join(
        f"[{part}]" if isinstance(part, int) else f".{word(part)}" for part in rest
    )


def word(given: str) -> str:
    """A key or a part of one; in quotes if it is like no key there is."""
    return given if _WORD.fullmatch(given) else shown(given)


def entry(group: str, index: int, name: str, *path: str | int) -> str:
    """Like `key`, for one entry of a list, with the entry's name."""
    return f"{key(group, index, *path)} ({NOUNS[group]} {shown(name)})"


def shown(value: object) -> str:
    """`value` as JSON, on one line, of a length that a sentence bears."""
    return legible(json.dumps(value, default=str, ensure_ascii=False))


def legible(text: str, longest: int = _LONGEST_VALUE) -> str:
    """`text` on one line of at most `longest` characters, with escapes and no credential."""
    text = _CREDENTIAL.sub("***", text)
    # Cut before as well: a value may be as long as a file.
    text = "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in text[: longest + 1]
    )
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be, if any comes close."""
    matches = difflib.get_close_matches(word, list(known), n=1)
    return matches[0] if matches else None


def unknown_key(where: str, word: str, known: Iterable[str]) -> str:
    """The sentence for a key that is no setting; not its value, as that may be a pasted secret."""
    known = list(known)
    guess = nearest(word, known)
    if guess is not None:
        return f"{where} is not a setting; did you mean {guess}? Rename it, or remove it."
    return f"{where} is not a setting; allowed here: {', '.join(known)}. Rename it, or remove it."


def problems(
    error: ValidationError, schema: Mapping[str, Any], config: Mapping[str, object]
) -> tuple[str, ...]:
    """One sentence for each thing that pydantic found wrong in `config`."""
    found = error.errors(include_url=False, include_context=False)
    return tuple(_sentence(each, schema, config) for each in found if not _is_echo(each, schema))


def _is_echo(found: ErrorDetails, schema: Mapping[str, Any]) -> bool:
    """Whether a list is too short only because pydantic does not count its wrong entries."""
    if found["type"] != "too_short":
        return False
    least: int = _schema_at(found["loc"], schema)["minItems"]
    return len(found["input"]) >= least


def _sentence(found: ErrorDetails, schema: Mapping[str, Any], config: Mapping[str, object]) -> str:
    path, value = found["loc"], found["input"]
    where = _located(path, config)
    if found["type"] == "extra_forbidden":
        parent = _schema_at(path[:-1], schema)
        return unknown_key(where, str(path[-1]), parent["properties"])
    rule = _schema_at(path, schema)
    if found["type"] == "missing":
        return f"{where} is missing; it must be {_allowed(rule, schema)}; add it."
    return (
        f"{where} is {shown(value)}; it must be {_allowed(rule, schema)}; {_remedy(rule, value)}."
    )


def _located(path: tuple[int | str, ...], config: Mapping[str, object]) -> str:
    match path:
        case (str(group), int(index), *rest) if group in NOUNS:
            entries = config[group]
            each = entries[index] if isinstance(entries, list | tuple) else None
            name = each.get("name") if isinstance(each, Mapping) else None
            if isinstance(name, str):
                return entry(group, index, name, *rest)
    return key(*path)


def _schema_at(path: Iterable[int | str], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    at = schema
    for part in path:
        at = at["items"] if isinstance(part, int) else at["properties"][part]
        at = _resolved(at, schema)
    return at


def _resolved(rule: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    rule = rule["anyOf"][0] if "anyOf" in rule else rule
    reference = rule.get("$ref")
    return schema["$defs"][reference.rpartition("/")[2]] if reference else rule


def _allowed(rule: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    words = _allowed_in_words(rule)
    if words is not None:
        return words
    match rule["type"]:
        case "boolean":
            return "true or false"
        case "integer":
            return f"a whole number from {rule['minimum']} to {rule['maximum']}"
        case "array":
            least = f"at least {rule['minItems']}" if "minItems" in rule else "any number"
            return f"a list with {least} of: {_allowed(_resolved(rule['items'], schema), schema)}"
        case _:
            return f"a group with the keys {', '.join(rule['properties'])}"


def _allowed_in_words(rule: Mapping[str, Any]) -> str | None:
    if "patternErrorMessage" in rule:
        limit = f", at most {rule['maxLength']} characters" if "maxLength" in rule else ""
        return f"{rule['patternErrorMessage']}{limit}"
    if "const" in rule:
        return shown(rule["const"])
    if "enum" in rule:
        return "one of " + ", ".join(shown(each) for each in rule["enum"])
    return None


def _would_fit(rule: Mapping[str, Any], text: str) -> bool:
    if rule.get("type") == "boolean":
        return text in {"true", "false"}
    return rule.get("type") == "integer" and text.isdecimal()


def _remedy(rule: Mapping[str, Any], value: object) -> str:
    if rule.get("type") == "string" and isinstance(value, int | float):
        return "put it in quotes"
    if isinstance(value, str) and _would_fit(rule, value):
        return "write it without quotes"
    return "correct it"
