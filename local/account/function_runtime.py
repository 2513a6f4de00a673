"""Runs one invocation of a Python function, as AWS's runtime does; a program of its own.

It is started with `python -I -S`: neither this project nor its packages are importable, only the
standard library, the function's package and what AWS's runtime brings along. It imports nothing of
the project, reads the invocation from standard input and writes the outcome to a file.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
import traceback
from pathlib import Path
from typing import Any


class Context:
    """The `context` argument of a handler."""

    def __init__(self, invocation: dict[str, Any]) -> None:
        self.function_name = invocation["name"]
        self.function_version = invocation["version"]
        self.invoked_function_arn = invocation["arn"]
        self.memory_limit_in_mb = str(invocation["memory"])
        self.aws_request_id = invocation["request_id"]
        self.log_group_name = invocation["log_group"]
        self.log_stream_name = invocation["log_stream"]
        self.identity = None
        self.client_context = None
        self._deadline = time.monotonic() + invocation["timeout"]

    def get_remaining_time_in_millis(self) -> int:
        """How long the function may still run."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


class RuntimeFailure(Exception):  # noqa: N818 - AWS's own word
    """The function cannot be found; `kind` is the error type that AWS gives it."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def find_handler(name: str) -> Any:  # noqa: ANN401 - whatever the function's author wrote
    """Find `module.function`, with dots or slashes between packages."""
    module_name, _, attribute = name.replace("/", ".").rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise RuntimeFailure(
            "Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}"
        ) from error
    if not hasattr(module, attribute):
        raise RuntimeFailure(
            "Runtime.HandlerNotFound", f"Handler '{attribute}' missing on module '{module_name}'"
        )
    return getattr(module, attribute)


def run(invocation: dict[str, Any]) -> tuple[bool, str]:
    """Call the handler; whether it succeeded, and its result or error as JSON."""
    try:
        handler = find_handler(invocation["handler"])
        result = handler(invocation["event"], Context(invocation))
        try:
            return True, json.dumps(result)
        except (TypeError, ValueError) as error:
            raise RuntimeFailure(
                "Runtime.MarshalError", f"Unable to marshal response: {error}"
            ) from error
    except Exception as error:  # noqa: BLE001 - every error becomes the invocation's answer
        traceback.print_exc()
        failure = {
            "errorMessage": str(error),
            "errorType": error.kind if isinstance(error, RuntimeFailure) else type(error).__name__,
            "requestId": invocation["request_id"],
            "stackTrace": traceback.format_tb(error.__traceback__),
        }
        return False, json.dumps(failure)


def main() -> None:
    """Read the invocation, run it, write the outcome."""
    invocation = json.load(sys.stdin)
    sys.path[:0] = invocation["path"]
    succeeded, payload = run(invocation)
    outcome = json.dumps({"succeeded": succeeded, "payload": payload})
    Path(invocation["outcome"]).write_text(outcome, encoding="utf-8")


if __name__ == "__main__":
    main()
