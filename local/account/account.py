"""The account: its stores, its rules, its servers, and the files that make it last."""

from __future__ import annotations

import configparser
import io
import secrets
import shutil
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.account.authorization import Authorizer
from local.account.backends import Backends
from local.account.errors import AwsError
from local.account.files import write_private
from local.account.functions import Functions, Runtime
from local.account.identities import AccountIdentities
from local.account.instances import Instances
from local.account.oidc import Issuer
from local.account.postgres import DataPlane
from local.account.principals import Directory
from local.account.rds import Databases
from local.account.rotation import Rotations
from local.account.sessions import Sessions
from local.account.snapshot import Snapshot
from local.account.sts import SecurityTokenService
from local.account.tls import CertificateAuthority

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from local.account.calls import Call
    from local.account.landing_zone import LandingZone
    from local.paths import Paths


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an account lives and answers.

    Attributes:
        paths: its files.
        runtime_folder: a short folder outside, see `DataPlane`.
        address: its loopback address.
        port: the port of its API.
    """

    paths: Paths
    runtime_folder: Path
    address: str
    port: int

    @property
    def url(self) -> str:
        """Where its API answers."""
        return f"http://{self.address}:{self.port}"


class Account:
    """One account in one region, put back as it was left; moto's classes are replaced already.

    Attributes:
        lock: held by whoever reads or changes the stores.
        root_key: proves the owner of the account's files.
    """

    def __init__(
        self, account: str, region: str, place: Place, clock: Callable[[], float] = time.time
    ) -> None:
        self.region = region
        self.clock = clock
        self.lock = threading.RLock()
        self._place = place
        folder = place.paths.account
        self.root_key = _root_key(folder / "root.key")
        self.backends = Backends(account, region)
        self._snapshot = Snapshot(folder / "snapshot", self.backends)
        self._snapshot.read()
        self.issuer = Issuer(folder, region, clock)
        self.directory = Directory(self.backends, Sessions(folder / "sessions.key", clock))
        self.authorizer = Authorizer(self.directory, clock)
        self.sts = SecurityTokenService(self.directory, self.authorizer, self.issuer)
        runtime = Runtime(
            backends=self.backends,
            directory=self.directory,
            authorizer=self.authorizer,
            sts=self.sts,
            lock=self.lock,
            save=self.save,
            endpoint_url=place.url,
            folder=folder / "functions",
        )
        self.functions = Functions(runtime)
        self.rotations = Rotations(runtime, self.functions, clock)
        self._databases.endpoint_address = place.address
        self._plane = DataPlane(
            folder=folder / "instances",
            runtime_folder=place.runtime_folder,
            address=place.address,
            authority=self._authority(folder / "authority"),
            identities=AccountIdentities(self.directory, self.authorizer, self.lock),
            log_folder=place.paths.endpoint_logs,
        )
        self.instances = Instances(self._databases, self._plane, self.lock, self.save)

    def save(self) -> None:
        """Write what the account holds; the caller holds the lock."""
        self._snapshot.write()

    def require_room(self, more: int) -> None:
        """Refuse to go on when a snapshot with so many more bytes has no room.

        Raises:
            AwsError: there is none.
        """
        if not self._snapshot.has_room(more):
            folder = self._place.paths.account
            raise AwsError("InsufficientStorage", f"no space is left in {folder}: make room there")

    def close(self) -> None:
        """End functions and servers, keeping all data."""
        self.rotations.close()
        self.functions.processes.end_all()
        self.instances.close()
        self._plane.stop_all()

    def without_moto(self, call: Call) -> dict[str, Any] | None:
        """Carry out an operation of RDS that moto does not have; None for any other."""
        given = call.parameters
        match call.action:
            case "rds:ResetDBParameterGroup":
                group = self._databases.reset_db_parameter_group(
                    str(given["DBParameterGroupName"]),
                    given.get("Parameters") or [],
                    everything=bool(given.get("ResetAllParameters")),
                )
                return {"DBParameterGroupName": group.name}
            case (
                "rds:ModifyEventSubscription"
                | "rds:AddSourceIdentifierToSubscription"
                | "rds:RemoveSourceIdentifierFromSubscription"
            ):
                found = self._databases.change_event_subscription(call.name, given)
                return {"EventSubscription": found}
        return None

    def write_profiles(self, zone: LandingZone) -> None:
        """Write the AWS shared files: a profile for each user of the landing zone."""
        credentials, config = configparser.RawConfigParser(), configparser.RawConfigParser()
        for name in zone.user_names:
            key = self.backends.iam.list_access_keys(name)[0]
            credentials[name] = {
                "aws_access_key_id": key.access_key_id,
                "aws_secret_access_key": key.secret_access_key,
            }
            config[f"profile {name}"] = {
                "region": self.region,
                "endpoint_url": self._place.url,
                "output": "json",
            }
        for path, content in (
            (self._place.paths.credentials, credentials),
            (self._place.paths.config, config),
        ):
            text = io.StringIO()
            content.write(text)
            write_private(path, text.getvalue().encode())

    @property
    def _databases(self) -> Databases:
        databases = self.backends.rds
        if not isinstance(databases, Databases):
            raise TypeError("moto's classes have to be replaced before the account is made.")
        return databases

    def _authority(self, folder: Path) -> CertificateAuthority:
        """The CA; its key stays with the account, its certificate goes where clients look."""
        authority = CertificateAuthority.open(folder)
        bundle = self._place.paths.ca_bundle
        bundle.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(authority.certificate_file, bundle)
        return authority


def _root_key(path: Path) -> bytes:
    if not path.exists():
        write_private(path, secrets.token_hex(32).encode())
    return path.read_bytes()
