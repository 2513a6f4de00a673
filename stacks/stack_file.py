"""Reads Pulumi.<stack>.yaml as Pulumi does, without Pulumi.

The result is what Pulumi would hand to the program: full key to text, JSON where it is not text.
Forms of YAML that two parsers read differently are refused instead of guessed.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import pydantic_core
import yaml

from stacks.errors import SettingsError
from stacks.sentences import NAMESPACE, legible, shown, word

_KNOWN = ("config", "encryptionsalt", "secretsprovider", "encryptedkey")
"""What Pulumi itself writes at the top of a stack file."""
_LONGEST_NUMBER, _LONGEST_PROBLEM = 100, 300
_LONGEST_VALUE = 1_000_000
"""Characters of JSON; settings of thousands of workflows have less, and few aliases make more."""


def stack_configuration(root: Path, stack: str) -> dict[str, str]:
    """The configuration in Pulumi.<stack>.yaml of the project at `root`: full key to text.

    Raises:
        SettingsError: no such file, not YAML, or not a stack file.
    """
    path = root / f"Pulumi.{stack}.yaml"
    document = _document(path)
    config = document.get("config")
    if not isinstance(config, dict):
        raise SettingsError(
            f"{path.name} has no group `config:` at its top; write all settings below one, "
            f"such as `{NAMESPACE}:region: eu-west-1`."
        )
    for each in document:
        if each not in _KNOWN:
            raise SettingsError(
                f"{path.name} has `{legible(each)}` at its top; allowed there are "
                f"{', '.join(_KNOWN)}; indent a setting so that it is below `config:`, or remove "
                "it."
            )
    for name in config:
        if name != _full_key(name) and _full_key(name) in config:
            raise SettingsError(
                f"{path.name} has both {shown(name)} and {word(_full_key(name))}, which are the "
                "same setting; once is allowed; remove one."
            )
    return {_full_key(name): _text(path, name, value) for name, value in config.items()}


def _document(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
        document = yaml.load(text, _Loader)  # noqa: S506  # a SafeLoader, below
    except FileNotFoundError:
        stacks = sorted(each.name.split(".")[1] for each in path.parent.glob("Pulumi.*.yaml"))
        raise SettingsError(
            f"There is no {path.name} in {path.parent}; the stacks here are "
            f"{', '.join(stacks) or 'none'}; choose one of them, or write that file."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error.reason
        raise SettingsError(
            f"{path.name} cannot be read: {reason}; it must be a file with UTF-8 text; "
            "save it as one."
        ) from None
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        problem = legible(str(error.problem), _LONGEST_PROBLEM)
        raise SettingsError(f"{path.name} is not valid: {line}{problem}; mend it.") from None
    except yaml.reader.ReaderError as error:
        row = text.count("\n", 0, error.position) + 1
        raise SettingsError(
            f"{path.name} is not valid: line {row}: the character U+{error.character:04X} is not "
            "allowed in YAML; remove it."
        ) from None
    except RecursionError:
        raise SettingsError(
            f"{path.name} is nested more deeply than any setting is; remove some brackets."
        ) from None
    return document if isinstance(document, dict) else {}


def _full_key(name: str) -> str:
    """Pulumi puts a key without a namespace into the project's own."""
    return name if ":" in name else f"{NAMESPACE}:{name}"


