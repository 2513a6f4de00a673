"""One run of a function as a process of its own: its package, the runtime beside it, its end.

It knows no account: credentials and everything else come in with the invocation. The memory limit
is not enforced.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import zipfile
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from local.account import function_runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# What AWS's Python runtime has beside the standard library.
_RUNTIME_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
# AWS's limit on a synchronous invocation's payload.
_LARGEST_PAYLOAD = 6 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """All that a run needs.

    Attributes:
        name: the function.
        arn: its ARN.
        handler: `module.function` within the package.
        package: the package, a zip archive.
        timeout: seconds.
        memory: MiB, told to the function only.
        version: the function's version.
        environment: all variables of the process.
        log_group: where its log goes in CloudWatch Logs.
        log_stream: the stream there.
        request_id: the id of this invocation.
    """

    name: str
    arn: str
    handler: str
    package: bytes = field(repr=False)
    timeout: int
    memory: int
    version: str
    environment: Mapping[str, str] = field(repr=False)
    log_group: str
    log_stream: str
    request_id: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How an invocation ended.

    Attributes:
        payload: the result, or the error as JSON.
        failed: whether `payload` is an error.
        output: what the function printed.
    """

    payload: str
    failed: bool
    output: str = field(repr=False)


class FunctionProcesses:
    """Runs functions and can end all that run.

    Args:
        folder: holds the packages, each unpacked once, and the runtime's own packages.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()

    def run(self, invocation: Invocation, event: object) -> Outcome:
        """Run a function until it ends or its time is over."""
        package, runtime = self._unpacked(invocation), self._runtime()
        with tempfile.TemporaryDirectory(prefix="run-", dir=self._folder) as scratch:
            result = Path(scratch) / "outcome.json"
            message = {
                "path": [str(package), str(runtime)],
                "event": event,
                "outcome": str(result),
                **{
                    name: getattr(invocation, name)
                    for name in (
                        "name", "arn", "handler", "timeout", "memory", "version", "log_group",
                        "log_stream", "request_id",
                    )
                },
            }  # fmt: skip
            process = subprocess.Popen(
                # Isolated and without site-packages: nothing of this project is importable.
                [sys.executable, "-I", "-S", function_runtime.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=package,
                env={
                    **invocation.environment,
                    "HOME": scratch,
                    "LAMBDA_TASK_ROOT": str(package),
                    "TMPDIR": scratch,
                },
                start_new_session=True,
                text=True,
                errors="replace",
            )
            with self._kept(process):
                return _finish(process, invocation, json.dumps(message), result)

    def end_all(self) -> None:
        """Kill every function that runs."""
        with self._lock:
            for process in self._running:
                _kill(process)

    @contextlib.contextmanager
    def _kept(self, process: subprocess.Popen[str]) -> Iterator[None]:
        with self._lock:
            self._running.add(process)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(process)

    def _unpacked(self, invocation: Invocation) -> Path:
        """The folder with the function's package."""
        digest = hashlib.sha256(invocation.package).hexdigest()
        folder = self._folder / "packages" / f"{invocation.name}-{digest[:16]}"
        with self._lock:
            if not folder.exists():
                partial = folder.with_name(f"{folder.name}.partial")
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir(parents=True)
                with zipfile.ZipFile(io.BytesIO(invocation.package)) as archive:
                    archive.extractall(partial)
                partial.rename(folder)
        return folder

    def _runtime(self) -> Path:
        """The folder with links to what AWS's runtime brings along, and to nothing else."""
        folder = self._folder / "runtime"
        with self._lock:
            folder.mkdir(parents=True, exist_ok=True)
            for name in _RUNTIME_PACKAGES:
                spec = find_spec(name)
                if spec is None or spec.origin is None:
                    continue  # The function says which one it misses.
                origin = Path(spec.origin)
                target = origin.parent if origin.name == "__init__.py" else origin
                link = folder / target.name
                if not link.exists():
                    link.unlink(missing_ok=True)
                    link.symlink_to(target)
        return folder


def _finish(
    process: subprocess.Popen[str], invocation: Invocation, message: str, result: Path
) -> Outcome:
    """Hand the process its invocation, wait for its end and read how it went."""
    try:
        output, _ = process.communicate(message, timeout=invocation.timeout)
    except subprocess.TimeoutExpired:
        _kill(process)
        output, _ = process.communicate()
        return _failure(
            invocation,
            "Sandbox.Timedout",
            f"Task timed out after {invocation.timeout}.00 seconds",
            output,
        )
    if not result.exists():
        return _failure(
            invocation,
            "Runtime.ExitError",
            f"Runtime exited with error: exit status {process.returncode}",
            output,
        )
    content = json.loads(result.read_text(encoding="utf-8"))
    if len(content["payload"].encode()) > _LARGEST_PAYLOAD:
        return _failure(
            invocation,
            "Function.ResponseSizeTooLarge",
            f"Response payload size exceeded maximum allowed payload size ({_LARGEST_PAYLOAD} "
            "bytes).",
            output,
        )
    return Outcome(payload=content["payload"], failed=not content["succeeded"], output=output)


def _failure(invocation: Invocation, kind: str, message: str, output: str) -> Outcome:
    """An end that the function did not choose."""
    payload = {
        "errorType": kind,
        "errorMessage": f"RequestId: {invocation.request_id} Error: {message}",
    }
    return Outcome(payload=json.dumps(payload), failed=True, output=output)


def _kill(process: subprocess.Popen[str]) -> None:
    """Kill a function and whatever it started: they are a process group of their own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
