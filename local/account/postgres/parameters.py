"""The parameter group's settings as PostgreSQL's configuration file.

What RDS has and a stock server has not is mapped, or dropped with a reason; nothing is dropped
silently. Memory formulas are not computed: this machine is not the instance class.
"""

from __future__ import annotations

import functools
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.account.postgres.binaries import find

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.account.postgres.binaries import Binaries

# RDS's own values where they differ from PostgreSQL's; the parameter group may change them.
_DEFAULTS = {
    "default_text_search_config": "pg_catalog.english",
    "log_line_prefix": "%t:%r:%u@%d:[%p]:",
    "log_timezone": "UTC",
    "max_connections": "100",
    "password_encryption": "scram-sha-256",
    "rds.force_ssl": "1",
    "reserved_connections": "2",
    "superuser_reserved_connections": "3",
    "timezone": "UTC",
    "wal_level": "replica",
}
_FILES = "where the server keeps its files, sockets and log is fixed on this machine"
_DROPPED = {
    "archive_command": "there are no backups on this machine",
    "archive_library": "there are no backups on this machine",
    "archive_mode": "there are no backups on this machine",
    "config_file": _FILES,
    "data_directory": _FILES,
    "dynamic_library_path": _FILES,
    "dynamic_shared_memory_type": _FILES,
    "external_pid_file": _FILES,
    "hba_file": _FILES,
    "huge_pages": "huge pages are not reserved on this machine",
    "ident_file": _FILES,
    "listen_addresses": "clients reach the server through its endpoint only",
    "log_destination": _FILES,
    "log_directory": _FILES,
    "log_file_mode": _FILES,
    "log_filename": _FILES,
    "log_rotation_age": _FILES,
    "log_rotation_size": _FILES,
    "log_truncate_on_rotation": _FILES,
    "logging_collector": _FILES,
    "port": "the port is the instance's",
    "unix_socket_directories": _FILES,
    "unix_socket_group": _FILES,
    "unix_socket_permissions": _FILES,
}


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What of a parameter group a server takes, and what it does not.

    Attributes:
        settings: name -> value, as PostgreSQL knows them.
        dropped: name as in the parameter group -> why it has no effect here.
    """

    settings: Mapping[str, str]
    dropped: Mapping[str, str]

    @classmethod
    def of(cls, binaries: Binaries, parameters: Mapping[str, str]) -> Configuration:
        """Sort out a parameter group for the server of `binaries`."""
        settings, dropped = dict(_DEFAULTS), {}
        for name, value in sorted(parameters.items()):
            try:
                settings |= _counterpart(binaries, name.lower(), value)
            except LookupError as reason:
                dropped[name] = str(reason.args[0])
        return cls(settings=settings, dropped=dropped)


def dropped_parameters(major: int, parameters: Mapping[str, str]) -> Mapping[str, str]:
    """Name the settings of a parameter group that have no effect on this machine, with the reason.

    Raises:
        InstanceError: there is no PostgreSQL of this major version here.
    """
    return Configuration.of(find(major), parameters).dropped


def render(settings: Mapping[str, str]) -> str:
    """Write settings as lines of a configuration file."""
    return "".join(f"{name} = {_quote(value)}\n" for name, value in settings.items())


def _counterpart(binaries: Binaries, name: str, value: str) -> dict[str, str]:
    """Translate one setting; LookupError with the reason when there is nothing to translate to."""
    match name:
        case "rds.force_ssl":
            return {name: value}  # the endpoint enforces it; this makes SHOW tell so
        case "rds.logical_replication":
            return {"wal_level": "logical" if value in {"1", "on", "true"} else "replica"}
        case "rds.rds_superuser_reserved_connections":
            return {"reserved_connections": value}
        case "shared_preload_libraries":
            return _preload(binaries, value)
    if reason := _unavailable(binaries, name, value):
        raise LookupError(reason)
    return {name: value}


def _unavailable(binaries: Binaries, name: str, value: str) -> str | None:
    """Why a setting that is not translated has no effect here; None if it has."""
    module, dot, _ = name.partition(".")
    if name in _DROPPED:
        return _DROPPED[name]
    if name == "ssl" or name.startswith("ssl_"):
        return "TLS is the endpoint's: version 1.2 or later with its own certificate"
    if "{" in value:
        return "it is a formula over the instance class's memory"
    if name == "password_encryption" and value != "scram-sha-256":
        return "the endpoint speaks SCRAM-SHA-256 only"
    if not (binaries.has_module(module) if dot else name in _known_settings(binaries)):
        return f"PostgreSQL {binaries.major} on this machine does not have it"
    return None


def _preload(binaries: Binaries, value: str) -> dict[str, str]:
    """A server does not even start when one of the modules is missing."""
    modules = [module for name in value.split(",") if (module := name.strip())]
    missing = [module for module in modules if not binaries.has_module(module)]
    if missing:
        raise LookupError(f"the package of PostgreSQL has no {' and no '.join(missing)}")
    return {"shared_preload_libraries": ",".join(modules)}


@functools.cache
def _known_settings(binaries: Binaries) -> frozenset[str]:
    """The names of every setting the server has, in lower case, by its own account."""
    listing = subprocess.run(
        [binaries.postgres, "--describe-config"], capture_output=True, check=True, text=True
    ).stdout
    return frozenset(line.split("\t")[0].lower() for line in listing.splitlines())


def _quote(value: str) -> str:
    escaped = value.replace("\\", r"\\").replace("'", "''").replace("\n", r"\n")
    return f"'{escaped}'"
