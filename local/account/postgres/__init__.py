"""PostgreSQL as RDS serves it: real servers, each behind a TLS endpoint that knows IAM."""

from __future__ import annotations

from local.account.postgres.identities import (
    Credential,
    Decision,
    Identities,
    UnknownCredentialError,
)
from local.account.postgres.instance import InstanceError, InstanceSpec
from local.account.postgres.parameters import dropped_parameters
from local.account.postgres.plane import DataPlane, remove_files

__all__ = [
    "Credential",
    "DataPlane",
    "Decision",
    "Identities",
    "InstanceError",
    "InstanceSpec",
    "UnknownCredentialError",
    "dropped_parameters",
    "remove_files",
]
