"""Where the `local` environment keeps its files: one folder per checkout, nothing elsewhere.

The one exception is PostgreSQL when everything runs as root; the account records that folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Paths:
    """The files of the `local` environment of the checkout at `root`."""

    root: Path

    @property
    def local(self) -> Path:
        """The folder that holds all of it."""
        return self.root / ".local"

    @property
    def account(self) -> Path:
        """The account's own side: what on AWS nobody but AWS sees."""
        return self.local / "account"

    @property
    def certificates(self) -> Path:
        """Where the CA bundle lies that clients verify the database endpoints with."""
        return self.local / "certificates"

    @property
    def ca_bundle(self) -> Path:
        """The CA bundle itself, PEM."""
        return self.certificates / "ca.pem"

    @property
    def credentials(self) -> Path:
        """The AWS shared credentials file: one profile per IAM user of the account."""
        return self.local / "credentials"

    @property
    def config(self) -> Path:
        """The AWS shared config file: region and endpoint of the account."""
        return self.local / "config"

    @property
    def endpoint_logs(self) -> Path:
        """One JSON-lines file per database instance: who came in, as whom, and who was refused."""
        return self.local / "endpoint"

    @property
    def address(self) -> Path:
        """The loopback address and port at which the account answers."""
        return self.account / "address"

    @property
    def state(self) -> Path:
        """What `make up` created, as its own engine remembers it."""
        return self.local / "state.json"

    @property
    def lock(self) -> Path:
        """Held by the one command that changes the environment."""
        return self.local / "lock"

    @property
    def engine(self) -> Path:
        """Which engine made the local stack: `builtin` or `pulumi`."""
        return self.local / "engine"

    @property
    def packages(self) -> Path:
        """Where function packages are built."""
        return self.root / "build"

    @property
    def manifests(self) -> Path:
        """The Kubernetes objects that the program declares, as files."""
        return self.local / "manifests"

    def aws_environment(self, profile: str) -> dict[str, str]:
        """Return the variables that point any AWS SDK at the account; no secret is among them."""
        return {
            "AWS_CONFIG_FILE": str(self.config),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.credentials),
            "AWS_PROFILE": profile,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
