"""The rotation function for measurements: the project's own, in this process, as a warm one is.

What the account invokes hands each event on to here, and waits for the answer. So Secrets Manager
begins and ends a rotation as ever, and the start of a process is not part of a step's time.
"""

from __future__ import annotations

import contextlib
import io
import json
import secrets
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Listener
from typing import Any

from bench.rotating_account import ACCOUNT, REGION, RotatingAccount
from lambdas.rotate_postgres.handler import rotate
from lambdas.shared.database import Server, Session, connect
from lambdas.shared.errors import FunctionError

STEPS = 4
_NAME = "rotation"
_SECONDS = 60
_HANDS_ON = """
import os
from multiprocessing.connection import Client

def handle(event, context):
    at = ("127.0.0.1", int(os.environ["PORT"]))
    with Client(at, authkey=os.environ["KEY"].encode()) as function:
        function.send(event)
        error = function.recv()
    if error:
        raise RuntimeError(error)
"""


@dataclass(frozen=True)
class Invocation:
    """Lambda's context."""

    aws_request_id: str = "measured"

    def get_remaining_time_in_millis(self) -> int:
        """All the time."""
        return _SECONDS * 1000


class Function:
    """Takes the steps, and counts what they take.

    Attributes:
        seconds: of each invocation.
        calls: of AWS, so far.
        logins: so far.
    """

    def __init__(self, account: RotatingAccount) -> None:
        self.seconds: list[float] = []
        self.calls = self.logins = 0
        self._account = account
        self._aws = cache(self._client)
        self._secrets = account.client("secretsmanager")

    def take(self, event: Mapping[str, str]) -> str:
        """Take a step; the error, if there is one."""
        begun = time.perf_counter()
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # its log
                rotate(
                    event,
                    Invocation(),
                    rotation=self._account.rotation,
                    aws=self._aws,
                    certificates=self._account.ca,
                    connect=self._connect,
                )
        except FunctionError as error:
            return str(error)
        self.seconds.append(time.perf_counter() - begun)
        return ""

    def rotate(self) -> float:
        """Have Secrets Manager rotate; the seconds of the four steps.

        Raises:
            TimeoutError: it does not come to the end.
        """
        before, deadline = len(self.seconds), time.monotonic() + _SECONDS
        while True:
            try:
                self._secrets.rotate_secret(SecretId=self._account.rotation.secret)
                break
            except self._secrets.exceptions.InvalidRequestException:
                # Secrets Manager has not noted the end of the one before yet.
                _wait(deadline)
        while len(self.seconds) < before + STEPS:
            _wait(deadline)
        return sum(self.seconds[before:])

    @contextlib.contextmanager
    def configured(self) -> Iterator[None]:
        """Give the secret a first value, and have it rotated by this function."""
        if error := self.take({"step": "first"}):
            raise SystemExit(error)
        key = secrets.token_hex(16)
        with Listener(("127.0.0.1", 0), authkey=key.encode()) as listener:
            thread = threading.Thread(target=self._serve, args=(listener,), daemon=True)
            thread.start()
            self._configure(str(listener.address[1]), key)
            yield

    def _serve(self, listener: Listener) -> None:
        with contextlib.suppress(OSError):
            while True:
                with listener.accept() as invoked:
                    invoked.send(self.take(invoked.recv()))

    def _configure(self, port: str, key: str) -> None:
        trust = {"Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **trust}]}
        role = self._account.client("iam").create_role(
            RoleName=_NAME, AssumeRolePolicyDocument=json.dumps(allowed)
        )
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as package:
            package.writestr("hands_on.py", _HANDS_ON)
        functions = self._account.client("lambda")
        functions.create_function(
            FunctionName=_NAME,
            Role=role["Role"]["Arn"],
            Handler="hands_on.handle",
            Runtime="python3.13",
            Code={"ZipFile": archive.getvalue()},
            Timeout=_SECONDS,
            Environment={"Variables": {"PORT": port, "KEY": key}},
        )
        secret = self._account.rotation.secret
        functions.add_permission(
            FunctionName=_NAME,
            StatementId=_NAME,
            Action="lambda:InvokeFunction",
            Principal="secretsmanager.amazonaws.com",
            SourceArn=secret,
        )
        self._secrets.rotate_secret(
            SecretId=secret,
            RotationLambdaARN=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{_NAME}",
            RotationRules={"AutomaticallyAfterDays": 7},
            RotateImmediately=False,
        )

    def _connect(self, server: Server, **login: Any) -> Session:  # noqa: ANN401 - handed on
        self.logins += 1
        return connect(server, **login)

    def _client(self, name: str) -> Any:  # noqa: ANN401 - boto3 has no types
        client = self._account.client(name)
        client.meta.events.register("before-send", self._count)
        return client

    def _count(self, **_: object) -> None:
        self.calls += 1


def _wait(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError
    time.sleep(0.01)
