"""The loopback addresses of pods and Services.

Linux has all of 127.0.0.0/8, so each pod and each Service has an address of its own there, near the
node's. Elsewhere there is one address for all, and two pods cannot listen at the same port.
"""

from __future__ import annotations

import ipaddress
import json
import sys
from collections.abc import Iterator, Set
from pathlib import Path

from local.account.files import write_private
from local.cluster.place import ClusterError


class Addresses:
    """Chooses addresses; those of Services stay the same, as running pods know them.

    Attributes:
        many: whether pods have addresses of their own.
        services: Service as `namespace/name` -> its address.

    Args:
        node: the node's own address.
        file: keeps the addresses of Services.
    """

    def __init__(self, node: str, file: Path) -> None:
        self.many = sys.platform.startswith("linux")
        self.services: dict[str, str] = json.loads(file.read_bytes()) if file.exists() else {}
        self._node = node
        self._file = file

    def of_service(self, key: str) -> str:
        """The address of a Service; the first one gets the node's own."""
        if key not in self.services:
            taken = set(self.services.values())
            self.services[key] = self._node if self._node not in taken else self._free(taken)
            write_private(self._file, json.dumps(self.services, indent=1).encode())
        return self.services[key]

    def of_pod(self, taken: Set[str]) -> str:
        """An address for a new pod; `taken` are those of the others."""
        return self._free(taken | set(self.services.values()) | {self._node})

    def _free(self, taken: Set[str]) -> str:
        if not self.many:
            return self._node
        for address in self._near():
            if address not in taken:
                return address
        raise ClusterError(f"All addresses beside {self._node} are taken: run fewer pods.")

    def _near(self) -> Iterator[str]:
        """The other addresses of the node's network of 254, from the node's own on."""
        network = ipaddress.ip_network(f"{self._node}/24", strict=False)
        first, own = int(network.network_address), int(ipaddress.ip_address(self._node))
        for step in range(1, 254):
            yield str(ipaddress.ip_address(first + 1 + (own - first - 1 + step) % 254))
