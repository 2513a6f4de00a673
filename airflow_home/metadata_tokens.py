"""IAM tokens for logins in the metadata database, remembered for a moment.

A token opens new connections for 15 minutes; connections that are open stay so.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Any

LIFETIME_SECONDS = 900
"""How long RDS accepts a token, by its documentation."""
MARGIN_SECONDS = 840
"""How long before its end a token is not used any more. Signing one takes less than a millisecond
and no request, so there is nothing to gain from an old one; and credentials that expire take their
tokens with them: botocore renews those of a pod ten minutes before that."""
REUSE_SECONDS = LIFETIME_SECONDS - MARGIN_SECONDS


class TokenCache:
    """Tokens by server and login, for all threads of a process.

    Args:
        client: an RDS client of boto3; made at the first token when absent. It is kept, and renews
            its credentials by itself.
        reuse_seconds: how long a token is given again.
    """

    def __init__(self, client: Any = None, *, reuse_seconds: float = REUSE_SECONDS) -> None:  # noqa: ANN401 - boto3 has no types
        self._client = client
        self._reuse_seconds = reuse_seconds
        self._lock = threading.Lock()
        self._tokens: dict[tuple[str, int, str], tuple[str, float]] = {}

    def token(self, host: str, port: int, user: str, *, fresh: bool = False) -> str:
        """Return a token that lets `user` in at `host`:`port`; `fresh`: signed at this moment."""
        key = (host, port, user)
        with self._lock:
            token, signed_at = self._tokens.get(key, ("", 0.0))
            now = time.monotonic()
            if fresh or not token or now - signed_at >= self._reuse_seconds:
                token = self._sign(*key)
                self._tokens[key] = (token, now)
            return token

    def _sign(self, host: str, port: int, user: str) -> str:
        if self._client is None:
            # Here, because tasks import this module too, and have nothing to sign with it.
            import boto3  # noqa: PLC0415

            region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
            self._client = boto3.session.Session(region_name=region).client("rds")
        token: str = self._client.generate_db_auth_token(
            DBHostname=host, Port=port, DBUsername=user
        )
        return token
