"""Reads Pulumi.<stack>.yaml as Pulumi does, without Pulumi.

The result is what Pulumi would hand to the program: full key to text, JSON where it is not text.
Forms of YAML that two parsers read differently are refused instead of guessed.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from stacks.errors import SettingsError
from stacks.sentences import NAMESPACE

_KNOWN = ("config", "encryptionsalt", "secretsprovider", "encryptedkey")
"""What Pulumi itself writes at the top of a stack file."""


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
                f"{path.name} has `{each}` at its top; allowed there are {', '.join(_KNOWN)}; "
                "indent a setting so that it is below `config:`, or remove it."
            )
    return {_full_key(name): _text(path, name, value) for name, value in config.items()}


def _document(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506  # a SafeLoader, below
    except FileNotFoundError:
        stacks = sorted(each.name.split(".")[1] for each in path.parent.glob("Pulumi.*.yaml"))
        raise SettingsError(
            f"There is no {path.name} in {path.parent}; the stacks here are "
            f"{', '.join(stacks) or 'none'}; choose one of them, or write that file."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}; it must be UTF-8 text.") from None
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise SettingsError(f"{path.name} is not valid: {line}{error.problem}; mend it.") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{path.name} is not YAML: {error}; mend it.") from None
    return document if isinstance(document, dict) else {}


def _full_key(name: str) -> str:
    """Pulumi puts a key without a namespace into the project's own."""
    return name if ":" in name else f"{NAMESPACE}:{name}"


def _text(path: Path, name: str, value: object) -> str:
    if isinstance(value, dict) and set(value) == {"secure"}:
        raise SettingsError(
            f"{_full_key(name)} in {path.name} is encrypted; no setting is a secret; "
            "write its value as plain text."
        )
    if isinstance(value, str):
        return value
    try:
        return "" if value is None else json.dumps(value, ensure_ascii=False)
    except ValueError:
        raise SettingsError(
            f"{_full_key(name)} in {path.name} contains itself; write its value without that alias."
        ) from None


class _Loader(yaml.SafeLoader):
    """SafeLoader with the types of JSON only, and no key twice.

    PyYAML reads YAML 1.1: `yes`, `10:30` and `2027-01-31` would become a boolean, a number and a
    date. Pulumi makes text of them.
    """

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # PyYAML's own name and form

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002  # PyYAML's signature
        seen = set()
        for each, _ in node.value:
            if not each.tag.endswith((":str", ":merge")):
                raise yaml.MarkedYAMLError(
                    problem="a key is not text", problem_mark=each.start_mark
                )
            if each.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {each.value!r} is there twice", problem_mark=each.start_mark
                )
            seen.add(each.value)
        return super().construct_mapping(node, deep=deep)


def _refuse_number(_loader: yaml.SafeLoader, node: yaml.ScalarNode) -> None:
    raise yaml.MarkedYAMLError(
        problem=f"{node.value} is a number in a form that parsers read differently "
        "(write text in quotes, and a number plainly)",
        problem_mark=node.start_mark,
    )


_DECIMAL = r"[-+]?(?:0|[1-9][0-9]*)"
for _tag, _form in {
    "tag:yaml.org,2002:null": r"~|null|Null|NULL|",
    "tag:yaml.org,2002:bool": r"true|True|TRUE|false|False|FALSE",
    "tag:yaml.org,2002:int": _DECIMAL,
    "tag:yaml.org,2002:float": rf"{_DECIMAL}\.[0-9]+",
    "tag:yaml.org,2002:merge": r"<<",
    "!number": r"[-+]?(?:[0-9][0-9_]*\.?[0-9_]*(?:[eE][-+]?[0-9]+)?|0[xob][0-9a-fA-F_]+)",
}.items():
    _Loader.add_implicit_resolver(_tag, re.compile(f"^(?:{_form})$"), None)
_Loader.add_constructor("!number", _refuse_number)
