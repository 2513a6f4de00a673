"""Rotation for tests: who lets it happen, and how one waits for it.

There are no assertions in here (PYTEST_DONT_REWRITE).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.local.account_fixtures import ACCOUNT, REGION, LocalAccount

if TYPE_CHECKING:
    from collections.abc import Callable

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
RULES = {"AutomaticallyAfterDays": 7}


def trust_secrets_manager(account: LocalAccount, name: str, secret: str) -> None:
    """Let Secrets Manager invoke a function for one secret."""
    account.client("lambda").add_permission(
        FunctionName=name,
        StatementId="rotation",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
        SourceArn=secret,
    )


def eventually(holds: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)


def account_log(account: LocalAccount) -> str:
    return (account.paths.account / "account.log").read_text()
