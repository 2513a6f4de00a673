"""Parameter groups as RDS checks and applies them: which parameters exist, and which need a reboot.

What a value does to the server is the data plane's business.
"""

from __future__ import annotations

import functools
import subprocess
from typing import TYPE_CHECKING, Any

from moto.rds.exceptions import InvalidParameterCombination, InvalidParameterValue

from local.account.postgres import InstanceError
from local.account.postgres.binaries import find

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_FAMILY = "postgres"
# RDS's own parameters that take effect with a reboot; all others of its own are dynamic.
_STATIC_RDS = {
    "rds.logical_replication",
    "rds.rds_superuser_reserved_connections",
    "rds.restrict_password_commands",
}


def described(family: str, parameters: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Check parameters that a group shall hold and return them as RDS describes them afterwards.

    Raises:
        InvalidParameterValue: a parameter does not exist.
        InvalidParameterCombination: a static one shall take effect without a reboot.
    """
    known = _server_parameters(family)
    result = []
    for parameter in parameters:
        name = str(parameter["ParameterName"])
        # What a module or RDS itself adds has a dot, and is not known to the bare server.
        if known and "." not in name and name not in known:
            raise InvalidParameterValue(f"Could not find parameter with name: {name}")
        static = name in _STATIC_RDS or known.get(name) == "postmaster"
        if static and parameter.get("ApplyMethod", "immediate") == "immediate":
            raise InvalidParameterCombination(
                f"cannot use immediate apply method for static parameter {name}: "
                "set its apply method to pending-reboot"
            )
        result.append(
            {
                **parameter,
                "ApplyType": "static" if static else "dynamic",
                "IsModifiable": True,
                # The AWS provider overlooks parameters whose source is not told.
                "Source": "user",
            }
        )
    return result


def in_force(
    parameters: Mapping[str, Mapping[str, Any]], at_last_boot: Mapping[str, str]
) -> dict[str, str]:
    """The values that count until the next reboot.

    Args:
        parameters: the group, name -> parameter.
        at_last_boot: name -> value when the server was last started with the whole group.
    """
    return {
        name: value
        for name, parameter in parameters.items()
        if (
            value := parameter["ParameterValue"]
            if parameter.get("ApplyMethod", "immediate") == "immediate"
            else at_last_boot.get(name)
        )
        is not None
    }


@functools.cache
def _server_parameters(family: str) -> Mapping[str, str]:
    """Name -> context of every parameter of the family's server; empty if it is not here."""
    major = family.removeprefix(_FAMILY)
    try:
        program = find(int(major)).postgres if major.isdigit() else None
    except InstanceError:
        program = None
    if program is None:
        return {}
    listing = subprocess.run(
        [program, "--describe-config"], capture_output=True, check=True, text=True
    ).stdout
    rows = (line.split("\t") for line in listing.splitlines())
    return {row[0].lower(): row[1] for row in rows}


@functools.cache
def engine_version(wanted: str) -> str:
    """The version that an instance gets for the one asked for: a bare major gets its minor.

    Raises:
        InstanceError: this machine has no such major version.
    """
    major, _, minor = wanted.partition(".")
    program = find(int(major)).postgres if major.isdigit() else find(0).postgres
    if minor:
        return wanted
    answer = subprocess.run([program, "--version"], capture_output=True, check=True, text=True)
    return answer.stdout.split()[-1]
