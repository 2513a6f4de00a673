"""What the endpoints' logs say since a moment; it tests nothing."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.environment.checkout import Checkout

LOG_SECONDS = 5


class Visits:
    """The lines that were added to the endpoints' logs since this was made."""

    def __init__(self, checkout: Checkout) -> None:
        self._folder = checkout.paths.endpoint_logs
        self._before = {path: path.stat().st_size for path in self._folder.glob("*.log")}

    def all(self, **wanted: object) -> list[dict[str, Any]]:
        """The lines in which every wanted field has the wanted value."""
        found = []
        for path in sorted(self._folder.glob("*.log")):
            text = path.read_bytes()[self._before.get(path, 0) :].decode()
            found += [json.loads(line) for line in text.splitlines()]
        return [line for line in found if wanted.items() <= line.items()]

    def only(self, **wanted: object) -> dict[str, Any]:
        """The one such line; it may take a moment to be written."""
        deadline = time.monotonic() + LOG_SECONDS
        while not (found := self.all(**wanted)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(found) == 1, (wanted, found)
        return found[0]
