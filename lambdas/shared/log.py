"""The functions' log: one JSON object a line on stdout, which Lambda hands to CloudWatch Logs.

Every line has `event`, the name that metric filters and people search for. Errors are not logged
here: they are raised, and the runtime logs what it was not spared.

What the AWS SDK would log is kept out: at level DEBUG, which an operator can set for a function,
it writes down requests and answers, values of secrets and session tokens among them.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime

_TELL_TOO_MUCH = ("boto3", "botocore", "urllib3")


@dataclass(frozen=True)
class Log:
    """Writes lines that all carry the id of one invocation; it is made before any client of AWS."""

    request_id: str

    def __post_init__(self) -> None:
        for name in _TELL_TOO_MUCH:
            logging.getLogger(name).setLevel(logging.WARNING)

    def write(self, event: str, **fields: str | int | bool) -> None:
        """Write one line; the caller names each field, so nothing is logged by accident."""
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"time": time, "requestId": self.request_id, "event": event, **fields}
        print(json.dumps(line), flush=True)
