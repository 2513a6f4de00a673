"""Values as the Pulumi SDK sends them: what marks a secret, an unknown, a file.

Everything here works on plain JSON, the form that a protobuf `Struct` turns into. It knows nothing
of resources, and it never unwraps an `Output`: the SDK has done that before anything is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from google.protobuf import json_format, struct_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json: TypeAlias = Any
"""`None`, `bool`, `int`, `float`, `str`, or a list or dict of these."""
Properties: TypeAlias = dict[str, Json]

# Fixed by the engine's protocol; tests/local/test_deploy_wire.py holds them against the SDK's own.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the protocol's marker, no secret
ASSET = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"


def from_struct(message: struct_pb2.Struct) -> Properties:
    """Return `message` as JSON; whole numbers are `int` again (protobuf only has doubles)."""
    properties: Properties = _orderly(json_format.MessageToDict(message))
    return properties


def to_struct(properties: Mapping[str, Json]) -> struct_pb2.Struct:
    """Return `properties` as the protobuf message that the SDK expects."""
    message = struct_pb2.Struct()
    message.update(dict(properties))
    return message


def secret(value: object) -> Properties:
    """Return `value` marked as secret."""
    return {SIGNATURE: SECRET, "value": value}


def is_secret(value: object) -> bool:
    """Tell whether `value` itself carries the marker of a secret."""
    return _signature(value) == SECRET


def is_file(value: object) -> bool:
    """Tell whether `value` is an asset or an archive (a file, a folder, a text)."""
    return _signature(value) in {ASSET, ARCHIVE}


def plain(value: Json) -> Json:
    """Return `value` without markers of secrets; a resource becomes its id, or else its URN."""
    if is_secret(value):
        return plain(value["value"])
    if _signature(value) == RESOURCE:
        return value.get("id", value["urn"])
    return _map(value, plain)


def contains_unknown(value: object) -> bool:
    """Tell whether `value` is, or holds at any depth, something that is not known yet."""
    return _any(value, lambda found: found == UNKNOWN)


def contains_secret(value: object) -> bool:
    """Tell whether `value` is, or holds at any depth, a secret."""
    return _any(value, is_secret)


def shown(value: Json) -> Json:
    """Return `value` for people and logs: `[secret]` and `[unknown]` where they belong."""
    if is_secret(value):
        return "[secret]"
    if isinstance(value, str):
        return value.replace(UNKNOWN, "[unknown]")
    if is_file(value):
        return str(value.get("path") or value.get("uri") or "[inline file]")
    if _signature(value) == RESOURCE:
        return shown(plain(value))
    return _map(value, shown)


def marked_like(value: Json, pattern: object) -> Json:
    """Return `value` with the markers of secrets that `pattern` has at the same places."""
    if is_secret(pattern):
        return value if is_secret(value) else secret(value)
    if isinstance(value, dict) and isinstance(pattern, dict):
        return {key: marked_like(item, pattern.get(key)) for key, item in value.items()}
    return secret(value) if isinstance(value, list) and contains_secret(pattern) else value


def _signature(value: object) -> object:
    return value.get(SIGNATURE) if isinstance(value, dict) else None


def _map(value: Json, function: Callable[[Json], Json]) -> Json:
    if isinstance(value, dict):
        return {key: function(item) for key, item in value.items()}
    if isinstance(value, list):
        return [function(item) for item in value]
    return value


def _any(value: object, matches: Callable[[object], bool]) -> bool:
    if matches(value):
        return True
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_any(item, matches) for item in items)


def _orderly(value: Json) -> Json:
    """Make whole numbers `int`, and give maps an order: protobuf keeps none."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _orderly(item) for key, item in sorted(value.items())}
    return _map(value, _orderly)
