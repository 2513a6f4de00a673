"""The endpoint's log, one JSON object a line: who came in, as whom, and who was refused, and why.

It holds no password and no token. It only grows; whoever removes the instance's data decides on it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

Event = Literal["in", "refused", "closed", "cancel", "lost"]


@dataclass(kw_only=True)
class Visit:
    """What is known so far of one client's connection; None is not known, or does not apply.

    Attributes:
        peer: the client's address and port.
        user: the login it asked for.
        database: the database it asked for.
        method: with which kind of credential.
        identity: the ARN of the principal whose token it was.
        tls: the protocol version, such as `TLSv1.3`.
    """

    instance: str
    peer: str
    user: str | None = None
    database: str | None = None
    method: Literal["iam", "scram"] | None = None
    identity: str | None = None
    tls: str | None = None

    @property
    def connection(self) -> str:
        """The connection in pg_hba.conf's words."""
        host = self.peer.rpartition(":")[0]
        encryption = "SSL encryption" if self.tls else "no encryption"
        return f'host "{host}", user "{self.user}", database "{self.database}", {encryption}'


class Journal:
    """An append-only file that only its owner reads; written from one thread.

    Args:
        path: the file; made when missing.
        now: the clock.
    """

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._file = os.fdopen(descriptor, "a", buffering=1, encoding="utf-8")
        self._now = now

    def write(
        self, event: Event, visit: Visit, *, sqlstate: str | None = None, reason: str | None = None
    ) -> None:
        """Append one line."""
        time = self._now().isoformat(timespec="milliseconds")
        line = {
            "time": time,
            "event": event,
            **vars(visit),
            "sqlstate": sqlstate,
            "reason": reason,
        }
        self._file.write(json.dumps(line) + "\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