def _text(path: Path, name: str, value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    where = f"{word(_full_key(name))} in {path.name}"
    try:
        text = _json(value)
    except (ValueError, RecursionError):
        raise SettingsError(
            f"{where} contains itself, or more than any setting holds; write a smaller value "
            "without aliases."
        ) from None
    if '{"secure":' in text:  # quotes within a text have backslashes
        raise SettingsError(
            f"{where} is encrypted; no setting is a secret; write its value as plain text."
        )
    return text


def _json(value: object) -> str:
    """JSON, written piece by piece: what a few nested aliases stand for may fill the memory.

    Raises:
        ValueError: it contains itself, or is too long or too deep.
    """
    pieces, length = [], 0
    for piece in json.JSONEncoder(ensure_ascii=False).iterencode(value):
        pieces.append(piece)
        length += len(piece)
        if length > _LONGEST_VALUE:
            raise ValueError(length)
    text = "".join(pieces)
    pydantic_core.from_json(text)
    return text


class _Loader(yaml.SafeLoader):
    """SafeLoader with the types of JSON only, and no key twice.

    PyYAML reads YAML 1.1: `yes`, `10:30` and `2027-01-31` would become a boolean, a number and a
    date. Pulumi makes text of them.
    """

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # PyYAML's own name and form
    yaml_constructors: ClassVar[dict[str | None, Any]] = {}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002  # PyYAML's signature
        if not isinstance(node, yaml.MappingNode):
            raise _wrong(node, "a group of keys has another value")
        seen = set()
        for each, _ in node.value:
            if _is_text(each) and each.value in seen:
                raise _wrong(each, f"the key '{legible(each.value)}' is there twice")
            seen.add(str(each.value))
        # With the keys that it takes over from others by `<<`.
        self.flatten_mapping(node)
        for each, _ in node.value:
            if not _is_text(each):
                raise _wrong(each, "a key is not text")
        return super().construct_mapping(node, deep=deep)

    def text(self, node: yaml.ScalarNode) -> str:
        text: str = self.construct_scalar(node)
        if any("\ud800" <= each <= "\udfff" for each in text):
            raise _wrong(node, f"{shown(text)} has half a character")
        return text

    def scalar(self, node: yaml.ScalarNode) -> bool | float | None:
        """A boolean, a number or null, in a form that JSON has too."""
        text: str = self.construct_scalar(node)
        form = self.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]  # PyYAML's
        if form == _NUMBER or len(text) > _LONGEST_NUMBER:
            raise _wrong(
                node,
                f"{legible(text)} is a number in a form that parsers read differently "
                "(write text in quotes, and a number plainly)",
            )
        if form != node.tag:
            raise _wrong(node, f"{shown(text)} is not what its tag says it is")
        value: bool | float | None
        value = None if form.endswith(":null") else json.loads(text.lower().lstrip("+"))
        return value

    def other(self, node: yaml.Node) -> NoReturn:
        raise _wrong(node, f"the tag {shown(node.tag)} is for none of JSON's types")


def _is_text(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag.endswith((":str", ":merge"))


def _wrong(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


_TYPES = "tag:yaml.org,2002:"
_NUMBER = "!number"
_DECIMAL = r"[-+]?(?:0|[1-9][0-9]*)"
for _tag, _form in {
    f"{_TYPES}null": r"~|null|Null|NULL|",
    f"{_TYPES}bool": r"true|True|TRUE|false|False|FALSE",
    f"{_TYPES}int": _DECIMAL,
    f"{_TYPES}float": rf"{_DECIMAL}\.[0-9]+",
    f"{_TYPES}merge": r"<<",
    _NUMBER: r"[-+]?(?:[0-9][0-9_]*\.?[0-9_]*(?:[eE][-+]?[0-9]+)?|0[xob][0-9a-fA-F_]+)",
}.items():
    _Loader.add_implicit_resolver(_tag, re.compile(f"^(?:{_form})$"), None)
for _name, _construct in {
    "str": _Loader.text,
    "seq": _Loader.construct_yaml_seq,
    "map": _Loader.construct_yaml_map,
    "null": _Loader.scalar,
    "bool": _Loader.scalar,
    "int": _Loader.scalar,
    "float": _Loader.scalar,
}.items():
    _Loader.add_constructor(f"{_TYPES}{_name}", _construct)
_Loader.add_constructor(_NUMBER, _Loader.scalar)
_Loader.add_constructor(None, _Loader.other)
