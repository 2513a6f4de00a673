"""What `aws` does with a command line of the runbook, where no AWS CLI is installed; tests nothing.

Services, operations and options are those of botocore's own model, as they are the CLI's: what the
model does not have is refused. Of the CLI's version 2 it knows --query, --output json and text, the
format of blobs, files for streams, and `rds generate-db-auth-token`.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import botocore.session
import jmespath  # type: ignore[import-untyped]  # has no types
from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError
from botocore.model import Shape, StructureShape

FAILED, WRONG = 254, 252
"""Status of a call that AWS refused, and of a command line that cannot be one."""
RAW = "raw-in-base64-out"
_OUTPUTS = {"json", "text"}


class WrongCommandError(Exception):
    """The CLI would not know what to do either; the text says of which word."""


def main(words: Sequence[str]) -> int:
    """Carry out one command; return its status."""
    try:
        _command(words)
    except WrongCommandError as error:
        print(f"aws: {error}", file=sys.stderr)
        return WRONG
    except (ClientError, BotoCoreError) as error:
        print(f"\n{error}", file=sys.stderr)
        return FAILED
    return 0


def _command(words: Sequence[str]) -> None:
    if len(words) < 2:
        raise WrongCommandError("a service and an operation are needed")
    service, operation, *rest = words
    session = botocore.session.Session()
    if service not in session.get_available_services():
        raise WrongCommandError(f"there is no service {service}")
    client = session.create_client(service)
    if (service, operation) == ("rds", "generate-db-auth-token"):
        print(_token(client, _options(rest)))
        return
    names = {xform_name(one, "-"): one for one in client.meta.service_model.operation_names}
    if operation not in names:
        raise WrongCommandError(f"{service} has no operation {operation}")
    model = client.meta.service_model.operation_model(names[operation])
    file = rest.pop() if model.has_streaming_output and rest else ""
    options = _options(rest)
    query, output = _one(options, "query"), _one(options, "output") or "json"
    if output not in _OUTPUTS:
        raise WrongCommandError(f"--output {output} is none of {', '.join(sorted(_OUTPUTS))}")
    raw = _one(options, "cli-binary-format") == RAW
    given = _given(model.input_shape, options, raw=raw)
    answer = _call(client, xform_name(names[operation]), given)
    if model.has_streaming_output:
        with Path(file).open("wb") as opened:
            opened.write(answer.pop(model.output_shape.serialization["payload"]).read() + b"\n")
    _print(jmespath.search(query, answer) if query else answer, output)


def _token(client: Any, options: dict[str, list[str]]) -> str:  # noqa: ANN401 - botocore has no types
    given = [_one(options, name) for name in ("hostname", "port", "username")]
    if options or None in given:
        raise WrongCommandError("--hostname, --port and --username are needed, and no others")
    return str(client.generate_db_auth_token(*given))


def _call(client: Any, method: str, given: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - botocore has no types
    if client.can_paginate(method):
        return dict(client.get_paginator(method).paginate(**given).build_full_result())
    answer = dict(getattr(client, method)(**given))
    del answer["ResponseMetadata"]
    return answer


def _options(words: Sequence[str]) -> dict[str, list[str]]:
    """Return the options with their values."""
    options: dict[str, list[str]] = {}
    held: list[str] | None = None
    for word in words:
        if word.startswith("--"):
            held = options.setdefault(word.removeprefix("--"), [])
        elif held is None:
            raise WrongCommandError(f"unknown word: {word}")
        else:
            held.append(word)
    return options


def _one(options: dict[str, list[str]], name: str) -> str | None:
    values = options.pop(name, None)
    if values is None:
        return None
    if len(values) != 1:
        raise WrongCommandError(f"--{name} has {len(values)} values, not one")
    return values[0]


def _given(
    shape: StructureShape | None, options: dict[str, list[str]], *, raw: bool
) -> dict[str, Any]:
    shapes = shape.members if shape else {}
    members = {xform_name(name, "-"): name for name in shapes}
    given = {}
    for option, values in options.items():
        name = option if option in members else option.removeprefix("no-")
        if name not in members:
            raise WrongCommandError(f"unknown option: --{option}")
        member = shapes[members[name]]
        given[members[name]] = _value(option, member, values, raw=raw)
    missing = sorted({*(shape.required_members if shape else ())} - given.keys())
    if missing:
        raise WrongCommandError(f"required: {', '.join(xform_name(one, '-') for one in missing)}")
    return given


def _value(option: str, shape: Shape, values: list[str], *, raw: bool) -> Any:  # noqa: ANN401 - whatever the shape says
    if shape.type_name == "boolean":
        if values:
            raise WrongCommandError(f"--{option} takes no value")
        return not option.startswith("no-")
    if shape.type_name == "list":
        if not values:
            raise WrongCommandError(f"--{option} needs a value")
        return [_value(option, shape.member, [one], raw=raw) for one in values]
    if len(values) != 1:
        raise WrongCommandError(f"--{option} has {len(values)} values, not one")
    (text,) = values
    match shape.type_name:
        case "string":
            return text
        case "integer" | "long":
            return int(text)
        case "blob":
            return text.encode() if raw else base64.b64decode(text, validate=True)
        case kind:
            raise WrongCommandError(f"--{option} is a {kind}, which is not read here")


def _print(answer: Any, output: str) -> None:  # noqa: ANN401 - whatever AWS answers
    if answer in ({}, ""):
        return
    if output == "json":
        print(json.dumps(answer, indent=4, default=str))
    else:
        print("\n".join("\t".join(line) for line in _text(answer)))


def _text(answer: Any) -> Iterator[list[str]]:  # noqa: ANN401 - whatever AWS answers
    """Yield the lines of --output text, for scalars and lists of them."""
    if not isinstance(answer, list):
        yield [str(answer)]
        return
    plain = [one for one in answer if not isinstance(one, list)]
    if plain:
        yield [str(one) for one in plain]
    for one in answer:
        if isinstance(one, list):
            yield from _text(one)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
