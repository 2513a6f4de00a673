"""Lambda's Invoke: a function runs with its role's session, its environment and its timeout.

The runtime is this machine's Python, whatever version the function names. An asynchronous
invocation is not repeated when it fails; layers and memory limits are not served.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import threading
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

from local.account.errors import AwsError, RefusedError
from local.account.function_process import FunctionProcesses, Invocation, Outcome
from local.account.resources import function_arn

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from moto.awslambda.models import LambdaFunction

    from local.account.authorization import Authorizer
    from local.account.backends import Backends
    from local.account.calls import Call
    from local.account.principals import Directory
    from local.account.sessions import Credentials
    from local.account.sts import SecurityTokenService

log = logging.getLogger(__name__)

_SERVICE = "lambda.amazonaws.com"
_LOG_ACTIONS = ("logs:CreateLogStream", "logs:PutLogEvents")
# AWS returns the last 4 KiB of the log.
_LOG_TAIL = 4096


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """What functions need of the account.

    Attributes:
        backends: the account's stores.
        directory: finds principals.
        authorizer: decides what a function's role may.
        sts: gives a function its role's session.
        lock: the account's lock.
        save: writes the account's snapshot; called with the lock held.
        endpoint_url: where functions find the account.
        folder: packages and logs.
    """

    backends: Backends
    directory: Directory
    authorizer: Authorizer
    sts: SecurityTokenService
    lock: threading.RLock
    save: Callable[[], None]
    endpoint_url: str
    folder: Path


class Functions:
    """Answers Invoke; the caller does not hold the account's lock."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.processes = FunctionProcesses(runtime.folder)

    def invoke(self, call: Call) -> Response:
        """Run a function and answer with its result, or at once when asked for that.

        Raises:
            AwsError: the payload is no JSON, or Lambda cannot assume the function's role.
        """
        given = call.parameters
        payload = given.get("Payload") or b"{}"
        try:
            event = json.loads(payload)
        except ValueError:
            raise AwsError(
                "InvalidRequestContentException", "Could not parse request body into json."
            ) from None
        with self._runtime.lock:
            invocation = self._prepare(str(given["FunctionName"]), given.get("Qualifier"))
        kind = given.get("InvocationType") or "RequestResponse"
        if kind == "DryRun":
            return Response(status=204)
        if kind == "Event":
            threading.Thread(target=self._run, args=(invocation, event), daemon=True).start()
            return Response(status=202)
        outcome = self._run(invocation, event)
        headers = {"X-Amz-Executed-Version": invocation.version}
        if outcome.failed:
            headers["X-Amz-Function-Error"] = "Unhandled"
        if given.get("LogType") == "Tail":
            tail = outcome.output.encode()[-_LOG_TAIL:]
            headers["X-Amz-Log-Result"] = base64.b64encode(tail).decode()
        return Response(outcome.payload, content_type="application/json", headers=headers)

    def run(self, name: str, event: object) -> Outcome:
        """Run a function for an AWS service, and wait for it; the caller has checked its policy.

        Raises:
            AwsError: Lambda cannot assume the function's role.
        """
        with self._runtime.lock:
            invocation = self._prepare(name, None)
        return self._run(invocation, event)

    def _prepare(self, name: str, qualifier: str | None) -> Invocation:
        function = self._runtime.backends.functions.get_function(name, qualifier)
        stream = f"{datetime.now(UTC).strftime('%Y/%m/%d')}/[{function.version}]{uuid.uuid4().hex}"
        return Invocation(
            name=function.function_name,
            arn=function_arn(function.function_name, self._runtime.backends),
            handler=function.handler or "",
            package=function.code_bytes,
            timeout=int(function.timeout),
            memory=int(function.memory_size),
            version=str(function.version),
            environment=self._environment(function, self._session(function), stream),
            log_group=function.logs_group_name,
            log_stream=stream,
            request_id=str(uuid.uuid4()),
        )

    def _session(self, function: LambdaFunction) -> Credentials:
        try:
            return self._runtime.sts.for_service(function.role, _SERVICE, function.function_name)
        except RefusedError as error:
            raise AwsError(
                "AccessDeniedException",
                f"The role defined for the function cannot be assumed by Lambda: {error}",
                403,
            ) from None

    def _environment(
        self, function: LambdaFunction, session: Credentials, stream: str
    ) -> dict[str, str]:
        """The variables of a run: AWS's, the function's own, and its role's session."""
        region = self._runtime.backends.region
        return {
            "AWS_DEFAULT_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self._runtime.endpoint_url,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "AWS_LAMBDA_FUNCTION_VERSION": str(function.version),
            "AWS_LAMBDA_LOG_GROUP_NAME": function.logs_group_name,
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
            "AWS_REGION": region,
            "LANG": "en_US.UTF-8",
            "PATH": os.defpath,
            "TZ": ":UTC",
            "_HANDLER": function.handler or "",
            **{str(name): str(value) for name, value in function.environment_vars.items()},
            "AWS_ACCESS_KEY_ID": session.access_key_id,
            "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
            "AWS_SESSION_TOKEN": session.session_token,
        }

    def _run(self, invocation: Invocation, event: object) -> Outcome:
        started = time.monotonic()
        outcome = self.processes.run(invocation, event)
        milliseconds = (time.monotonic() - started) * 1000
        lines = [
            f"START RequestId: {invocation.request_id} Version: {invocation.version}",
            *outcome.output.splitlines(),
            f"END RequestId: {invocation.request_id}",
            f"REPORT RequestId: {invocation.request_id} Duration: {milliseconds:.0f} ms",
        ]
        self._write_log(invocation, lines)
        with self._runtime.lock:
            self._publish(invocation, lines)
        log.info("%s: %s", invocation.name, "failed" if outcome.failed else "succeeded")
        return outcome

    def _write_log(self, invocation: Invocation, lines: list[str]) -> None:
        """Append to the function's log file, which its owner alone may read."""
        folder = self._runtime.folder / "logs"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / f"{invocation.name}.log").open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)

    def _publish(self, invocation: Invocation, lines: list[str]) -> None:
        """Put the log into CloudWatch Logs, if the group exists and the role may write to it."""
        backends, directory = self._runtime.backends, self._runtime.directory
        if invocation.log_group not in backends.logs.groups:
            return
        environment = invocation.environment
        _, caller = directory.holder(
            environment["AWS_ACCESS_KEY_ID"], environment["AWS_SESSION_TOKEN"]
        )
        stream = f"log-group:{invocation.log_group}:log-stream:{invocation.log_stream}"
        for action in _LOG_ACTIONS:
            decision = self._runtime.authorizer.decide(
                caller, action, backends.arn("logs", stream), {}
            )
            if not decision.allowed:
                log.info("%s writes no log to CloudWatch: %s", invocation.name, decision.reason)
                return
        now = int(time.time() * 1000)
        backends.logs.create_log_stream(invocation.log_group, invocation.log_stream)
        backends.logs.put_log_events(
            invocation.log_group,
            invocation.log_stream,
            [{"timestamp": now, "message": line} for line in lines],
        )
        self._runtime.save()
