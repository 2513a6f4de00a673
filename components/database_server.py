"""What clients of a database need to know of it, be it an instance or a proxy in front of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pulumi import Output

from components import iam_documents
from components.rendering import rendered


@dataclass(frozen=True, kw_only=True)
class DatabaseEndpoint:
    """Where clients connect, and what IAM and the network know the server as."""

    address: Output[str]
    """Host name; tokens are signed for it, so an alias of it does not work."""
    port: int
    """TCP port."""
    resource_id: Output[str]
    """What stands in ARNs of its logins: `db-...` of an instance, `prx-...` of a proxy."""
    security_group_id: Output[str]
    """The group to open for another client."""
    region: str
    account: str

    def connect_policy(self, *db_users: str, ends_at: datetime | None = None) -> Output[str]:
        """IAM policy, as JSON, to log in as exactly these users, until `ends_at` (UTC) if given."""
        return rendered(
            iam_documents.connect,
            region=self.region,
            account=self.account,
            resource_id=self.resource_id,
            db_users=list(db_users),
            ends_at=ends_at,
        )

    def outputs(self) -> Mapping[str, Any]:
        """The endpoint as a component registers it."""
        return {
            "address": self.address,
            "port": self.port,
            "resource_id": self.resource_id,
            "security_group_id": self.security_group_id,
        }


class DatabaseServer(Protocol):
    """A server that logins can be given access to."""

    @property
    def endpoint(self) -> DatabaseEndpoint:
        """Where clients connect."""

    def connect_policy(self, db_user: str, ends_at: datetime | None = None) -> Output[str]:
        """IAM policy, as JSON, to log in as exactly this user, until `ends_at` (UTC) if given."""
