"""The functions' log: one JSON object a line on stdout, which Lambda hands to CloudWatch Logs.

Every line has `event`, the name that metric filters and people search for. Errors are not logged
here: they are raised, and the runtime logs what it was not spared.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Log:
    """Writes lines that all carry the id of one invocation."""

    request_id: str

    def write(self, event: str, **fields: str | int | bool) -> None:
        """Write one line; the caller names each field, so nothing is logged by accident."""
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"time": time, "requestId": self.request_id, "event": event, **fields}
        print(json.dumps(line), flush=True)
