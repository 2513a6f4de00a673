"""Functions for tests: a package out of source text, a function out of it, and its answer.

There are no assertions in here (PYTEST_DONT_REWRITE).
"""

from __future__ import annotations

import io
import json
import secrets
import textwrap
import zipfile
from typing import Any

from tests.local.account_fixtures import LocalAccount, unique

TRUST = {"Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


def package(source: str, bulk: int = 0) -> bytes:
    """A zip archive with `app/main.py`, a file of data, and `bulk` bytes that do not compress."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app/__init__.py", "")
        archive.writestr("app/main.py", textwrap.dedent(source))
        archive.writestr("data.txt", "from the package")
        archive.writestr("bulk", secrets.token_bytes(bulk))
    return buffer.getvalue()


def function(account: LocalAccount, source: str, **given: Any) -> str:  # noqa: ANN401
    """Make a function whose role has `policies`; its name."""
    name = unique("function")
    policies = given.pop("policies", {})
    archive = package(source, given.pop("bulk", 0))
    account.client("lambda").create_function(
        **{
            "FunctionName": name,
            "Role": given.pop("role", None) or account.role(TRUST, **policies),
            "Handler": "app.main.handle",
            "Runtime": "python3.13",
            "Code": {"ZipFile": archive},
            "Timeout": 10,
            **given,
        }
    )
    return name


def invoke(account: LocalAccount, name: str, event: object = None, **given: Any) -> Any:  # noqa: ANN401
    """The answer of Invoke; its payload, read, under `result`."""
    answer = account.client("lambda").invoke(
        FunctionName=name, Payload=json.dumps(event).encode(), **given
    )
    text = answer["Payload"].read().decode()
    return {**answer, "result": json.loads(text) if text else None}
