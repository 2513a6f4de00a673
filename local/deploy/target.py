"""Where one operation goes: the clients of the resource's provider, its timeouts, its files."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.deploy.cloud import Cloud
from local.deploy.drivers.base import DriverError
from local.deploy.servers import Connection, Login, Servers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from local.deploy.wire import Properties

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")
# The SDKs send inputs of providers as text; these are JSON in it.
_JSON_INPUTS = frozenset(
    {
        "allowedAccountIds",
        "awsRdsIamAuth",
        "connectTimeout",
        "defaultTags",
        "enableConfigMapMutable",
        "maxConnections",
        "port",
        "skipCredentialsValidation",
        "skipRegionValidation",
        "superuser",
    }
)


def provider_settings(inputs: Properties) -> Properties:
    """Return the inputs of an explicit provider with numbers, lists and objects read from text."""
    return {
        key: json.loads(value) if key in _JSON_INPUTS and isinstance(value, str) else value
        for key, value in inputs.items()
    }


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a driver works with during one operation."""

    root: Path
    """The project's folder: relative paths in the program start there."""
    provider: Properties
    """The provider's settings (see `provider_settings`)."""
    cloud: Cloud
    servers: Servers
    timeouts: Mapping[str, str] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()
    """Ids of other resources of this type: not to be adopted."""

    @property
    def region(self) -> str:
        """The provider's region.

        Raises:
            DriverError: the resource has no explicit provider that names one.
        """
        region = self.provider.get("region")
        if not isinstance(region, str):
            raise DriverError("no provider with a region: hand an explicit aws.Provider down")
        return region

    def aws(self, service: str) -> Any:  # noqa: ANN401 - boto3 has no types
        """Return the client of an AWS service in the provider's region and account."""
        return self.cloud.client(service, self.region, self.provider.get("allowedAccountIds", ()))

    def connection(self, database: str | None = None) -> AbstractContextManager[Connection]:
        """Hold the provider's server and connect to `database`, by default the provider's own."""
        return self.servers.connection(self.login, database)

    @property
    def login(self) -> Login:
        """How the provider logs in to its server.

        Raises:
            DriverError: the resource has no explicit provider.
        """
        if "host" not in self.provider:
            raise DriverError("no provider with a host: hand an explicit postgresql.Provider down")
        return Login.of(self.provider, self.root)

    def seconds(self, operation: str, default: float) -> float:
        """Return the program's own timeout for `create`, `update` or `delete`, or `default`."""
        text = self.timeouts.get(operation, "")
        match = _DURATION.fullmatch(text)
        if not text or match is None:
            return default
        hours, minutes, seconds = (float(part or 0) for part in match.groups())
        return hours * 3600 + minutes * 60 + seconds


class Targets:
    """Makes the targets of one run; `close` it at the end."""

    def __init__(self, root: Path, provider: Callable[[str], Properties]) -> None:
        """Take the project's folder and what gives the settings of the provider with a URN."""
        self.root = root
        self.provider = provider
        self._cloud = Cloud()
        self._servers = Servers(self._cloud)

    def of(
        self,
        provider_urn: str,
        *,
        timeouts: Mapping[str, str] | None = None,
        taken: frozenset[str] = frozenset(),
    ) -> Target:
        """Return where an operation by this provider goes."""
        return Target(
            root=self.root,
            provider=self.provider(provider_urn),
            cloud=self._cloud,
            servers=self._servers,
            timeouts=timeouts or {},
            taken=taken,
        )

    def close(self) -> None:
        """Close every connection."""
        self._servers.close()
