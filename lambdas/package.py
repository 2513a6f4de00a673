"""Builds the functions' packages; `python -m lambdas.package` builds the bootstrap function's.

A package is a function's code and what it uses of what the functions share; of a function that
connects to a database also its locked wheels and the certificate authorities of RDS. The same input
gives the same bytes, wherever and whenever it is built, so that an unchanged function is no change
in a preview. It holds pure Python only, so that it runs on every architecture; it does not hold
boto3, which is part of the Lambda runtime.
"""

from __future__ import annotations

import argparse
import hashlib
import ssl
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from lambdas.wheels import PackageError, locked_wheels

if TYPE_CHECKING:
    from collections.abc import Iterable

PROJECT = Path(__file__).parents[1]
BOOTSTRAP = "bootstrap_postgres"
ROTATION = "rotate_postgres"
AIRFLOW_KEYS = "airflow_keys"
# Where the code looks for it: lambdas.shared.database.PACKAGED_CERTIFICATES.
CERTIFICATES_NAME = "rds-ca.pem"
# The earliest time that a zip file can hold.
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_READABLE = 0o100644 << 16


def build(certificates: Path, output: Path) -> bytes:
    """Write the package of the bootstrap function to `output` and return its bytes.

    Args:
        certificates: PEM file with the certificate authorities of RDS in the instance's region.
        output: the zip file to write.

    Raises:
        PackageError: something it is made of is missing or is not what it should be.
    """
    return _build_with_driver(BOOTSTRAP, certificates, output)


def build_rotation(certificates: Path, output: Path) -> bytes:
    """Write the package of the rotation function; as `build` otherwise."""
    return _build_with_driver(ROTATION, certificates, output)


def build_airflow_keys(output: Path) -> bytes:
    """Write the package of the function for Airflow's keys to `output` and return its bytes."""
    return _replace(output, _own_code(AIRFLOW_KEYS, ("__init__", "errors", "log")))


def _build_with_driver(function: str, certificates: Path, output: Path) -> bytes:
    """Write the package of a function that connects to a database."""
    files = {CERTIFICATES_NAME: _read_certificates(certificates)}
    _add(files, _own_code(function))
    for wheel in locked_wheels(PROJECT / "lambdas" / BOOTSTRAP / "requirements.lock"):
        with zipfile.ZipFile(wheel) as archive:
            _add(files, {name: archive.read(name) for name in _names(archive)})
    return _replace(output, files)


def _replace(output: Path, files: dict[str, bytes]) -> bytes:
    partial = output.with_suffix(".partial")
    output.parent.mkdir(parents=True, exist_ok=True)
    _write(files, partial)
    # In one step, so that a preview that runs meanwhile never reads half a package.
    partial.replace(output)
    return output.read_bytes()


def _read_certificates(path: Path) -> bytes:
    if not path.is_file():
        raise PackageError(
            f"{path} does not exist: get the certificate authorities of RDS with "
            "`make certificates ENV=<environment>`."
        )
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError as error:
        raise PackageError(
            f"{path} holds no certificates ({error}): get it again with "
            "`make certificates ENV=<environment>`."
        ) from None
    return path.read_bytes()


def _own_code(function: str, shared: Iterable[str] = ("*",)) -> dict[str, bytes]:
    """Return the code of a function and those of the shared modules that it uses."""
    root = PROJECT / "lambdas"
    sources = [root / "__init__.py", *(root / function).rglob("*.py")]
    for module in shared:
        sources.extend((root / "shared").glob(f"{module}.py"))
    return {source.relative_to(PROJECT).as_posix(): source.read_bytes() for source in sources}


def _names(archive: zipfile.ZipFile) -> list[str]:
    return [name for name in archive.namelist() if not name.endswith("/")]


def _add(files: dict[str, bytes], more: dict[str, bytes]) -> None:
    for name in sorted(files.keys() & more.keys()):
        raise PackageError(f"{name} would be in the package twice: rename one of the two modules.")
    files.update(more)


def _write(files: dict[str, bytes], path: Path) -> None:
    # Stored, not deflated: what a compressor makes of the same input differs between its versions.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.create_system = _UNIX
            entry.external_attr = _READABLE
            archive.writestr(entry, files[name])


def main(arguments: list[str] | None = None) -> int:
    """Build the package that the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lambdas.package", description=__doc__)
    parser.add_argument("--certificates", type=Path, required=True, help="PEM file")
    parser.add_argument("--output", type=Path, required=True, help="zip file to write")
    options = parser.parse_args(arguments)
    try:
        package = build(options.certificates, options.output)
    except PackageError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.output}  {len(package)} bytes  sha256 {hashlib.sha256(package).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
