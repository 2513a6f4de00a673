"""The one place where moto's own classes are replaced, each for a reason.

Operations that the account carries out itself, without moto, are in `local.account.app`.
"""

from __future__ import annotations

import moto.rds.models
import moto.s3.models
from moto.iam.models import iam_backends
from moto.rds.models import rds_backends
from moto.secretsmanager.models import secretsmanager_backends

from local.account.buckets import Bucket, DeleteMarker
from local.account.database_instance import Instance, ManagedSecret
from local.account.identity_store import IdentityStore
from local.account.rds import Databases
from local.account.secrets import Secrets


def install() -> None:
    """Make moto use the classes of this package; before any of its stores is used."""
    # AWS's managed policies are missing, and secret access keys can be guessed.
    iam_backends.backend = IdentityStore
    # Reads ignore AWSCURRENT after it was moved, and a label can be on two versions.
    secretsmanager_backends.backend = Secrets
    # Calls only change what is described; here they reach a server.
    rds_backends.backend = Databases
    # Every instance has the same DbiResourceId, an address that does not exist, and is at once
    # `available` and its parameters `in-sync`.
    moto.rds.models.DBInstance = Instance  # type: ignore[assignment, misc] # on purpose
    # The master user's secret holds a constant, and rotating it leaves it without a value.
    moto.rds.models.MasterUserSecret = ManagedSecret  # type: ignore[misc] # on purpose
    # Its policy would be judged without conditions, so that a Deny of plain HTTP denies everything.
    moto.s3.models.FakeBucket = Bucket  # type: ignore[misc] # on purpose
    # It stops every delete of an object that has one, once versioning is suspended.
    moto.s3.models.FakeDeleteMarker = DeleteMarker  # type: ignore[misc] # on purpose
