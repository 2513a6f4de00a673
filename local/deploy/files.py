"""Files that a program hands over: read, and told apart by what is in them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from local.deploy import wire
from local.deploy.drivers.base import DriverError

if TYPE_CHECKING:
    from pathlib import Path

    from local.deploy.wire import Json, Properties

# Added to a file on the wire, so that a change of its content is a change of the input.
DIGEST = "sha256"


def content(root: Path, file: Properties) -> bytes:
    """Return what is in an asset or archive of the program; relative paths are below `root`.

    Raises:
        DriverError: it cannot be read, or is in a form that is not supported.
    """
    if "text" in file:
        return str(file["text"]).encode()
    if "path" not in file:
        raise DriverError("only files of this machine are supported: FileArchive or FileAsset")
    path = root / str(file["path"])
    try:
        return path.read_bytes()
    except OSError as error:
        raise DriverError(
            f"{file['path']} cannot be read ({error.strerror}): build it first, as a zip file"
        ) from error


def with_digests(root: Path, value: Json, *, needed: bool) -> Json:
    """Return `value` with the digest of each file in it.

    Args:
        root: The project's folder.
        value: What the program sent.
        needed: Whether a file that cannot be read is an error; if not, its digest is unknown.

    Raises:
        DriverError: a file is needed and cannot be read.
    """
    if wire.is_file(value):
        try:
            digest = hashlib.sha256(content(root, value)).hexdigest()
        except DriverError:
            if needed:
                raise
            digest = wire.UNKNOWN
        return {**value, DIGEST: digest}
    if isinstance(value, dict):
        return {key: with_digests(root, item, needed=needed) for key, item in value.items()}
    if isinstance(value, list):
        return [with_digests(root, item, needed=needed) for item in value]
    return value
