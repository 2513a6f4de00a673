"""What the account tells the data plane about one database instance; nothing secret is in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class InstanceError(Exception):
    """An instance cannot be made, started or changed; the text is one sentence for the operator."""


@dataclass(frozen=True, kw_only=True)
class InstanceSpec:
    """One database instance as the account describes it.

    Attributes:
        identifier: the DBInstanceIdentifier; unique within the data plane.
        resource_id: the DbiResourceId (`db-...`), by which `rds-db:connect` names the instance.
        major: PostgreSQL's major version.
        port: the port that clients connect to, on the data plane's address.
        master_username: the master user.
        parameters: the parameter group's settings, as RDS names and writes them.
        iam_enabled: whether IAM database authentication is switched on.
        database: the initial database (DBName), or None for none beyond `postgres`.
        region: the region that tokens have to be signed for.
        account: the account id in the ARNs that are authorized.
    """

    identifier: str
    resource_id: str
    major: int
    port: int
    master_username: str
    parameters: Mapping[str, str]
    iam_enabled: bool
    database: str | None
    region: str
    account: str

    @property
    def force_tls(self) -> bool:
        """Whether plaintext is refused: RDS's default since PostgreSQL 15."""
        return self.parameters.get("rds.force_ssl", "1") not in {"0", "off", "false"}

    def connect_resource(self, user: str) -> str:
        """The ARN that `rds-db:connect` is decided on for a login as `user`."""
        return f"arn:aws:rds-db:{self.region}:{self.account}:dbuser:{self.resource_id}/{user}"
